// --- holding ---------------------------------------------------------------------------------------------------------

/** Seats that are held, and how long they are. `on`: left(seconds), mark(seconds), lapsed(), booked(data). */
class Hold {
  #timer;
  #marked = new Set();
  #mayBeBooked = false;
  #isOver = false;

  constructor(service, id, seats, on) {
    Object.assign(this, { service, id, seats, on, expiresAt: 0 });
  }

  has(seat) {
    return this.seats.some((each) => each.id === seat.id);
  }

  /** So many milliseconds from now on. */
  lasts(ms) {
    this.expiresAt = Date.now() + (Number.isFinite(ms) ? ms : 0);
    this.#tick();
  }

  /** Nothing more is told of it. */
  end() {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  /** Raises Unreachable. A hold that is over already is as good as released. */
  async release() {
    try {
      await this.service.settle("DELETE", ["v1", "holds", this.id]);
    } catch (error) {
      if (error instanceof Unreachable) throw error;
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
    this.#mayBeBooked = true;
    try {
      return (await this.service.settle("POST", ["v1", "holds", this.id, "confirm"], { body })).data;
    } catch (error) {
      this.#mayBeBooked = error instanceof Unreachable;
      throw error;
    }
  }

  #tick() {
    clearTimeout(this.#timer);
    const left = Math.ceil((this.expiresAt - Date.now()) / 1_000);
    if (left <= 0) return void (this.#mayBeBooked ? this.#lookUp() : this.on.lapsed());
    this.on.left(left);
    const mark = MARKS_SECONDS.find((each) => left <= each && left > each - 5);
    if (mark && !this.#marked.has(mark)) {
      this.#marked.add(mark);
      this.on.mark(mark);
    }
    this.#timer = setTimeout(() => this.#tick(), TICK_MS);
  }

  /** The time is over, and a booking was asked for that nobody knows of: what became of it is looked up. */
  async #lookUp() {
    let data = null;
    try {
      ({ data } = await this.service.ask("GET", ["v1", "holds", this.id]));
    } catch (error) {
      if (error.status !== 404) {
        if (!this.#isOver) this.#timer = setTimeout(() => this.#tick(), POLL_MS_MIN);
        return;
      }
    }
    if (this.#isOver) return;
    if (data?.status === "HOLD_STATUS_CONFIRMED") this.on.booked(data);
    else this.on.lapsed();
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
