// --- holding ---------------------------------------------------------------------------------------------------------

/**
 * Seats that are held, and how long they are. `on`: left(seconds), mark(seconds), extended(), held() where it was asked
 * how it stands, and what it ends with: lapsed(), ended(), booked(data).
 */
class Hold {
  #timer;
  #marked = new Set();
  #endsAt = 0;
  /** What the clock of the device shows beyond the time that has passed: another number where it was set, or slept. */
  #skew = 0;
  #asked = 0;
  #isLooking = false;
  #mayBeBooked = false;
  #isOver = false;

  constructor(service, id, seats, on) {
    Object.assign(this, { service, id, seats, on });
  }

  has(seat) {
    return this.seats.some((each) => each.id === seat.id);
  }

  /** Its end by the clock of the device. */
  get expiresAt() {
    return Date.now() + this.#leftMs;
  }

  /** Whether it is being released or booked. */
  get isAsked() {
    return this.#asked > 0;
  }

  /** Whether it was to be booked, and nobody knows what became of that. */
  get mayBeBooked() {
    return this.#mayBeBooked && !this.isAsked;
  }

  get #leftMs() {
    return this.#endsAt - performance.now();
  }

  /** So many milliseconds from now on. */
  lasts(ms) {
    this.#endsAt = performance.now() + (Number.isFinite(ms) ? ms : 0);
    this.#skew = Date.now() - performance.now();
    this.#tick();
  }

  /** Nothing more is told of it. */
  end() {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  /** Raises Refused, Unreachable. A hold that is over already is as good as released; one that is booked is not. */
  async release() {
    try {
      await this.#ask("DELETE", []);
    } catch (error) {
      if (!NOT_HELD.includes(error.reason)) throw error;
    }
  }

  /** Raises Refused, Unreachable. */
  async extend(seconds) {
    const body = { hold_duration_seconds: seconds };
    const { data, now } = await this.service.settle("POST", ["v1", "holds", this.id, "extend"], { body });
    if (!this.#isOver) this.lasts(Date.parse(data?.expires_at) - now);
  }

  /** Returns the booking as the service tells it. Raises Refused, Unreachable: then it may be booked or not. */
  async book(order, passengers) {
    const named = ({ seatId, name = "", nationalId = "" }) => ({
      seat_id: seatId,
      passenger_name: name,
      passenger_nid: nationalId,
    });
    const body = { order_id: order, passengers: passengers.map(named) };
    try {
      return (await this.#ask("POST", ["confirm"], { body })).data;
    } catch (error) {
      this.#mayBeBooked ||= error instanceof Unreachable;
      throw error;
    }
  }

  /** Asks how it stands: it may have been booked, released or extended elsewhere. Not while we do that ourselves. */
  async lookUp() {
    if (this.#isOver || this.#isLooking || this.isAsked) return;
    clearTimeout(this.#timer);
    this.#isLooking = true;
    let found = null;
    let isKnown = true;
    try {
      found = await this.service.ask("GET", ["v1", "holds", this.id]);
    } catch (error) {
      isKnown = error.status === 404;
    }
    this.#isLooking = false;
    if (this.#isOver || this.isAsked) return;
    if (isKnown) this.#stands(found);
    else if (this.#leftMs > 0 || this.#mayBeBooked) this.#timer = setTimeout(() => this.#tick(), POLL_MS_MIN);
    else this.on.lapsed();
  }

  #stands(found) {
    const status = textOf(found?.data?.status);
    const leftMs = Date.parse(found?.data?.expires_at) - found?.now;
    if (status === "HOLD_STATUS_CONFIRMED") return this.on.booked(found.data);
    if (status === "HOLD_STATUS_HELD" && leftMs > 0) {
      const isLonger = leftMs - this.#leftMs > CLOCK_MS_MAX;
      this.#mayBeBooked = false;
      this.lasts(leftMs);
      this.on.held();
      return isLonger && this.on.extended();
    }
    return ["HOLD_STATUS_HELD", "HOLD_STATUS_EXPIRED"].includes(status) ? this.on.lapsed() : this.on.ended();
  }

  async #ask(method, last, request) {
    this.#asked++;
    try {
      return await this.service.settle(method, ["v1", "holds", this.id, ...last], request);
    } finally {
      this.#asked--;
      if (!this.#isOver) this.#tick();
    }
  }

  #tick() {
    clearTimeout(this.#timer);
    const left = Math.ceil(this.#leftMs / 1_000);
    const wasMoved = Math.abs(Date.now() - performance.now() - this.#skew) > CLOCK_MS_MAX;
    if (left > 0) this.#tell(left);
    if (this.#isOver || (left <= 0 && this.isAsked)) return;
    if ((left <= 0 || wasMoved) && !this.isAsked) return void this.lookUp();
    this.#timer = setTimeout(() => this.#tick(), TICK_MS);
  }

  #tell(left) {
    this.on.left(left);
    const mark = MARKS_SECONDS.find((each) => left <= each && left > each - 5);
    if (!mark || this.#marked.has(mark)) return;
    this.#marked.add(mark);
    this.on.mark(mark);
  }
}

/** The seats of a hold, of which some may be in sections that are not shown. */
function readHeld(hold, known) {
  const at = (list, index) => (Array.isArray(list) ? list[index] : undefined);
  const ids = Array.isArray(hold.seat_ids) ? hold.seat_ids.slice(0, SEATS_MAX).map(textOf) : [];
  return ids.map((id, index) => {
    const number = textOf(at(hold.seat_numbers, index)) || id;
    const label = textOf(at(hold.seat_labels, index)) || number;
    const price = numberOf(at(hold.seat_prices_minor, index), 0, Number.MAX_SAFE_INTEGER);
    return known.get(id) ?? { id, number, label, price, seatClass: "", state: "held" };
  });
}

/** Seats next to one another for so many, such that few are left alone between others; null if there are none. */
function bestRun(seats, size) {
  let best = null;
  for (const ofRow of Map.groupBy(seats, (seat) => seat.row).values()) {
    const ordered = ofRow.toSorted((a, b) => a.column - b.column);
    const free = new Set(ordered.map((seat) => seat.column));
    const isAlone = (next, beyond) => free.has(next) && !free.has(beyond);
    for (let at = 0; at + size <= ordered.length; at++) {
      const run = ordered.slice(at, at + size);
      const [first, last] = [run[0].column, run.at(-1).column];
      const alone = isAlone(first - 1, first - 2) + isAlone(last + 1, last + 2);
      if (last - first === size - 1 && (!best || alone < best.alone)) best = { run, alone };
    }
  }
  return best && best.run;
}
