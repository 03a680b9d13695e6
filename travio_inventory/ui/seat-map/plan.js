// --- the plan --------------------------------------------------------------------------------------------------------

/** Makes an element. Properties are set as such, or as attributes where their names have a dash or are `role`. */
function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (name.includes("-") || name === "role" || name === "part") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Whether it is the second click of a double one, which many make where one is enough. */
const isAgain = (event) => event.detail > 1;

/** A button keeps the focus while it cannot be pressed, so it is not `disabled` but says so. */
const stepButton = (act, properties = {}) => {
  const click = (event) => event.currentTarget.ariaDisabled === "true" || act(event);
  return make("button", { type: "button", ...properties, on: { click } });
};
const button = (act, properties) => stepButton((event) => isAgain(event) || act(event), properties);

/** Numbers of rows or columns as tracks of a grid: one that has nothing is narrow, and many of them are one. */
function tracksOf(used) {
  const numbers = [...used].sort((a, b) => a - b);
  const tracks = new Map();
  const isNarrow = [];
  for (const [index, number] of numbers.entries()) {
    if (index && number - numbers[index - 1] > 1) isNarrow.push(true);
    tracks.set(number, isNarrow.push(false));
  }
  return { tracks, isNarrow };
}

const sizesOf = (isNarrow) => isNarrow.map((narrow) => (narrow ? "calc(var(--size) * .6)" : "var(--size)")).join(" ");

/** The grid of a section's seats: drawn once, then only their states change. `acts`: stateOf, toggle, point. */
class Plan {
  #cells = new Map();
  #seats = new WeakMap();
  #rows = [];
  #current = null;
  #units = 1;
  #tracks = 1;

  constructor(words, acts) {
    this.words = words;
    this.acts = acts;
    this.element = make("div", { className: "scroll", part: "map" });
    this.#on("click", (seat, event) => isAgain(event) || acts.toggle(seat));
    this.#on("pointerover", (seat) => acts.point(seat));
    this.#on("focusin", (seat) => {
      this.#focus(seat, false);
      acts.point(seat);
    });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#fit()).observe(this.element);
  }

  draw(map, title) {
    const { seats } = map;
    const features = map.features.filter((each) => each.section === (seats[0]?.section ?? ""));
    const span = (first, count) => Array.from({ length: count }, (_, at) => first + at);
    const numbers = (first, count) => features.flatMap((each) => span(each[first], each[count]));
    const columns = tracksOf(new Set([...seats.map((seat) => seat.column), ...numbers("column", "columns")]));
    const rows = tracksOf(new Set([...seats.map((seat) => seat.row), ...numbers("row", "rows")]));
    this.#units = columns.isNarrow.reduce((sum, narrow) => sum + (narrow ? 0.6 : 1), 0);
    this.#tracks = columns.isNarrow.length;
    const labels = seats.some((seat) => seat.rowLabel) ? "22px" : "4px";
    const layer = (properties, ...children) => {
      const made = make("div", properties, ...children);
      made.style.gridTemplateColumns = `${labels} ${sizesOf(columns.isNarrow)}`;
      made.style.gridTemplateRows = sizesOf(rows.isNarrow);
      return made;
    };
    const hadFocus = this.element.getRootNode().activeElement?.classList.contains("seat");
    this.#cells.clear();
    this.#rows = [];
    const drawnRows = [...Map.groupBy(seats, (seat) => seat.row)]
      .sort(([a], [b]) => a - b)
      .map(([row, ofRow]) => this.#row(row, ofRow, rows.tracks.get(row), columns.tracks, map.colors));
    const grid = { role: "grid", "aria-label": title, "aria-describedby": "help", "aria-multiselectable": "true" };
    const drawnFeatures = features.map((each) => this.#feature(each, rows.tracks, columns.tracks));
    this.#place(
      make(
        "div",
        { className: "vehicle" },
        layer(grid, ...drawnRows),
        layer({ className: "features", "aria-hidden": "true" }, ...drawnFeatures),
      ),
      map.ahead,
    );
    this.#focus(this.#cells.get(this.#current)?.seat ?? this.#rows[0]?.[0], Boolean(hadFocus));
    this.#fit();
  }

  update(seat) {
    const cell = this.#cells.get(seat.id)?.cell;
    const state = this.acts.stateOf(seat);
    if (!cell || cell.dataset.state === state) return;
    if (cell.dataset.state === "selected" && !["available", "yours"].includes(state)) {
      cell.classList.add("lost");
      cell.addEventListener("animationend", () => cell.classList.remove("lost"), { once: true });
    }
    cell.dataset.state = state;
    cell.setAttribute("part", `seat seat-${state}`);
    cell.setAttribute("aria-selected", String(state === "selected" || state === "yours"));
    cell.setAttribute("aria-disabled", String(!["available", "selected", "yours"].includes(state)));
    cell.setAttribute("aria-label", this.words.describe(seat, state));
  }

  /** The vehicle, with an arrow where it is known which end is ahead. */
  #place(vehicle, ahead) {
    if (!ahead) return this.element.replaceChildren(vehicle);
    const arrow = make("p", { className: "ahead" }, ahead === "last" ? "↓ " : "↑ ", this.words.say("ahead"));
    this.element.replaceChildren(...(ahead === "last" ? [vehicle, arrow] : [arrow, vehicle]));
  }

  #row(number, seats, track, columns, colors) {
    const row = make("div", { role: "row", className: "row", "aria-rowindex": number });
    const label = seats[0].rowLabel;
    if (label) {
      const spoken = this.words.say("row", { row: label });
      const head = make("div", { role: "rowheader", className: "number", "aria-label": spoken }, label);
      head.style.gridArea = `${track} / 1`;
      row.append(head);
    }
    const ordered = seats.toSorted((a, b) => a.column - b.column);
    for (const seat of ordered) {
      const cell = make("div", { role: "gridcell", className: "seat", tabIndex: -1 }, seat.number);
      cell.style.gridArea = `${track} / ${columns.get(seat.column) + 1}`;
      if (colors.get(seat.seatClass)) cell.style.setProperty("--class-color", colors.get(seat.seatClass));
      this.#cells.set(seat.id, { cell, seat });
      this.#seats.set(cell, seat);
      row.append(cell);
      this.update(seat);
    }
    this.#rows.push(ordered);
    return row;
  }

  #feature(feature, rows, columns) {
    const box = make("div", { className: "feature", part: "feature" }, feature.label || feature.kind);
    const [row, column] = [rows.get(feature.row), columns.get(feature.column) + 1];
    box.style.gridArea = `${row} / ${column} / span ${feature.rows} / span ${feature.columns}`;
    return box;
  }

  /** Seats are as large as the width allows, within limits; then the map scrolls. */
  #fit() {
    const room = this.element.clientWidth - 60 - 4 * this.#tracks;
    const size = Math.max(SEAT_PX_MIN, Math.min(SEAT_PX_MAX, Math.floor(room / this.#units)));
    if (room > 0) this.element.style.setProperty("--size", `${size}px`);
  }

  #on(name, act) {
    this.element.addEventListener(name, (event) => {
      const seat = event.composedPath().map((each) => this.#seats.get(each)).find(Boolean);
      if (seat) act(seat, event);
    });
  }

  /** One seat is in the order of the tab key; the arrow keys move which one that is. */
  #focus(seat, moves) {
    if (!seat) return;
    const before = this.#cells.get(this.#current);
    if (before) before.cell.tabIndex = -1;
    this.#current = seat.id;
    const { cell } = this.#cells.get(seat.id);
    cell.tabIndex = 0;
    if (moves) cell.focus();
  }

  #key(event) {
    const seat = this.#seats.get(event.target);
    if (!seat || event.altKey || event.metaKey) return;
    const row = this.#rows.findIndex((seats) => seats.includes(seat));
    const seats = this.#rows[row];
    const place = seats.indexOf(seat);
    const away = (each) => Math.abs(each.column - seat.column);
    const inRow = (at) => {
      const others = this.#rows[Math.max(0, Math.min(this.#rows.length - 1, at))];
      return others.reduce((best, each) => (away(each) < away(best) ? each : best));
    };
    const moves = {
      ArrowLeft: () => seats[Math.max(0, place - 1)],
      ArrowRight: () => seats[Math.min(seats.length - 1, place + 1)],
      ArrowUp: () => inRow(row - 1),
      ArrowDown: () => inRow(row + 1),
      PageUp: () => inRow(row - 5),
      PageDown: () => inRow(row + 5),
      Home: () => (event.ctrlKey ? this.#rows[0] : seats)[0],
      End: () => (event.ctrlKey ? this.#rows.at(-1) : seats).at(-1),
    };
    if (event.key === " " || event.key === "Enter") event.repeat || this.acts.toggle(seat);
    else if (Object.hasOwn(moves, event.key)) this.#focus(moves[event.key](), true);
    else return;
    event.preventDefault();
  }
}
