// --- the view --------------------------------------------------------------------------------------------------------

/** All that is around the plan. It keeps nothing but whether seats are listed; `show` is told everything else. */
class View {
  #parts = {};
  #shown = null;
  #isList = false;
  #willList = false;
  #said = { status: [], alert: [] };
  #listed = LISTED_AT_ONCE;

  constructor(root, words, acts) {
    this.words = words;
    this.acts = acts;
    this.plan = new Plan(words, { ...acts, point: (seat) => this.#point(seat) });
    this.notice = "";
    this.root = root;
    root.addEventListener("keydown", (event) => {
      if (event.repeat && event.key === "Enter" && event.target.closest("button")) event.preventDefault();
    });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#bar(), this.#sections(), this.#notices(), this.#main(), this.#parts.status, this.#parts.alert);
  }

  /** The text that says so where there is nothing to choose, as it is shown. */
  get nothingFree() {
    return this.#shown?.nothingFree ?? "";
  }

  /** Draws what has changed; `shown` is all that there is to show. */
  show(shown) {
    const focused = this.root.activeElement;
    const place = [...this.#parts.chosen.querySelectorAll("button")].indexOf(focused);
    this.#shown = shown;
    this.#showBar();
    this.showSections(shown.sections);
    this.#parts.main.hidden = !shown.map;
    this.#parts.cut.hidden = !shown.map?.isCut;
    this.#say("cut", "cut", { n: SEATS_MAX });
    for (const part of [this.plan.element, this.#parts.detail, this.#parts.legend]) part.hidden = this.#isList;
    for (const part of [this.#parts.list, this.#parts.listMore]) part.hidden = !this.#isList;
    if (this.#isList) this.#showList();
    else this.#showLegend();
    this.#showChoice();
    if (focused?.isConnected && focused.checkVisibility()) return;
    if (place >= 0 || [this.#parts.hold, this.#parts.release].includes(focused)) this.#focusNear(place);
  }

  /** Where the focus goes when what had it is there no more: the next of the chosen seats, or their title. */
  #focusNear(place) {
    const others = [...this.#parts.chosen.querySelectorAll("button")];
    (others.at(Math.min(place, others.length - 1)) ?? this.#parts.title).focus({ preventScroll: true });
  }

  draw(map, title) {
    this.#listed = LISTED_AT_ONCE;
    this.plan.draw(map, title);
  }

  /** Some seats have changed, and nothing else. */
  update(seats) {
    for (const seat of seats) this.plan.update(seat);
    if (!seats.length || !this.#isList || this.#willList) return;
    this.#willList = true;
    setTimeout(() => {
      this.#willList = false;
      if (this.#isList) this.#showList();
    }, LIST_MS_MIN);
  }

  away(isAway) {
    this.#parts.main.classList.toggle("away", isAway);
  }

  left(seconds) {
    this.#parts.left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    this.#parts.timer.classList.toggle("soon", seconds <= 60);
  }

  /** What is to be read by everybody now: shown above the map, and spoken. */
  tell(name, kind = "", parts = {}) {
    const { notice } = this.#parts;
    this.notice = name;
    notice.textContent = name ? this.words.say(name, parts) : "";
    notice.className = `notice ${kind}`;
    notice.hidden = !name;
    if (name) this.announce(notice.textContent, kind === "bad" ? "alert" : "status");
  }

  /**
   * Spoken by a screen reader, also if it was said just before: at once as an alert, else when it is its turn. What is
   * said in one moment is spoken together.
   */
  announce(text, role = "status") {
    const spoken = this.#parts[role];
    if (this.#said[role].push(text) > SPOKEN_MAX) this.#said[role].shift();
    if (this.#said[role].length > 1) return;
    spoken.textContent = "";
    setTimeout(() => {
      spoken.textContent = this.#said[role].join(" ");
      this.#said[role] = [];
    }, MOMENT_MS);
  }

  showSections(sections) {
    const { tabs, panel } = this.#parts;
    const hadFocus = tabs.contains(tabs.getRootNode().activeElement);
    this.#shown.sections = sections;
    tabs.hidden = sections.length < 2;
    tabs.setAttribute("aria-label", this.words.say("sections"));
    if (tabs.children.length !== sections.length) tabs.replaceChildren(...sections.map((_, at) => this.#tab(at)));
    for (const [at, section] of sections.entries()) this.#fillTab(tabs.children[at], section);
    for (const name of ["role", "aria-labelledby"]) panel.removeAttribute(name);
    const selected = tabs.querySelector("[aria-selected=true]");
    if (!selected || tabs.hidden) return;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", selected.id);
    if (hadFocus) selected.focus();
    const middle = selected.offsetLeft + selected.offsetWidth / 2 - tabs.offsetLeft;
    tabs.scrollLeft = Math.max(0, middle - tabs.clientWidth / 2);
  }

  // Building.

  #bar() {
    const { acts } = this;
    const chosen = (name) => (event) => acts.journey(name, event.target.value);
    const stops = (name) => make("select", { part: "journey", on: { change: chosen(name) } });
    const parts = Object.assign(this.#parts, {
      from: stops("from"),
      to: stops("to"),
      fromLabel: make("span"),
      toLabel: make("span"),
      partyLabel: make("span"),
      party: make("strong"),
      fewer: stepButton(() => acts.party(-1), { textContent: "−" }),
      more: stepButton(() => acts.party(1), { textContent: "+" }),
      together: button(() => acts.together()),
      view: button(() => this.#toggleList(), { part: "view" }),
    });
    const steps = make("span", { className: "stepper" }, parts.fewer, parts.party, parts.more);
    parts.stepper = make("div", { className: "party", role: "group" }, parts.partyLabel, steps);
    parts.journey = [make("label", {}, parts.fromLabel, parts.from), make("label", {}, parts.toLabel, parts.to)];
    const all = [...parts.journey, parts.stepper, parts.together, parts.view];
    return make("div", { className: "bar", part: "bar" }, ...all);
  }

  #sections() {
    const on = { keydown: (event) => this.#tabKey(event) };
    this.#parts.tabs = make("div", { className: "tabs", role: "tablist", part: "sections", on });
    return this.#parts.tabs;
  }

  #notices() {
    this.#parts.status = make("div", { className: "unseen", role: "status" });
    this.#parts.alert = make("div", { className: "unseen", role: "alert" });
    this.#parts.notice = make("p", { className: "notice", part: "notice", hidden: true });
    return this.#parts.notice;
  }

  #main() {
    const parts = Object.assign(this.#parts, {
      help: make("p", { className: "unseen", id: "help" }),
      cut: make("p", { className: "quiet", hidden: true }),
      list: make("ul", { className: "seats" }),
      listMore: button(() => this.#listMore(), { className: "more" }),
      detail: make("p", { className: "detail", "aria-hidden": "true" }),
      legend: make("ul", { className: "legend", part: "legend" }),
    });
    const drawn = [parts.cut, parts.help, this.plan.element, parts.list, parts.listMore, parts.detail, parts.legend];
    parts.panel = make("div", { className: "plan", id: "panel", part: "plan" }, ...drawn);
    parts.choice = this.#choice();
    parts.jump = button(() => parts.choice.scrollIntoView(), { className: "jump primary" });
    parts.main = make("div", { className: "main" }, parts.panel, parts.jump, parts.choice);
    return parts.main;
  }

  #choice() {
    const { acts } = this;
    const parts = Object.assign(this.#parts, {
      title: make("h2", { id: "yours", tabIndex: -1 }),
      none: make("p", { className: "quiet" }),
      timerLabel: make("span"),
      left: make("strong"),
      chosen: make("ul", { className: "chosen" }),
      totalLabel: make("span"),
      sum: make("span"),
      hold: button(() => acts.hold(), { className: "primary", part: "hold" }),
      release: button(() => acts.release(), { part: "release" }),
    });
    const timer = { className: "timer", role: "timer", "aria-live": "off" };
    parts.timer = make("p", timer, parts.timerLabel, parts.left);
    parts.total = make("p", { className: "total" }, parts.totalLabel, parts.sum);
    const all = [parts.title, parts.none, parts.timer, parts.chosen, parts.total, parts.hold, parts.release];
    const section = { className: "choice", part: "choice", "aria-labelledby": "yours" };
    return make("section", section, ...all, make("slot"));
  }

  // Showing.

  #say(part, name, parts) {
    this.#parts[part].textContent = this.words.say(name, parts);
  }

  #allow(part, isAllowed) {
    this.#parts[part].ariaDisabled = String(!isAllowed);
  }

  #showBar() {
    const parts = this.#parts;
    const { phase, partySize, partySizeMax, chosen } = this.#shown;
    const isFixed = phase !== "choosing";
    this.#showJourney(isFixed);
    this.#say("partyLabel", "party");
    for (const [part, name] of [["stepper", "party"], ["fewer", "fewer"], ["more", "more"]]) {
      parts[part].setAttribute("aria-label", this.words.say(name));
    }
    parts.party.textContent = String(partySize);
    this.#allow("fewer", !isFixed && partySize > Math.max(1, chosen.length));
    this.#allow("more", !isFixed && partySize < partySizeMax);
    this.#allow("together", !isFixed);
    this.#say("together", "together", { n: partySize });
    this.#say("view", this.#isList ? "asMap" : "asList");
    parts.view.setAttribute("aria-pressed", String(this.#isList));
    this.#say("help", "help");
    if (!parts.detail.textContent) this.#say("detail", "point");
  }

  #showJourney(isFixed) {
    const { stops, from, to, choosesJourney } = this.#shown;
    this.#say("fromLabel", "from");
    this.#say("toLabel", "to");
    for (const label of this.#parts.journey) label.hidden = !choosesJourney || stops.length < 3;
    const first = stops.findIndex((stop) => stop.id === from);
    const last = stops.findLastIndex((stop) => stop.id === to);
    const fill = (select, offered, value) => {
      select.replaceChildren(...offered.map((stop) => make("option", { value: stop.id, textContent: stop.name })));
      select.value = value;
      select.disabled = isFixed;
    };
    fill(this.#parts.from, stops.slice(0, last < 1 ? -1 : last), from);
    fill(this.#parts.to, stops.slice(Math.max(0, first) + 1), to);
  }

  #tab(at) {
    const properties = { className: "tab", id: `tab-${at}`, role: "tab", "aria-controls": "panel" };
    return button(() => this.acts.section(this.#shown.sections[at].id), properties);
  }

  #fillTab(tab, section) {
    const isShown = section.id === this.#shown.section;
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
    tab.replaceChildren(section.label, make("small", {}, this.words.say("free", { n: section.free })));
  }

  #tabKey(event) {
    const { sections, section } = this.#shown;
    const at = sections.findIndex((each) => each.id === section);
    const ahead = getComputedStyle(event.currentTarget).direction === "rtl" ? -1 : 1;
    const to = { ArrowRight: at + ahead, ArrowLeft: at - ahead, Home: 0, End: sections.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.acts.section(sections[(to + sections.length) % sections.length].id);
  }

  #point(seat) {
    this.#parts.detail.textContent = this.words.describe(seat, this.acts.stateOf(seat));
  }

  #toggleList() {
    this.#isList = !this.#isList;
    this.show(this.#shown);
  }

  #listMore() {
    this.#listed += LISTED_AT_ONCE;
    this.#showList();
  }

  #showList() {
    const { list, listMore } = this.#parts;
    const isListed = (seat) => ["available", "selected", "yours"].includes(this.acts.stateOf(seat));
    const seats = this.#shown.seats.filter(isListed);
    const boxes = () => [...list.querySelectorAll("input")];
    const focused = boxes().find((box) => box === this.root.activeElement);
    const place = boxes().indexOf(focused);
    list.setAttribute("aria-label", this.words.say("list"));
    const none = make("li", { className: "quiet" }, this.words.say("listEmpty"));
    const items = seats.slice(0, this.#listed).map((seat) => this.#listItem(seat));
    list.replaceChildren(...(items.length ? items : [none]));
    if (focused) (boxes().find((box) => box.value === focused.value) ?? boxes().at(place) ?? boxes().at(-1))?.focus();
    this.#say("listMore", "listMore");
    listMore.hidden = seats.length <= this.#listed;
  }

  #listItem(seat) {
    const box = make("input", {
      type: "checkbox",
      value: seat.id,
      checked: this.acts.stateOf(seat) !== "available",
      disabled: this.#shown.phase !== "choosing",
      on: {
        change: () => {
          this.acts.toggle(seat);
          this.#showList();
        },
      },
    });
    const price = make("span", { className: "price" }, this.words.price(seat.price));
    return make("li", {}, make("label", {}, box, make("span", {}, this.words.name(seat)), price));
  }

  #showLegend() {
    const { seats, map } = this.#shown;
    const states = ["available", "selected", "held", "booked", "blocked"].map((state) => {
      const mark = make("span", { className: "seat", "aria-hidden": "true" });
      mark.dataset.state = state;
      return make("li", {}, mark, this.words.say(state));
    });
    const classes = [...Map.groupBy(seats, (seat) => seat.seatClass)].filter(([name]) => name);
    const swatches = classes.slice(0, CLASSES_SHOWN).map(([name, ofClass]) => {
      const swatch = make("span", { className: "swatch", "aria-hidden": "true" });
      swatch.style.setProperty("--class-color", map?.colors.get(name) || "var(--free-line)");
      const lowest = ofClass.reduce((price, seat) => Math.min(price, seat.price), Infinity);
      return make("li", {}, swatch, [name, this.words.price(lowest)].filter(Boolean).join(" "));
    });
    this.#parts.legend.replaceChildren(...swatches, ...states);
  }

  #showChoice() {
    const parts = this.#parts;
    const { phase, chosen, isHeld, isAsked, partySize, nothingFree } = this.#shown;
    const sum = chosen.reduce((total, seat) => total + seat.price, 0);
    this.#say("title", "yourSeats");
    if (chosen.length) this.#say("none", "chosenOf", { chosen: chosen.length, n: partySize });
    else this.#say("none", nothingFree || "noneChosen", { n: partySize });
    parts.none.hidden = isHeld;
    parts.jump.hidden = isHeld || !chosen.length;
    parts.jump.textContent = [parts.none.textContent, this.words.price(sum)].filter(Boolean).join(" · ");
    parts.timer.hidden = !isHeld;
    this.#say("timerLabel", "timeLeft");
    parts.chosen.replaceChildren(...chosen.map((seat) => this.#chosenItem(seat)));
    parts.total.hidden = !sum;
    this.#say("totalLabel", "total");
    parts.sum.textContent = this.words.price(sum);
    parts.hold.hidden = isHeld || phase === "booked";
    this.#allow("hold", chosen.length > 0 && ["choosing", "unknown"].includes(phase));
    this.#say("hold", { holding: "holding", unknown: "askAgain" }[phase] ?? "hold", { n: chosen.length || partySize });
    parts.release.hidden = !isHeld && phase !== "unknown";
    this.#allow("release", phase !== "holding" && !isAsked);
    this.#say("release", isHeld ? "release" : "startOver");
  }

  #chosenItem(seat) {
    const what = make("span", { className: "what" }, seat.label, make("small", {}, seat.seatClass));
    const price = make("span", { className: "price" }, this.words.price(seat.price));
    const named = { textContent: "×", "aria-label": this.words.say("remove", { seat: seat.label }) };
    const remove = this.#shown.phase === "choosing" ? button(() => this.acts.remove(seat), named) : null;
    return make("li", {}, what, price, remove);
  }
}
