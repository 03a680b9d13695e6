// --- the element ----------------------------------------------------------------------------------------------------

const TEXT_ATTRIBUTES = ["trip", "from", "to", "section", "organization", "user", "service"];
const NUMBER_ATTRIBUTES = ["party-size", "party-size-max", "hold-seconds", "poll-seconds"];
const BEGIN_ANEW = ["trip", "from", "to", "organization", "user", "service", "choose-journey", "hold-token"];
const GIVEN = { token: null, isObjectSelectable: null, priceFormatter: null, messages: {} };
const camelCase = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
const ATTRIBUTES = [...TEXT_ATTRIBUTES, ...NUMBER_ATTRIBUTES, "choose-journey", "hold-token"];
const SET_EARLY = [...ATTRIBUTES.map(camelCase), ...Object.keys(GIVEN)];
/** Notices that are over when the map could be read again. */
const NOT_SHOWN = ["notAllowed", "notFound", "wrongTrip"];
/** Notices that stay until the outcome is known. */
const UNSETTLED = ["unknown", "bookingUnknown", "notKnown"];
const OWN_SERVICE = new URL("..", import.meta.url).href;

/** An attribute, which null and undefined take away: so frameworks say that a property is not set. */
const setOrRemove = (element, name, value) =>
  value === null || value === undefined ? element.removeAttribute(name) : element.setAttribute(name, value);

export class TravioSeatMap extends HTMLElement {
  static observedAttributes = [...ATTRIBUTES, "lang"];

  #given = { ...GIVEN };
  #words = new Words(this);
  #service = new Service(this);
  #view;
  #live = null;
  #begun = 0;
  #willBegin = false;
  #isQuiet = false;
  #map = null;
  #seats = new Map();
  #etag = "";
  /** Attributes that the page has not set: they are those of one trip. */
  #filled = new Set();
  #lastTrip = "";
  /** What is heard while a map is on its way, for each of these: it may be older. */
  #heard = new Set();
  #sections = [];
  #notOnSale = "";
  #stops = [];
  #selected = new Map();
  #hold = null;
  #key = null;
  #phase = "loading";
  #isAway = false;
  #countTimer = null;

  constructor() {
    super();
    this.#view = new View(this.attachShadow({ mode: "open" }), this.#words, {
      stateOf: (seat) => this.#stateOf(seat),
      toggle: (seat) => this.#toggle(seat),
      remove: (seat) => this.deselectObjects([seat.id]),
      hold: () => this.holdSelected(),
      release: () => (this.#phase === "unknown" ? this.#giveUp() : this.releaseHold()),
      together: () => this.selectBestAvailable(),
      party: (more) => (this.partySize += more),
      journey: (name, stop) => this.#travel(name, stop),
      section: (id) => (this.section = id),
    });
    for (const name of Object.keys(GIVEN)) this.#accessor(name);
  }

  connectedCallback() {
    for (const name of SET_EARLY) this.#upgrade(name);
    if (!this.#map) this.#begin();
  }

  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || this.#leave());
  }

  attributeChangedCallback(name, before, now) {
    if (!this.#isQuiet) this.#filled.delete(name);
    if (before === now || !this.isConnected || this.#isQuiet) return;
    if (name === "hold-token" && this.#hold && now === this.#hold.id) return;
    if (name === "section") this.#openSection();
    else if (name.startsWith("party-size")) this.#resize();
    else if (name === "lang") this.#redraw();
    else if (BEGIN_ANEW.includes(name)) this.#begin();
  }

  get partySizeMax() {
    return numberOf(this.getAttribute("party-size-max") ?? 8, 1, PARTY_MAX);
  }

  set partySizeMax(value) {
    setOrRemove(this, "party-size-max", value);
  }

  get partySize() {
    return numberOf(this.getAttribute("party-size") ?? 1, 1, this.partySizeMax);
  }

  set partySize(value) {
    this.setAttribute("party-size", numberOf(value, 1, this.partySizeMax));
  }

  /** 0: as long as the service usually does. */
  get holdSeconds() {
    return secondsOf(this.getAttribute("hold-seconds"));
  }

  set holdSeconds(value) {
    setOrRemove(this, "hold-seconds", value);
  }

  get pollSeconds() {
    return numberOf(Number(this.getAttribute("poll-seconds") ?? 5) * 1_000, POLL_MS_MIN, POLL_MS_MAX) / 1_000;
  }

  set pollSeconds(value) {
    setOrRemove(this, "poll-seconds", value);
  }

  get chooseJourney() {
    return this.hasAttribute("choose-journey");
  }

  set chooseJourney(value) {
    this.toggleAttribute("choose-journey", Boolean(value));
  }

  /** The id of the hold; set, the element goes on with it. */
  get holdToken() {
    return this.#hold?.id ?? this.getAttribute("hold-token") ?? "";
  }

  set holdToken(value) {
    if (value) this.setAttribute("hold-token", value);
    else this.removeAttribute("hold-token");
  }

  /** `loading`, `choosing`, `holding`, `unknown`, `held`, `booked` or `failed`. */
  get phase() {
    return this.#phase;
  }

  get selectedObjects() {
    return [...this.#selected.values()].map((seat) => this.#object(seat));
  }

  get expiresAt() {
    return this.#hold ? new Date(this.#hold.expiresAt) : null;
  }

  /** Chooses these seats of the section that is shown, as far as they are free and the party has room. */
  selectObjects(ids) {
    for (const id of ids) if (this.#seats.has(id) && !this.#selected.has(id)) this.#toggle(this.#seats.get(id));
  }

  deselectObjects(ids) {
    if (this.#phase !== "choosing") return;
    for (const id of ids) if (this.#selected.has(id)) this.#deselect(this.#selected.get(id));
    this.#show();
  }

  clearSelection() {
    this.deselectObjects([...this.#selected.keys()]);
  }

  /** Chooses seats next to one another for the whole party, in the section that is shown. Returns whether it could. */
  selectBestAvailable() {
    if (this.#phase !== "choosing") return false;
    const isFree = (seat) => ["available", "selected"].includes(this.#stateOf(seat));
    const best = bestRun([...this.#seats.values()].filter(isFree), this.partySize);
    if (!best) {
      this.#view.tell("noneTogether", "bad", { n: this.partySize });
      return false;
    }
    this.clearSelection();
    this.selectObjects(best.map((seat) => seat.id));
    return true;
  }

  /** Holds what is chosen, all of it or nothing. Returns the hold, or null; events and the page say why. */
  async holdSelected() {
    if (!["choosing", "unknown"].includes(this.#phase) || !this.#selected.size) return null;
    const [begun, seats] = [this.#begun, [...this.#selected.values()]];
    this.#key ??= newKey();
    this.#become("holding");
    let answer;
    const body = {
      trip_id: this.trip,
      from_station_id: this.from,
      to_station_id: this.to,
      seat_ids: seats.map((seat) => seat.id),
      hold_duration_seconds: this.holdSeconds,
    };
    try {
      answer = await this.#service.settle("POST", ["v1", "holds"], { body, key: this.#key });
    } catch (error) {
      if (begun === this.#begun) this.#isNotHeld(error, seats);
      return null;
    }
    const { data, now } = answer;
    if (begun !== this.#begun) {
      new Hold(this.#service, textOf(data?.hold_id), seats, {}).release().catch(() => null); // it ends by itself
      return null;
    }
    this.#key = null;
    return this.#isHeld(textOf(data?.hold_id), seats, Date.parse(data?.expires_at) - now);
  }

  /** Releases what is held. */
  async releaseHold() {
    const hold = this.#hold;
    if (this.#phase !== "held" || hold.isAsked) return;
    this.#become("holding");
    try {
      await hold.release();
    } catch (error) {
      if (hold !== this.#hold) return;
      this.#become("held");
      this.#refuse(error, "notKnown");
      return hold.lookUp();
    }
    if (hold !== this.#hold) return;
    this.#over();
    this.#view.tell("isReleased");
    this.#emit("HoldReleased", { holdToken: hold.id });
    await this.refresh();
  }

  /** Keeps what is held for longer: so many seconds from now, or the service's usual time. Returns whether it did. */
  async extendHold(seconds = 0) {
    if (this.#phase !== "held") return false;
    const hold = this.#hold;
    try {
      await hold.extend(secondsOf(seconds));
      if (hold !== this.#hold) return false;
      this.#isExtended();
      return true;
    } catch (error) {
      if (hold === this.#hold) this.#refuse(error, "notKnown");
      return false;
    }
  }

  /**
   * Books what is held under the order: `passengers` is a list of {seatId, name, nationalId}, one for each seat, or
   * empty. Returns the booking. Raises an error with `reason`; with `isUnknown` call it again with the same order.
   */
  async book(order, passengers = []) {
    if (this.#phase !== "held") throw new Error("nothing is held");
    const hold = this.#hold;
    let booked;
    try {
      const booking = hold.book(order, passengers);
      this.#show();
      booked = await booking;
    } catch (error) {
      if (hold === this.#hold) {
        this.#show();
        this.#refuse(error, "bookingUnknown");
        if ([404, 409, 410].includes(error.status)) await hold.lookUp();
      }
      throw Object.assign(error, { isUnknown: error instanceof Unreachable });
    }
    return this.#isBooked(hold, booked);
  }

  /** Begins again after a booking: the next seats can be chosen. */
  startNewSession() {
    if (this.#phase !== "booked") return;
    this.#over();
    this.#view.tell("");
    this.refresh();
  }

  /** Reads the map again, now. */
  async refresh() {
    const begun = this.#begun;
    if (!this.#map) return;
    try {
      await this.#load(begun);
      if (begun !== this.#begun) return;
      this.#connection(false);
    } catch (error) {
      if (begun !== this.#begun) return;
      if (error instanceof Unreachable || error.mayChange) this.#connection(true);
      else this.#cannotShow(error);
    }
  }

  // --- its life -----------------------------------------------------------------------------------------------------

  /** A property that is no attribute. */
  #accessor(name) {
    const early = Object.hasOwn(this, name) ? this[name] : undefined;
    Object.defineProperty(this, name, {
      get: () => this.#given[name],
      set: (value) => {
        this.#given[name] = value ?? GIVEN[name];
        this.#redraw();
      },
      configurable: true,
    });
    if (early !== undefined) this.#given[name] = early;
  }

  /** What a page has set before the element was defined. */
  #upgrade(name) {
    if (name in GIVEN || !Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  /** Changes attributes without beginning anew. */
  #quietly(change) {
    this.#isQuiet = true;
    change();
    this.#isQuiet = false;
  }

  /** Whoever adds it again goes on with what is held. */
  #leave() {
    const held = this.#hold?.id;
    this.#end();
    if (held) this.holdToken = held;
  }

  #fill(name, value) {
    if (this[name] === value) return;
    this.#quietly(() => (this[name] = value));
    this.#filled.add(name);
  }

  /** The journey that the visitor has chosen is one of this trip only. */
  #travel(name, stop) {
    this[name] = stop;
    this.#filled.add(name);
  }

  /** Begins anew with what the attributes say, once for all that change in a turn. */
  #begin() {
    if (this.#willBegin) return;
    this.#willBegin = true;
    queueMicrotask(async () => {
      this.#willBegin = false;
      if (!this.isConnected) return;
      this.#end();
      const begun = this.#begun;
      if (this.trip !== this.#lastTrip) for (const name of this.#filled) this.#quietly(() => this.removeAttribute(name));
      this.#lastTrip = this.trip;
      this.#become("loading");
      this.#view.tell(this.trip ? "loading" : "");
      for (let attempt = 0; this.trip && begun === this.#begun; attempt++) {
        try {
          return await this.#open(begun);
        } catch (error) {
          if (begun !== this.#begun) return;
          const mayBeAllowed = [401, 403].includes(error.status); // once the page has another token
          if (error instanceof Refused && !error.mayChange) {
            if (this.#view.notice !== "notAllowed") this.#cannotShow(error);
            if (!mayBeAllowed) return;
          } else this.#connection(true);
          await waiting(Math.max(backoff(attempt), mayBeAllowed ? this.pollSeconds * 1_000 : 0));
        }
      }
    });
  }

  #end() {
    this.#begun++;
    this.#live?.stop();
    this.#hold?.end();
    clearTimeout(this.#countTimer);
    this.#countTimer = null;
    this.#selected.clear();
    this.#seats.clear();
    this.#live = this.#hold = this.#key = this.#map = null;
    this.#sections = [];
    this.#etag = "";
    this.#isAway = false;
    this.#view.away(false);
  }

  async #open(begun) {
    await this.#readStops(begun);
    if (begun === this.#begun) await this.#readSections(begun);
    if (begun !== this.#begun) return;
    this.#fill("section", this.#section?.id ?? "");
    while (begun === this.#begun && !this.#map) await this.#load(begun); // once more if the section has changed meanwhile
    if (begun !== this.#begun) return;
    this.#connection(false);
    this.#become("choosing");
    this.#view.tell("");
    if (this.getAttribute("hold-token")) await this.#resume(this.getAttribute("hold-token"));
    if (begun !== this.#begun) return;
    this.#listen();
    this.#emit("ChartRendered", { trip: this.trip, from: this.from, to: this.to });
  }

  /** They are needed to choose a journey, or where the page names none; who may not read trips names the journey. */
  async #readStops(begun) {
    if (this.#stops.of !== this.trip) {
      let stops = [];
      if (!this.from || !this.to || this.chooseJourney) {
        try {
          stops = readStops((await this.#service.ask("GET", ["v1", "trips", this.trip])).data);
        } catch (error) {
          if (!(error instanceof Refused) || error.mayChange || error.status === 404) throw error;
        }
      }
      if (begun !== this.#begun) return;
      this.#stops = Object.assign(stops, { of: stops.length ? this.trip : null });
    }
    if (this.#stops.length && !this.from) this.#fill("from", this.#stops[0].id);
    if (this.#stops.length && !this.to) this.#fill("to", this.#stops.at(-1).id);
  }

  #path(last) {
    return ["v1", "trips", this.trip, last];
  }

  get #journey() {
    return { from: this.from, to: this.to };
  }

  async #readSections(begun) {
    const { data } = await this.#service.ask("GET", this.#path("summary"), { query: this.#journey });
    if (begun !== this.#begun) return;
    this.#sections = readSections(data);
    this.#notOnSale = whyNotOnSale(data);
  }

  /** The section of the attribute, else the first one with a free seat. */
  get #section() {
    const known = this.#sections.find((each) => each.id === this.section);
    return known ?? this.#sections.find((each) => each.free) ?? this.#sections[0];
  }

  async #load(begun) {
    const section = this.#section;
    const query = { ...this.#journey, section_id: section?.id ?? "" };
    const heard = new Map();
    this.#heard.add(heard);
    const asking = this.#service.ask("GET", this.#path("seatmap"), { query, etag: this.#etag });
    const { status, data, etag } = await asking.finally(() => this.#heard.delete(heard));
    if (begun !== this.#begun || section?.id !== this.#section?.id || status === 304) return;
    const map = readMap(data);
    for (const seat of map.seats) seat.state = heard.get(seat.id) ?? seat.state;
    this.#etag = heard.size ? "" : etag;
    this.#words.currency = map.currency;
    const isKnown = (seat) => isAlike(seat, this.#seats.get(seat.id));
    if (this.#map && map.seats.length === this.#seats.size && map.seats.every(isKnown)) {
      this.#map = map;
      return this.#apply(map.seats.map((seat) => [seat.id, seat.state]));
    }
    this.#map = map;
    this.#seats = new Map(map.seats.map((seat) => [seat.id, seat]));
    for (const id of this.#selected.keys()) if (this.#seats.has(id)) this.#selected.set(id, this.#seats.get(id));
    this.#redraw();
    this.#lose(map.seats.filter((seat) => this.#selected.has(seat.id) && seat.state !== "available"));
    this.#compare(map.seats.map((seat) => [seat.id, seat.state]));
  }

  async #openSection() {
    if (!this.#map) return;
    this.#etag = "";
    this.#show();
    await this.refresh();
  }

  #cannotShow(error) {
    if (!this.#map) this.#become("failed");
    const name = { 401: "notAllowed", 403: "notAllowed", 404: "notFound" }[error.status] ?? "wrongTrip";
    this.#view.tell(name, "bad", { detail: error.message });
    this.#emit("ChartFailed", { reason: error.reason, message: error.message });
  }

  // --- live ---------------------------------------------------------------------------------------------------------

  #listen() {
    this.#live = new Live(this.#service, this.#path("updates"), this.#journey, () => this.pollSeconds * 1_000, {
      heard: (told) => this.#hear(told),
      read: () => this.refresh(),
      away: (isAway) => this.#connection(isAway),
      seen: () => this.#hold?.lookUp(),
    });
  }

  #hear(told) {
    const data = told?.data && typeof told.data === "object" ? told.data : {};
    if (told?.type === "inventory.resync") {
      for (const heard of this.#heard) heard.clear();
      return void (data.reason === "trip_changed" ? this.#reopen() : this.refresh());
    }
    if (!Array.isArray(data.seat_ids) || !Object.hasOwn(STATES, data.status)) return;
    this.#etag = "";
    const states = data.seat_ids.map((id) => [id, STATES[data.status]]);
    for (const heard of this.#heard) for (const [id, state] of states) heard.set(id, state);
    this.#apply(states);
    this.#countTimer ??= setTimeout(() => this.#countAgain(), SUMMARY_MS_MIN * (1 + Math.random()));
  }

  /** The trip has other seats, prices or sections: what was chosen and is there no more is given up. */
  async #reopen() {
    const begun = this.#begun;
    this.#etag = "";
    try {
      await this.#readSections(begun);
    } catch {
      // The map says what is wrong.
    }
    if (begun !== this.#begun) return;
    this.#fill("section", this.#section?.id ?? "");
    this.#show();
    await this.refresh();
    if (begun !== this.#begun || this.#phase !== "choosing") return;
    const sections = this.#sections.map((each) => each.id);
    const isShown = (seat) => seat.section === (this.#section?.id ?? "") || !sections.includes(seat.section);
    const gone = [...this.#selected.values()].filter((seat) => isShown(seat) && !this.#seats.has(seat.id));
    for (const seat of gone) this.#deselect(seat);
    if (gone.length) this.#view.tell("gone", "bad", { n: gone.length, seats: this.#words.names(gone) });
    this.#show();
  }

  async #countAgain() {
    this.#countTimer = null;
    if (this.#sections.length < 2 || document.hidden) return;
    try {
      await this.#readSections(this.#begun);
      this.#view.showSections(this.#sections);
    } catch {
      // The numbers stay as they are until something else changes.
    }
  }

  #connection(isAway) {
    if (!isAway && NOT_SHOWN.includes(this.#view.notice)) this.#view.tell("");
    if (!isAway) this.#settle();
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    this.#view.away(isAway);
    if (isAway && !UNSETTLED.includes(this.#view.notice)) this.#view.tell("offline", "bad");
    else if (this.#view.notice === "offline") this.#view.tell("back", "good");
    this.#emit("ConnectionChanged", { isConnected: !isAway });
  }

  /** What was asked for before the connection was lost, and has no outcome yet, gets one. */
  #settle() {
    if (this.#phase === "unknown") this.holdSelected();
    else if (this.#hold?.mayBeBooked || this.#view.notice === "notKnown") this.#hold?.lookUp();
  }

  #apply(states) {
    const [lost, changed] = [[], []];
    for (const [id, state] of states) {
      const [seat, chosen] = [this.#seats.get(id), this.#selected.get(id)];
      if (seat && seat.state !== state) changed.push(seat);
      if (chosen && state !== "available") lost.push(chosen);
      for (const each of [seat, chosen]) if (each) each.state = state;
    }
    this.#lose(lost);
    this.#view.update(changed);
    this.#compare(states);
    if (changed.length && this.#nothingFree() !== this.#view.nothingFree) this.#show();
    for (const seat of changed) this.#emit("ObjectStatusChanged", this.#object(seat));
  }

  /** What is told of seats that are held here may say that they are not any more. */
  #compare(states) {
    if (states.some(([id, state]) => state !== "held" && this.#hold?.has({ id }))) this.#hold.lookUp();
  }

  /** Seats that were chosen, and that somebody else has now, or nobody may have any more. */
  #lose(seats) {
    if (!seats.length || this.#phase !== "choosing") return;
    for (const seat of seats) this.#deselect(seat);
    const why = seats.every((seat) => seat.state === "blocked") ? "withdrawn" : "taken";
    this.#view.tell(why, "bad", { n: seats.length, seats: this.#words.names(seats) });
    this.#emit("Conflict", { seats: seats.map((seat) => this.#object(seat)) });
    this.#show();
  }

  // --- choosing -----------------------------------------------------------------------------------------------------

  /** How the seat is to be shown. */
  #stateOf(seat) {
    if (this.#hold?.has(seat)) return "yours";
    if (this.#selected.has(seat.id)) return "selected";
    return seat.state === "available" && !this.#isSelectable(seat) ? "blocked" : seat.state;
  }

  /** Whether the page lets visitors choose it while it is free. */
  #isSelectable(seat) {
    return ofPage(() => this.isObjectSelectable?.(this.#object(seat, seat.state))) ?? true;
  }

  /** Chooses a seat or takes it back. */
  #toggle(seat) {
    if (this.#phase !== "choosing") return;
    if (this.#selected.has(seat.id)) {
      this.#deselect(seat);
      this.#view.announce(this.#words.say("isRemoved", { seat: seat.label }));
    } else if (this.#stateOf(seat) !== "available") {
      const why = { held: "isHeldByOther", booked: "isSold" }[seat.state] ?? "isNotSold";
      return this.#view.tell(why, "", { seat: seat.label });
    } else {
      if (this.partySize === 1) this.clearSelection();
      if (this.#selected.size >= this.partySize) return this.#view.tell("partyFull", "", { n: this.partySize });
      this.#select(seat);
    }
    if (!this.#isAway) this.#view.tell("");
    else if (this.#view.notice !== "offline") this.#view.tell("offline", "bad");
    this.#show();
  }

  #select(seat) {
    this.#selected.set(seat.id, seat);
    this.#view.update([seat]);
    const counts = { chosen: this.#selected.size, n: this.partySize };
    this.#view.announce(this.#words.say("isChosen", { seat: this.#words.describe(seat, "selected"), ...counts }));
    this.#emit("ObjectSelected", this.#object(seat));
    if (this.#selected.size === this.partySize) this.#emit("SelectionValid", { seats: this.selectedObjects });
  }

  #deselect(seat) {
    const wasValid = this.#selected.size === this.partySize;
    this.#selected.delete(seat.id);
    this.#view.update([this.#seats.get(seat.id) ?? seat]);
    this.#emit("ObjectDeselected", this.#object(seat));
    if (wasValid) this.#emit("SelectionInvalid", { seats: this.selectedObjects });
  }

  /** The party has another size: of a smaller one the seats chosen last are given up. */
  #resize() {
    const extra = this.#phase === "choosing" ? [...this.#selected.values()].slice(this.partySize) : [];
    for (const seat of extra) this.#deselect(seat);
    this.#show();
  }

  // --- holding ------------------------------------------------------------------------------------------------------

  #isHeld(id, seats, ms) {
    this.#hold = new Hold(this.#service, id, seats, {
      left: (seconds) => this.#view.left(seconds),
      mark: (seconds) => this.#mark(seconds),
      extended: () => this.#isExtended(),
      held: () => this.#isStillHeld(),
      lapsed: () => this.#lapsed(),
      ended: () => this.#ended(),
      booked: (data) => this.#isBooked(this.#hold, data),
    });
    this.#selected.clear();
    this.#become("held");
    this.#view.tell("isHeld", "good", { seats: this.#words.names(seats) });
    const hold = this.#hold;
    hold.lasts(ms);
    if (hold !== this.#hold) return null;
    const told = { holdToken: id, seats: seats.map((seat) => this.#object(seat)), expiresAt: new Date(hold.expiresAt) };
    this.#emit("HoldSucceeded", told);
    return told;
  }

  #isNotHeld(error, seats) {
    if (error instanceof Unreachable) {
      this.#become("unknown");
      return this.#view.tell("unknown", "bad");
    }
    this.#key = null;
    this.#become("choosing");
    if (error.ownHold) return void this.#resume(error.ownHold).catch(() => this.#connection(true));
    const taken = seats.filter((seat) => error.seats.includes(seat.id));
    for (const seat of taken) if (seat.state === "available") seat.state = "held";
    this.#lose(taken);
    if (!taken.length) this.#refuse(error);
    const objects = taken.map((seat) => this.#object(seat));
    this.#emit("HoldFailed", { reason: error.reason, message: error.message, seats: objects });
    this.refresh();
  }

  /** The outcome of a hold is given up: what may be held ends by itself. */
  #giveUp() {
    this.#key = null;
    this.#become("choosing");
    this.clearSelection();
    this.#view.tell("");
    this.refresh();
  }

  /** Says why something was not done; what is unknown is said in the text of that name. */
  #refuse(error, unknown = "unknown") {
    const name = error instanceof Unreachable ? unknown : REFUSALS[error.reason] ?? "failed";
    this.#view.tell(name, "bad", { detail: error.message });
  }

  /**
   * Goes on with a hold that was made before, as after a reload: it may be booked by now, or over. One of another trip
   * is left alone. Raises Unreachable, and Refused where that may change.
   */
  async #resume(id) {
    const begun = this.#begun;
    let found = null;
    try {
      found = await this.#service.ask("GET", ["v1", "holds", id]);
    } catch (error) {
      if (begun !== this.#begun) return;
      if (!(error instanceof Refused) || error.mayChange) throw error;
      if (error.status !== 404) return this.#refuse(error);
    }
    if (begun !== this.#begun) return;
    const { data, now } = found ?? {};
    if (data && data.trip_id !== this.trip) return this.#quietly(() => this.removeAttribute("hold-token"));
    const leftMs = data?.status === "HOLD_STATUS_HELD" ? Date.parse(data.expires_at) - now : 0;
    const seats = readHeld(data ?? {}, this.#seats);
    if (leftMs > 0) return void this.#isHeld(id, seats, leftMs);
    this.#hold = new Hold(this.#service, id, seats, {});
    if (data?.status === "HOLD_STATUS_CONFIRMED") this.#isBooked(this.#hold, data);
    else if (["HOLD_STATUS_HELD", "HOLD_STATUS_EXPIRED"].includes(data?.status)) this.#lapsed();
    else this.#ended();
  }

  #isExtended() {
    this.#emit("HoldExtended", { holdToken: this.#hold.id, expiresAt: this.expiresAt });
  }

  /** What was asked for with an unknown outcome has changed nothing so far. */
  #isStillHeld() {
    if (!UNSETTLED.includes(this.#view.notice)) return;
    this.#view.tell("stillHeld", "bad", { seats: this.#words.names(this.#hold.seats) });
  }

  /** It was released elsewhere, or with the trip. */
  #ended() {
    const { id } = this.#hold;
    this.#over();
    this.#view.tell("ended", "bad");
    this.#emit("HoldReleased", { holdToken: id });
    this.refresh();
  }

  #mark(seconds) {
    this.#view.announce(this.#words.say("timeTold", { time: this.#words.time(seconds) }));
    this.#emit("HoldTokenExpiring", { holdToken: this.#hold.id, seconds });
  }

  #lapsed() {
    const { id, seats } = this.#hold;
    this.#over();
    this.#view.tell("lapsed", "bad", { n: seats.length, seats: this.#words.names(seats) });
    this.#emit("HoldTokenExpired", { holdToken: id, seats: seats.map((seat) => this.#object(seat)) });
    this.refresh();
  }

  #isBooked(hold, data) {
    const tickets = listOf(data?.confirmed_seats, SEATS_MAX);
    const booking = {
      bookingId: textOf(data?.booking_id),
      tickets: tickets.map((each) => ({ seatId: textOf(each.seat_id), ticketId: textOf(each.ticket_id) })),
      seats: hold.seats.map((seat) => this.#object(seat, "booked")),
    };
    if (hold !== this.#hold) return booking;
    for (const seat of hold.seats) seat.state = "booked";
    this.#over("booked");
    this.#view.tell("isBooked", "good", { seats: this.#words.names(hold.seats) });
    this.#emit("Booked", booking);
    this.refresh();
    return booking;
  }

  #over(phase = "choosing") {
    const seats = this.#hold?.seats ?? [];
    this.#hold?.end();
    this.#hold = null;
    this.#selected.clear();
    this.#etag = "";
    this.#quietly(() => this.removeAttribute("hold-token"));
    this.#become(phase);
    this.#view.update(seats.map((seat) => this.#seats.get(seat.id) ?? seat));
  }

  // --- telling ------------------------------------------------------------------------------------------------------

  #become(phase) {
    this.#phase = phase;
    this.setAttribute("data-phase", phase);
    this.#show();
    this.#view.update((this.#hold?.seats ?? []).map((seat) => this.#seats.get(seat.id) ?? seat));
  }

  #redraw() {
    if (!this.#map) return;
    const title = [this.#words.say("map"), this.#section?.label].filter(Boolean).join(", ");
    this.#view.draw({ ...this.#map, seats: [...this.#seats.values()] }, title);
    this.#show();
  }

  #show() {
    this.#view.show({
      phase: this.#phase,
      map: this.#map,
      seats: [...this.#seats.values()],
      sections: this.#sections,
      section: this.#section?.id,
      stops: this.#stops,
      from: this.from,
      to: this.to,
      choosesJourney: this.chooseJourney,
      partySize: this.partySize,
      partySizeMax: this.partySizeMax,
      chosen: this.#hold?.seats ?? [...this.#selected.values()],
      isHeld: this.#hold !== null,
      nothingFree: this.#nothingFree(),
      isAsked: this.#hold?.isAsked ?? false,
    });
  }

  /** The text that says why there is nothing to choose, "" if there is. */
  #nothingFree() {
    const others = this.#sections.filter((each) => each.id !== this.#section?.id);
    const isFree = [...this.#seats.values()].some((seat) => seat.state === "available");
    return isFree || others.some((each) => each.free) || !this.#map ? "" : this.#notOnSale || "noneFree";
  }

  /** The seat as pages are told of it. */
  #object(seat, status = this.#stateOf(seat)) {
    const { id, label, number, section, type, seatClass, price, accessible, power, exit } = seat;
    const row = seat.rowLabel || String(seat.row ?? "");
    const { currency } = this.#words;
    const what = { id, label, number, section, row, type, seatClass, price, currency, status };
    return { ...what, accessible, power, exitRow: exit };
  }

  /** An event, `objectselected`, and the callback of that name, `onObjectSelected`, if the page has set one. */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name.toLowerCase(), { detail, bubbles: true, composed: true }));
    const callback = this[`on${name}`];
    if (typeof callback === "function") ofPage(() => callback.call(this, detail));
  }
}

for (const name of TEXT_ATTRIBUTES) {
  Object.defineProperty(TravioSeatMap.prototype, name, {
    get() {
      return this.getAttribute(name) ?? (name === "service" ? OWN_SERVICE : "");
    },
    set(value) {
      setOrRemove(this, name, value);
    },
    enumerable: true,
    configurable: true,
  });
}

if (!customElements.get("travio-seat-map")) customElements.define("travio-seat-map", TravioSeatMap);
