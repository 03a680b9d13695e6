/** The page that sells a trip: which one is in the address (`?trip=`, `from`, `to`, `section`, `org`), or is chosen. */
import "./seat-map.js";

const at = (id) => document.getElementById(id);
const map = at("map");
const asked = new URLSearchParams(location.search);
const headers = asked.get("org") ? { "X-Organization-Id": asked.get("org") } : {};
const TRIPS_MAX = 100;
const DAY = { weekday: "long", day: "numeric", month: "long" };
const DAY_AND_TIME = { ...DAY, hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
const SOME_NAME = { pattern: ".*\\S.*", title: "A name" };
const AHEAD_MS = 400 * 24 * 3_600_000;

/** Whether this tab has been here before: then seats may be held that it does not know of. */
const isBack = sessionStorage.getItem("user") !== null;

function remembered(name, make) {
  const found = sessionStorage.getItem(name) ?? make();
  sessionStorage.setItem(name, found);
  return found;
}
const someone = () => `visitor-${crypto.getRandomValues(new Uint32Array(3)).join("-")}`;

/** Whether the service has said which trips there are. */
let isKnown = true;

async function page(query) {
  try {
    const answer = await fetch(`/v1/trips?${new URLSearchParams(query)}`, { headers });
    at("closed").hidden = answer.status !== 401;
    isKnown &&= answer.ok || answer.status === 401;
    const list = answer.ok ? (await answer.json()).trips : [];
    return Array.isArray(list) ? list.filter((trip) => typeof trip?.trip_id === "string") : [];
  } catch {
    isKnown = false;
    return [];
  }
}

/** The next trips to leave, then those without times. */
async function trips() {
  const [now, end] = [Date.now(), Date.now() + AHEAD_MS].map((ms) => new Date(ms).toISOString());
  const found = await Promise.all([page({ departs_from: now, departs_before: end }), page({})]);
  return found.flat().slice(0, TRIPS_MAX);
}

function when(trip) {
  const leaves = new Date(trip?.departure_time ?? "");
  return Number.isNaN(leaves.getTime()) ? "" : `Leaves ${leaves.toLocaleString(undefined, DAY_AND_TIME)}`;
}

const keyOf = (trip) => `hold ${trip}`;

/** What this tab holds of the trip: also where it was left before the answer came. */
async function heldOf(trip) {
  const kept = sessionStorage.getItem(keyOf(trip));
  if (kept || !isBack) return kept;
  try {
    const query = new URLSearchParams({ trip_id: trip });
    const answer = await fetch(`/v1/holds?${query}`, { headers: { ...headers, "X-User-Id": map.user } });
    const list = answer.ok ? (await answer.json()).holds : [];
    return list.find((hold) => hold.status === "HOLD_STATUS_HELD")?.hold_id;
  } catch {
    return null;
  }
}

let shownNext = "";
async function show(id) {
  shownNext = id;
  const held = await heldOf(id);
  if (shownNext !== id) return;
  if (map.trip) for (const name of ["from", "to", "section"]) map.removeAttribute(name);
  map.holdToken = held ?? "";
  map.trip = id;
  map.hidden = false;
  at("when").textContent = when(known.find((trip) => trip.trip_id === id));
}

function ask(seats) {
  at("names").replaceChildren(
    ...seats.map((seat) => {
      const label = document.createElement("label");
      const name = document.createElement("input");
      Object.assign(name, { name: seat.id, required: true, maxLength: 100, autocomplete: "off", ...SOME_NAME });
      label.append(`Name of the passenger in ${seat.label}`, name);
      return label;
    }),
  );
  at("passengers").hidden = false;
  at("passengers").querySelector("button").disabled = false;
  at("names").querySelector("input").focus();
}

map.user = remembered("user", someone);
if (asked.get("org")) map.organization = asked.get("org");
for (const name of ["from", "to", "section"]) if (asked.get(name)) map[name] = asked.get(name);
if (asked.get("seats")) map.partySize = asked.get("seats");
if (asked.get("hold")) map.setAttribute("hold-seconds", asked.get("hold"));

map.addEventListener("holdsucceeded", ({ detail }) => {
  sessionStorage.setItem(keyOf(map.trip), detail.holdToken);
  at("trip").disabled = true;
  ask(detail.seats);
});
for (const over of ["holdreleased", "holdtokenexpired", "booked"]) {
  map.addEventListener(over, () => {
    sessionStorage.removeItem(keyOf(map.trip));
    at("trip").disabled = false;
    if (at("passengers").contains(document.activeElement)) at("title").focus();
    at("passengers").hidden = true;
  });
}
map.addEventListener("booked", ({ detail }) => {
  at("booking").textContent = detail.bookingId;
  at("tickets").replaceChildren(
    ...detail.seats.map((seat) => {
      const item = document.createElement("li");
      const ticket = detail.tickets.find((each) => each.seatId === seat.id);
      item.textContent = ticket?.ticketId ? `${seat.label}: ticket ${ticket.ticketId}` : seat.label;
      return item;
    }),
  );
  at("booked").hidden = false;
  at("again").focus();
});
at("again").addEventListener("click", () => {
  at("booked").hidden = true;
  map.startNewSession();
});
at("passengers").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = at("passengers").querySelector("button");
  button.disabled = true;
  const inputs = [...at("names").querySelectorAll("input")];
  const passengers = inputs.map((input) => ({ seatId: input.name, name: input.value.trim() }));
  try {
    await map.book(`web-${map.holdToken.slice(-24)}`, passengers);
  } catch {
    button.disabled = false;
  }
});

const known = await trips();
const first = asked.get("trip") || known[0]?.trip_id;
if (first) {
  const ids = [...new Set([first, ...known.map((trip) => trip.trip_id)])];
  const option = (id) => Object.assign(document.createElement("option"), { value: id, textContent: id });
  at("trip").replaceChildren(...ids.map(option));
  at("choose").hidden = ids.length < 2;
  at("trip").addEventListener("change", () => show(at("trip").value));
  show(first);
} else at(isKnown ? "empty" : "unknown").hidden = !at("closed").hidden;
