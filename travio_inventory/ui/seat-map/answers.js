// --- reading what a service answers ---------------------------------------------------------------------------------

const textOf = (value) => (typeof value === "string" ? value.slice(0, TEXT_CHARS_MAX) : "");
const isObject = (value) => value !== null && typeof value === "object";
const listOf = (value, max) => (Array.isArray(value) ? value.slice(0, max).filter(isObject) : []);
const stateOf = (status) => (Object.hasOwn(STATES, status) ? STATES[status] : "blocked");
const colorOf = (value) => (/^#[0-9a-f]{6}$/i.test(value) ? value : "");

function numberOf(value, min, max) {
  const number = Number(value);
  return Number.isFinite(number) ? Math.min(max, Math.max(min, Math.trunc(number))) : min;
}

const secondsOf = (value) => numberOf(value ?? 0, 0, 86_400);

/** Whether two seats are drawn in the same way, whatever their states. */
const isAlike = (seat, other) => JSON.stringify({ ...seat, state: "" }) === JSON.stringify({ ...other, state: "" });

function readSeat(seat, row) {
  return {
    id: textOf(seat.seat_id),
    number: textOf(seat.seat_number) || textOf(seat.seat_id),
    row: numberOf(row.row_number, 0, 1e6),
    rowLabel: textOf(row.row_label),
    section: textOf(row.section_id),
    column: numberOf(seat.column, 0, 1e6),
    type: textOf(seat.seat_type),
    seatClass: textOf(seat.seat_class),
    price: numberOf(seat.price_paisa, 0, Number.MAX_SAFE_INTEGER),
    accessible: seat.is_accessible === true,
    power: seat.has_power === true,
    exit: seat.is_exit_row === true,
    label: textOf(seat.label) || textOf(seat.seat_number) || textOf(seat.seat_id),
    state: stateOf(seat.status),
  };
}

/**
 * The seats, each at a place of its own: where two of a section have the same, as where nobody said any, all of the
 * section stand in their order, with a gap after each, since nobody knows which are neighbours.
 */
function apart(seats) {
  return [...Map.groupBy(seats, (seat) => seat.section).values()].flatMap((ofSection) => {
    const places = new Set(ofSection.map((seat) => `${seat.row}/${seat.column}`));
    if (places.size === ofSection.length) return ofSection;
    return ofSection.map((seat, at) => ({
      ...seat,
      row: 1 + Math.floor(at / IN_A_ROW),
      column: 2 * (at % IN_A_ROW),
      rowLabel: "",
    }));
  });
}

/** How many seats a map has, those that are too many to be shown too. */
function countSeats(map) {
  const rows = Array.isArray(map.rows) ? map.rows : [];
  return rows.reduce((count, row) => count + (Array.isArray(row?.seats) ? row.seats.length : 0), 0);
}

function readMap(data) {
  const map = data && typeof data === "object" ? data : {};
  const seats = new Map();
  for (const row of listOf(map.rows, SEATS_MAX)) {
    for (const seat of listOf(row.seats, SEATS_MAX - seats.size).map((each) => readSeat(each, row))) {
      if (seat.id && !seats.has(seat.id)) seats.set(seat.id, seat);
    }
  }
  const colors = map.class_colors && typeof map.class_colors === "object" ? map.class_colors : {};
  return {
    seats: apart([...seats.values()]),
    isCut: countSeats(map) > SEATS_MAX,
    features: listOf(map.features, FEATURES_MAX).map((each) => ({
      kind: textOf(each.kind),
      label: textOf(each.label),
      section: textOf(each.section_id),
      row: numberOf(each.row, 0, 1e6),
      column: numberOf(each.column, 0, 1e6),
      rows: numberOf(each.rows, 1, FEATURE_TRACKS_MAX),
      columns: numberOf(each.columns, 1, FEATURE_TRACKS_MAX),
    })),
    colors: new Map(Object.entries(colors).slice(0, 100).map(([name, color]) => [textOf(name), colorOf(color)])),
    currency: /^[A-Z]{3}$/.test(map.currency) ? map.currency : "",
    ahead: Object.hasOwn(AHEAD, map.direction) ? AHEAD[map.direction] : "",
  };
}

/** The sections of a summary in their order, with how many seats of each are free. */
function readSections(data) {
  const sections = new Map();
  for (const each of listOf(data?.classes, SEATS_MAX)) {
    const id = textOf(each.section_id);
    const section = sections.get(id) ?? { id, label: textOf(each.section_label) || id, free: 0 };
    section.free += numberOf(each.free, 0, SEATS_MAX);
    sections.set(id, section);
  }
  return [...sections.values()];
}

/** Why nothing of the trip is on sale, by a summary of it; "" if nothing stands in the way. */
const whyNotOnSale = (data) =>
  data?.departed === true ? "departed" : Object.hasOwn(NOT_ON_SALE, data?.state) ? NOT_ON_SALE[data.state] : "";

/** An id as people read it, where nothing has a name: "shin-osaka" is "Shin Osaka". */
const readable = (id) => id.replace(/[-_]+/g, " ").replace(/(^| )\p{Ll}/gu, (letter) => letter.toUpperCase());

function readStops(trip) {
  const segments = listOf(trip?.segments, 600);
  const names = trip?.station_names && typeof trip.station_names === "object" ? trip.station_names : {};
  const ids = segments.map((each) => textOf(each.from_station_id));
  if (segments.length) ids.push(textOf(segments.at(-1).to_station_id));
  const nameOf = (id) => (Object.hasOwn(names, id) && textOf(names[id])) || readable(id);
  return ids.filter(Boolean).map((id) => ({ id, name: nameOf(id) }));
}
