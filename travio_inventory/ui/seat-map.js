/**
 * <travio-seat-map>: a seat map that is live, holds seats and books them. One ES module without dependencies.
 *
 *   <script type="module" src="https://seats.example/ui/seat-map.js"></script>
 *   <travio-seat-map trip="nozomi-1" from="tokyo" to="nagoya" party-size="2"></travio-seat-map>
 *
 * docs/seat-map.md has its attributes, properties, methods and events. Whatever a service answers is shown as text only.
 */

const SEATS_MAX = 5_000;
const TRACKS_MAX = 400;
const PARTY_MAX = 20;
const TEXT_CHARS_MAX = 200;
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
const ANSWER_MS_MAX = 10_000;
const TRIES_MAX = 4;
const WAIT_MS_MAX = 20_000;
const SILENCE_MS_MAX = 45_000;
const RETRY_MS = 500;
const POLL_MS_MIN = 2_000;
const SUMMARY_MS_MIN = 4_000;
const LISTED_AT_ONCE = 60;
const SEAT_PX_MIN = 28;
const SEAT_PX_MAX = 44;
const TOLD_AT_SECONDS = [300, 120, 60, 30, 10];

/** Every text that is shown. `element.messages = {hold: "..."}` replaces some; `one` and `other` are plural forms. */
export const TEXTS = {
  from: "From",
  to: "To",
  party: "Seats",
  fewer: "One seat fewer",
  more: "One seat more",
  asList: "Choose from a list",
  asMap: "Show the map",
  together: { one: "Choose a seat for me", other: "Choose {n} seats together for me" },
  noneTogether: "There are no {n} free seats next to one another here. Try another section, or choose them one by one.",
  sections: "Sections",
  free: { one: "{n} free", other: "{n} free" },
  map: "Seat map",
  list: "Free seats",
  listEmpty: "No seat is free here.",
  listMore: "Show more seats",
  row: "Row {row}",
  ahead: "Direction of travel",
  help: "Arrow keys move between seats, the space bar chooses one.",
  point: "Point at a seat to see what it is.",
  available: "free",
  selected: "chosen",
  yours: "held for you",
  held: "someone is buying it",
  booked: "sold",
  blocked: "not on sale",
  power: "power socket",
  accessible: "wheelchair space",
  exit: "exit row",
  yourSeats: "Your seats",
  noneChosen: { one: "Choose a seat on the map.", other: "Choose {n} seats on the map." },
  chosenOf: "{chosen} of {n} chosen",
  remove: "Remove {seat}",
  total: "Total",
  hold: { one: "Hold this seat", other: "Hold these {n} seats" },
  holding: "One moment …",
  release: "Release and choose again",
  timeLeft: "Held for you for another",
  timeTold: "Your seats are held for another {time}.",
  minutes: { one: "{n} minute", other: "{n} minutes" },
  seconds: { one: "{n} second", other: "{n} seconds" },
  isChosen: "{seat} chosen. {chosen} of {n}.",
  isRemoved: "{seat} removed.",
  isHeld: "Your seats are held: {seats}.",
  isReleased: "Your seats are released.",
  isBooked: "Booked: {seats}. Enjoy the trip!",
  partyFull: { one: "You are choosing one seat. Remove it first, or ask for more.", other: "You have {n} seats. Remove one first, or ask for more." },
  isHeldByOther: "Someone is buying {seat} right now. Please choose another seat.",
  isSold: "{seat} is sold. Please choose another seat.",
  isNotSold: "{seat} is not on sale. Please choose another seat.",
  taken: { one: "Someone else was faster: {seats} has just been taken. Please choose another seat.", other: "Someone else was faster: {seats} have just been taken. Please choose other seats." },
  contended: "Many people want these seats right now, and you were not first. Try again, or choose others.",
  lapsed: "Time is up: {seats} is on sale again. If it is still free, you can choose it once more.",
  lapsedAll: "Time is up: {seats} are on sale again. If they are still free, you can choose them once more.",
  unknown: "The connection broke, so we do not know yet whether your seats are held. Ask again: nothing is held twice.",
  askAgain: "Ask again",
  startOver: "Start over",
  tooMany: "You hold as many seats as one person may. Release or book some first.",
  notSold: "This trip is not on sale now.",
  departed: "This trip has left.",
  failed: "That did not work: {detail}",
  offline: "No connection. What you see may be old; we keep trying.",
  back: "Connected again. The map is up to date.",
  loading: "Loading the seats …",
  notFound: "There is no such trip.",
  notAllowed: "You may not see this trip. Please sign in again.",
  wrongTrip: "These seats cannot be shown: {detail}",
};

const STATES = {
  SEAT_STATUS_AVAILABLE: "available", SEAT_STATUS_HELD: "held", SEAT_STATUS_BOOKED: "booked", SEAT_STATUS_BLOCKED: "blocked",
  AVAILABLE: "available", HELD: "held", BOOKED: "booked", BLOCKED: "blocked",
};

// --- reading what a service answers -----------------------------------------------------------------------------------

const textOf = (value) => (typeof value === "string" ? value.slice(0, TEXT_CHARS_MAX) : "");
const listOf = (value, max) => (Array.isArray(value) ? value.slice(0, max).filter((each) => each && typeof each === "object") : []);
const stateOf = (status) => (Object.hasOwn(STATES, status) ? STATES[status] : "blocked");
const colorOf = (value) => (/^#[0-9a-f]{6}$/i.test(value) ? value : "");

function numberOf(value, min, max) {
  const number = Number(value);
  return Number.isFinite(number) ? Math.min(max, Math.max(min, Math.trunc(number))) : min;
}

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
    seats: [...seats.values()],
    features: listOf(map.features, SEATS_MAX).map((each) => ({
      kind: textOf(each.kind),
      label: textOf(each.label),
      section: textOf(each.section_id),
      row: numberOf(each.row, 0, 1e6),
      column: numberOf(each.column, 0, 1e6),
      rows: numberOf(each.rows, 1, TRACKS_MAX),
      columns: numberOf(each.columns, 1, TRACKS_MAX),
    })),
    colors: new Map(Object.entries(colors).slice(0, 100).map(([name, color]) => [textOf(name), colorOf(color)])),
    currency: /^[A-Z]{3}$/.test(map.currency) ? map.currency : "",
    ahead: { DIRECTION_OF_TRAVEL_FIRST_ROW_AHEAD: "first", DIRECTION_OF_TRAVEL_LAST_ROW_AHEAD: "last" }[map.direction] ?? "",
    isOpen: map.state === undefined || map.state === "TRIP_STATE_OPEN",
    hasLeft: map.departed === true,
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

/** An id as people read it, where nothing has a name: "shin-osaka" is "Shin Osaka". */
const readable = (id) => id.replace(/[-_]+/g, " ").replace(/(^| )\p{Ll}/gu, (letter) => letter.toUpperCase());

function readStops(trip) {
  const segments = listOf(trip?.segments, 600);
  const names = trip?.station_names && typeof trip.station_names === "object" ? trip.station_names : {};
  const ids = segments.map((each) => textOf(each.from_station_id));
  if (segments.length) ids.push(textOf(segments.at(-1).to_station_id));
  return ids.filter(Boolean).map((id) => ({ id, name: (Object.hasOwn(names, id) && textOf(names[id])) || readable(id) }));
}

// --- the service ------------------------------------------------------------------------------------------------------

/** There was no answer, so what was asked may have been done or not. */
class Unreachable extends Error {}

/** The service refused; `reason` is its word for programs, `seats` are those that cannot be had. */
class Refused extends Error {
  constructor(status, problem, retryAfterMs) {
    super(textOf(problem?.detail) || `status ${status}`);
    this.status = status;
    this.reason = textOf(problem?.reason);
    this.seats = [...new Set(listOf(problem?.taken, SEATS_MAX).map((each) => textOf(each.seat_id)))];
    this.retryAfterMs = retryAfterMs;
    const retries = [408, 425, 429, 500, 502, 503, 504].includes(status) || typeof problem?.retry_after_ms === "number";
    this.mayChange = retries && this.reason !== "HOLD_LIMIT_REACHED";
    this.ownHold = textOf(problem?.metadata?.own_hold_id);
    /** Whether the store itself has said no, whatever became of earlier requests. */
    this.isFinal = !this.mayChange && !["edge", "gate"].includes(problem?.metadata?.decided_by);
  }
}

const waiting = (ms, signal) =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
const backoff = (attempt) => Math.min(WAIT_MS_MAX, 400 * 2 ** attempt) * (0.5 + Math.random() / 2);

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function readJson(answer) {
  const reader = answer.body?.getReader();
  const parts = [];
  let size = 0;
  for (let read = await reader?.read(); read && !read.done; read = await reader.read()) {
    size += read.value.byteLength;
    if (size > ANSWER_BYTES_MAX) {
      await reader.cancel();
      throw new Error("the answer is too large");
    }
    parts.push(read.value);
  }
  return size ? JSON.parse(await new Blob(parts).text()) : null;
}

class Service {
  constructor(element) {
    this.element = element;
  }

  url(path, query = {}) {
    const url = new URL(path.map(encodeURIComponent).join("/"), new URL(this.element.service.replace(/\/*$/, "/"), document.baseURI));
    for (const [name, value] of Object.entries(query)) if (value !== "" && value != null) url.searchParams.set(name, value);
    return url;
  }

  async headers() {
    const { token, organization, user } = this.element;
    const bearer = typeof token === "function" ? await token() : token;
    return {
      ...(bearer && { Authorization: `Bearer ${bearer}` }),
      ...(organization && { "X-Organization-Id": organization }),
      ...(user && { "X-User-Id": user }),
    };
  }

  /** One request. Raises Refused, Unreachable. */
  async ask(method, path, { query, body, key, etag } = {}) {
    const headers = await this.headers();
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (key) headers["Idempotency-Key"] = key;
    if (etag) headers["If-None-Match"] = etag;
    let answer, data;
    try {
      answer = await fetch(this.url(path, query), {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
        credentials: "omit",
        cache: "no-store",
      });
      data = answer.status === 304 ? null : await readJson(answer);
    } catch (error) {
      throw new Unreachable(error.message);
    }
    if (!answer.ok && answer.status !== 304) {
      const after = Number(data?.retry_after_ms) || Number(answer.headers.get("Retry-After")) * 1_000 || 0;
      throw new Refused(answer.status, data, after);
    }
    const now = Date.parse(answer.headers.get("Date") ?? "") || Date.now();
    return { status: answer.status, data, etag: answer.headers.get("ETag") ?? "", now };
  }

  /**
   * A change, asked for until its outcome is known: the service takes a repeated one for the same. Raises Refused when
   * nothing was done, Unreachable when that is still unknown after some tries.
   */
  async settle(method, path, { body, key } = {}) {
    let isUnknown = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.ask(method, path, { body: isUnknown && key ? { ...body, settle: true } : body, key });
      } catch (error) {
        isUnknown ||= error instanceof Unreachable || error.status >= 500 || error.status === 408;
        if (error instanceof Refused && (error.isFinal || (!isUnknown && !error.mayChange))) throw error;
        if (attempt === TRIES_MAX) throw isUnknown ? new Unreachable(error.message) : error;
        await waiting(Math.max(backoff(attempt - 1), Math.min(error.retryAfterMs || 0, WAIT_MS_MAX)));
      }
    }
  }
}

/**
 * Server-sent events by fetch, which unlike EventSource can send a token. Goes on from the last event after every loss;
 * `on` is told of each message, when it is connected and away, and when the service has no such stream.
 */
const newEvent = () => ({ type: "message", data: [], id: null, size: 0 });

class Updates {
  #stop = new AbortController();
  #connection = new AbortController();
  #pause = new AbortController();
  #lastId = "";
  #retryMs = RETRY_MS;

  constructor(service, path, query, on) {
    Object.assign(this, { service, path, query, on });
    this.#run();
  }

  stop() {
    this.#stop.abort();
    this.hurry();
  }

  /** Connects anew at once: what seems to be a connection may be none any more. */
  hurry() {
    this.#connection.abort();
    this.#pause.abort();
  }

  async #run() {
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      this.#pause = new AbortController();
      try {
        await this.#listen(() => (attempt = 0));
      } catch (error) {
        if (error instanceof Refused && !error.mayChange) return this.on.none(error);
      }
      if (this.#stop.signal.aborted) return;
      this.on.away(attempt);
      await waiting(Math.max(attempt ? backoff(attempt) : 0, this.#retryMs), this.#pause.signal);
    }
  }

  async #listen(connected) {
    const connection = (this.#connection = new AbortController());
    let timer;
    const heard = () => (clearTimeout(timer), (timer = setTimeout(() => connection.abort(), SILENCE_MS_MAX)));
    heard();
    try {
      const headers = { ...(await this.service.headers()), Accept: "text/event-stream" };
      if (this.#lastId) headers["Last-Event-ID"] = this.#lastId;
      const answer = await fetch(this.service.url(this.path, this.query), {
        headers, credentials: "omit", cache: "no-store", signal: connection.signal,
      });
      if (!answer.ok) throw new Refused(answer.status, await readJson(answer).catch(() => null), 0);
      connected();
      this.on.connected(this.#lastId !== "");
      await this.#read(answer.body.pipeThrough(new TextDecoderStream()).getReader(), heard);
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(reader, heard) {
    let rest = "";
    let event = newEvent();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      heard();
      const lines = (rest + read.value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      if (rest.length + event.size > ANSWER_BYTES_MAX) throw new Error("the event is too large");
      for (const line of lines) {
        if (line) this.#field(event, line);
        else {
          this.#dispatch(event);
          event = newEvent();
        }
      }
    }
  }

  #field(event, line) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    event.size += line.length;
    if (name === "data") event.data.push(value);
    else if (name === "event") event.type = value;
    else if (name === "id" && !value.includes("\0")) event.id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.#retryMs = numberOf(value, RETRY_MS, WAIT_MS_MAX);
  }

  #dispatch(event) {
    if (event.id !== null) this.#lastId = event.id;
    if (!event.data.length) return;
    let data;
    try {
      data = JSON.parse(event.data.join("\n"));
    } catch {
      return;
    }
    this.on.message(event.type, data);
  }
}

// --- what is shown ----------------------------------------------------------------------------------------------------

/** Makes an element. Properties are set as such, or as attributes where their names have a dash or are `role`. */
function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (name.includes("-") || name === "role" || name === "part" || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Numbers of rows or columns as tracks of a grid: one that has nothing is narrow, and many of them are one. */
function tracksOf(used) {
  const numbers = [...used].sort((a, b) => a - b).slice(0, TRACKS_MAX);
  const tracks = new Map();
  const isNarrow = [];
  for (const [index, number] of numbers.entries()) {
    if (index && number - numbers[index - 1] > 1) isNarrow.push(true);
    tracks.set(number, isNarrow.push(false));
  }
  return { tracks, isNarrow };
}

const STYLES = `
:host {
  --accent: #2f4bd8; --accent-text: #fff; --text: #1a2033; --quiet: #5a6279; --line: #d5dae6; --ground: #fff;
  --ground-soft: #f4f6fb; --free: #fff; --free-line: #5f6b8a; --yours: #0b6b4d; --held: #fff0c9; --held-line: #9a6700;
  --sold: #dde1ea; --sold-text: #6b7387; --bad: #a61b2b; --bad-ground: #fdecee; --good-ground: #e7f6ef;
  --radius: 10px; --size: 36px;
  display: block; color: var(--text); background: var(--ground); container-type: inline-size;
  font: 15px/1.45 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; color-scheme: light;
}
:host([hidden]) { display: none }
@media (prefers-color-scheme: dark) {
  :host(:not([theme=light])) {
    --accent: #93a5ff; --accent-text: #10142a; --text: #e9ecf5; --quiet: #a7afc4; --line: #39415a; --ground: #171b28;
    --ground-soft: #1f2536; --free: #232a3d; --free-line: #97a2c0; --yours: #6fd6ae; --held: #4a3a10; --held-line: #e0b24a;
    --sold: #2b3143; --sold-text: #8c95ad; --bad: #ff9aa5; --bad-ground: #43202a; --good-ground: #17382d; color-scheme: dark;
  }
}
* { box-sizing: border-box }
[hidden] { display: none !important }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
button, select { font: inherit; color: inherit; min-height: 40px; border-radius: 8px; border: 1px solid var(--line); background: var(--ground); padding: 0 12px }
button { cursor: pointer }
button:hover:not(:disabled) { border-color: var(--accent) }
button:disabled { opacity: .55; cursor: default }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.bar { display: flex; flex-wrap: wrap; gap: 10px 16px; align-items: end; margin-bottom: 14px }
.bar label, .party { display: grid; gap: 3px; font-size: 13px; color: var(--quiet) }
.bar select { max-width: 15rem; color: var(--text); font-size: 15px }
.stepper { display: flex; align-items: center }
.stepper button { width: 40px; padding: 0; font-size: 20px; line-height: 1 }
.stepper strong { min-width: 2.4em; text-align: center; font-weight: 600; color: var(--text); font-size: 16px }
.tabs { display: flex; gap: 6px; overflow-x: auto; padding: 4px; margin: 0 -4px 12px; scrollbar-width: thin }
.tab { flex: none; display: grid; text-align: start; padding: 6px 12px; line-height: 1.25; background: var(--ground-soft) }
.tab small { color: var(--quiet); font-size: 12px }
.tab[aria-selected=true] { background: var(--accent); border-color: var(--accent); color: var(--accent-text) }
.tab[aria-selected=true] small { color: inherit }
.notice { border-radius: var(--radius); padding: 10px 14px; margin: 0 0 12px; background: var(--ground-soft); border-inline-start: 4px solid var(--accent) }
.notice.bad { background: var(--bad-ground); border-color: var(--bad) }
.notice.good { background: var(--good-ground); border-color: var(--yours) }
.main { display: grid; gap: 20px; grid-template-columns: minmax(0, 1fr) }
@container (min-width: 760px) { .main { grid-template-columns: minmax(0, 1fr) 300px; align-items: start } .choice { position: sticky; top: 12px } }
.plan { min-width: 0; border: 1px solid var(--line); border-radius: 16px; background: var(--ground-soft); padding: 14px 10px }
.scroll { overflow: auto; max-height: 74vh; padding: 6px; scrollbar-width: thin }
.away .scroll { opacity: .55 }
.vehicle { display: grid; width: max-content; margin: 0 auto; direction: ltr; padding: 12px 16px 18px 8px; background: var(--ground); border: 1px solid var(--line); border-radius: 26px 26px 14px 14px }
.vehicle > * { grid-area: 1 / 1; display: grid; gap: 4px }
.features { pointer-events: none }
.row { display: contents }
.number { display: grid; place-items: center; font-size: 11px; color: var(--quiet) }
.feature { display: grid; place-items: center; overflow: hidden; font-size: 11px; color: var(--quiet); border: 1px dashed var(--line); border-radius: 6px; text-align: center }
.ahead { display: flex; justify-content: center; align-items: center; gap: 6px; margin: 4px; font-size: 12px; color: var(--quiet) }
.seat { position: relative; width: var(--size); height: var(--size); display: grid; place-items: center; cursor: pointer; user-select: none; overflow: hidden; font-size: clamp(10px, calc(var(--size) * .34), 14px); font-weight: 600; background: var(--free); color: var(--text); border: 1.5px solid var(--free-line); border-radius: 9px 9px 5px 5px; touch-action: manipulation; transition: background-color .25s, border-color .25s }
.seat::before { content: ""; position: absolute; inset: 0 0 auto; height: 4px; background: var(--class-color, transparent) }
.seat:hover { border-color: var(--accent) }
.seat:focus-visible { z-index: 1; outline-offset: 1px }
.seat[data-state=selected] { background: var(--accent); border-color: var(--accent); color: var(--accent-text) }
.seat[data-state=yours] { background: var(--yours); border-color: var(--yours); color: var(--ground) }
.seat[data-state=held] { background: repeating-linear-gradient(45deg, var(--held) 0 5px, transparent 5px 9px); border-color: var(--held-line); border-radius: 50%; color: transparent; cursor: not-allowed }
.seat[data-state=booked] { background: var(--sold); border-color: transparent; color: transparent; cursor: not-allowed }
.seat[data-state=blocked] { background: transparent; border: 1.5px dashed var(--line); color: transparent; cursor: not-allowed }
.seat:is([data-state=held], [data-state=booked], [data-state=blocked], [data-state=selected], [data-state=yours])::before { display: none }
.seat::after { position: absolute; inset: 0; display: grid; place-items: center; color: var(--sold-text); font-size: calc(var(--size) * .5); font-weight: 400 }
.seat[data-state=held]::after { content: "…"; color: var(--held-line); font-weight: 700; padding-bottom: .35em }
.seat[data-state=booked]::after { content: "×" }
.seat[data-state=blocked]::after { content: "–" }
.seat:is([data-state=selected], [data-state=yours])::after { content: "✓"; color: inherit; inset: 1px 3px auto auto; font-size: calc(var(--size) * .27); font-weight: 700 }
.seat.lost { animation: lost 1.2s }
@keyframes lost { 0%, 60% { box-shadow: 0 0 0 4px var(--bad) } 100% { box-shadow: 0 0 0 4px transparent } }
@media (prefers-reduced-motion: reduce) { .seat { transition: none; animation: none !important } }
.detail { min-height: 1.45em; margin: 10px 6px 4px; text-align: center; color: var(--quiet); font-size: 14px }
.legend { list-style: none; display: flex; flex-wrap: wrap; justify-content: center; gap: 6px 16px; margin: 10px 0 2px; padding: 0; font-size: 13px; color: var(--quiet) }
.legend li { display: flex; align-items: center; gap: 7px }
.legend .seat { --size: 20px; cursor: default }
.legend .swatch { width: 20px; height: 5px; border-radius: 3px; background: var(--class-color) }
.choice { display: grid; gap: 12px; border: 1px solid var(--line); border-radius: 16px; padding: 16px; background: var(--ground) }
h2 { font-size: 16px; margin: 0 }
.quiet { color: var(--quiet); margin: 0; font-size: 14px }
.chosen { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px }
.chosen li { display: flex; gap: 8px; align-items: center; justify-content: space-between; border-bottom: 1px solid var(--line); padding-bottom: 8px }
.chosen .what { min-width: 0; overflow-wrap: anywhere }
.chosen small { display: block; color: var(--quiet) }
.chosen .price { margin-inline-start: auto; white-space: nowrap; font-variant-numeric: tabular-nums }
.chosen button { min-height: 32px; width: 32px; padding: 0; flex: none }
.total { display: flex; justify-content: space-between; font-weight: 700; margin: 0 }
.primary { min-height: 46px; background: var(--accent); border-color: var(--accent); color: var(--accent-text); font-weight: 600 }
.primary:disabled { background: var(--ground-soft); color: var(--quiet); border-color: var(--line); opacity: 1 }
.timer { display: flex; justify-content: space-between; align-items: baseline; gap: 10px; margin: 0; padding: 10px 12px; border-radius: 8px; background: var(--good-ground) }
.timer strong { font-size: 22px; font-variant-numeric: tabular-nums }
.timer.soon { background: var(--bad-ground); color: var(--bad) }
.seats { list-style: none; margin: 0 auto; padding: 0; max-width: 34rem; display: grid; gap: 6px }
.seats label { display: flex; align-items: center; gap: 12px; min-height: 44px; padding: 6px 12px; border: 1px solid var(--line); border-radius: 8px; background: var(--ground); cursor: pointer }
.seats label:has(:checked) { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent) }
.seats input { width: 20px; height: 20px; flex: none; accent-color: var(--accent) }
.seats .price { margin-inline-start: auto; white-space: nowrap }
.more { display: block; margin: 12px auto 0 }
@media (forced-colors: active) { .seat { forced-color-adjust: none } }
`;

const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLES);

/** The grid of a section's seats: drawn once, then only the states of its seats change. */
class Plan {
  #cells = new Map();
  #seats = new WeakMap();
  #rows = [];
  #current = null;

  constructor(owner) {
    this.owner = owner;
    this.element = make("div", { className: "scroll", part: "map" });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("click", (event) => this.#at(event, (seat) => owner.toggle(seat)));
    this.element.addEventListener("focusin", (event) => this.#at(event, (seat) => (this.#focus(seat, false), owner.describe(seat))));
    this.element.addEventListener("pointerover", (event) => this.#at(event, (seat) => owner.describe(seat)));
    new ResizeObserver(() => this.#fit()).observe(this.element);
  }

  draw(seats, map) {
    const features = map.features.filter((each) => each.section === (seats[0]?.section ?? ""));
    const used = (first, count) => features.flatMap((each) => Array.from({ length: each[count] }, (_, at) => each[first] + at));
    const columns = tracksOf(new Set([...seats.map((seat) => seat.column), ...used("column", "columns")]));
    const rows = tracksOf(new Set([...seats.map((seat) => seat.row), ...used("row", "rows")]));
    this.units = columns.isNarrow.reduce((sum, narrow) => sum + (narrow ? 0.6 : 1), 0);
    this.count = columns.isNarrow.length;
    const sizes = (isNarrow) => isNarrow.map((narrow) => (narrow ? "calc(var(--size) * .6)" : "var(--size)")).join(" ");
    const layer = (properties) => {
      const made = make("div", properties);
      made.style.gridTemplateColumns = `${seats.some((seat) => seat.rowLabel) ? "22px" : "4px"} ${sizes(columns.isNarrow)}`;
      made.style.gridTemplateRows = sizes(rows.isNarrow);
      return made;
    };
    const grid = layer({ role: "grid", "aria-label": this.owner.sectionTitle(), "aria-describedby": "help", "aria-multiselectable": "true" });
    const focused = this.#cells.get(this.#current)?.cell === this.owner.shadowRoot.activeElement && this.#current;
    this.#cells.clear();
    this.#rows = [];
    const byRow = Map.groupBy(seats, (seat) => seat.row);
    for (const [number, ofRow] of [...byRow].sort(([a], [b]) => a - b)) {
      if (rows.tracks.has(number)) grid.append(this.#row(number, ofRow, rows.tracks.get(number), columns.tracks, map.colors));
    }
    const vehicle = make("div", { className: "vehicle" }, grid, this.#features(features, layer, columns.tracks, rows.tracks));
    const ahead = make("p", { className: "ahead" }, map.ahead === "last" ? "↓ " : "↑ ", this.owner.say("ahead"));
    this.element.replaceChildren(...(map.ahead === "first" ? [ahead, vehicle] : map.ahead ? [vehicle, ahead] : [vehicle]));
    this.#focus(this.#cells.get(this.#current)?.seat ?? this.#rows[0]?.[0], Boolean(focused));
    this.#fit();
  }

  update(seat) {
    const drawn = this.#cells.get(seat.id);
    if (!drawn) return;
    const { cell } = drawn;
    const state = this.owner.stateOf(seat);
    if (cell.dataset.state === state) return;
    if (cell.dataset.state === "selected" && !["available", "yours"].includes(state)) {
      cell.classList.add("lost");
      cell.addEventListener("animationend", () => cell.classList.remove("lost"), { once: true });
    }
    cell.dataset.state = state;
    cell.setAttribute("part", `seat seat-${state}`);
    cell.setAttribute("aria-selected", String(state === "selected" || state === "yours"));
    cell.setAttribute("aria-disabled", String(!["available", "selected", "yours"].includes(state)));
    cell.setAttribute("aria-label", this.owner.spoken(seat));
  }

  #row(number, seats, track, columns, colors) {
    const row = make("div", { role: "row", className: "row", "aria-rowindex": number });
    const label = seats[0].rowLabel;
    if (label) {
      const head = make("div", { role: "rowheader", className: "number", "aria-label": this.owner.say("row", { row: label }) }, label);
      head.style.gridArea = `${track} / 1`;
      row.append(head);
    }
    const ordered = seats.filter((seat) => columns.has(seat.column)).sort((a, b) => a.column - b.column);
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

  #features(features, layer, columns, rows) {
    const drawn = layer({ className: "features", "aria-hidden": "true" });
    for (const each of features) {
      const [row, column] = [rows.get(each.row), columns.get(each.column)];
      if (!row || !column) continue;
      const box = make("div", { className: "feature", part: "feature" }, each.label || each.kind);
      box.style.gridArea = `${row} / ${column + 1} / span ${each.rows} / span ${each.columns}`;
      drawn.append(box);
    }
    return drawn;
  }

  #fit() {
    const room = this.element.clientWidth - 12 - 26 - 22 - 4 * (this.count || 1);
    const size = Math.max(SEAT_PX_MIN, Math.min(SEAT_PX_MAX, Math.floor(room / (this.units || 1))));
    if (room > 0) this.element.style.setProperty("--size", `${size}px`);
  }

  #at(event, act) {
    const cell = event.composedPath().find((each) => each.classList?.contains("seat"));
    if (this.#seats.has(cell)) act(this.#seats.get(cell));
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
    const seat = this.#cells.get(this.#current)?.seat;
    if (!seat || event.altKey || event.metaKey || !event.target.classList.contains("seat")) return;
    const row = this.#rows.findIndex((seats) => seats.includes(seat));
    const place = this.#rows[row].indexOf(seat);
    const above = (rows) => {
      const seats = this.#rows[Math.max(0, Math.min(this.#rows.length - 1, row + rows))];
      return seats.reduce((best, each) => (Math.abs(each.column - seat.column) < Math.abs(best.column - seat.column) ? each : best));
    };
    const edge = (at) => (event.ctrlKey ? this.#rows.at(at) : this.#rows[row]).at(at);
    const moves = {
      ArrowLeft: () => this.#rows[row][Math.max(0, place - 1)],
      ArrowRight: () => this.#rows[row][Math.min(this.#rows[row].length - 1, place + 1)],
      ArrowUp: () => above(-1),
      ArrowDown: () => above(1),
      PageUp: () => above(-5),
      PageDown: () => above(5),
      Home: () => edge(0),
      End: () => edge(-1),
    };
    if (event.key === " " || event.key === "Enter") this.owner.toggle(seat);
    else if (Object.hasOwn(moves, event.key)) this.#focus(moves[event.key](), true);
    else return;
    event.preventDefault();
  }
}

// --- the element ------------------------------------------------------------------------------------------------------

const TEXT_ATTRIBUTES = ["trip", "from", "to", "section", "organization", "user", "service"];
const BEGIN_ANEW = ["trip", "from", "to", "organization", "user", "service", "choose-journey", "hold-token"];
const ATTRIBUTES = [...TEXT_ATTRIBUTES, "choose-journey", "party-size", "party-size-max", "hold-seconds", "hold-token", "poll-seconds", "lang"];
const PROPERTIES = [...TEXT_ATTRIBUTES, "partySize", "partySizeMax", "holdToken", "token", "isObjectSelectable", "priceFormatter", "messages"];
const OWN_SERVICE = new URL("..", import.meta.url).href;

/** Makes each format once: they cost more than what they write. */
function kept(make) {
  const made = new Map();
  return (...of) => {
    const key = of.join(" ");
    if (!made.has(key)) made.set(key, make(...of));
    return made.get(key);
  };
}
const orNone = (make) => (...of) => {
  try {
    return make(...of);
  } catch {
    return null;
  }
};
const pluralsOf = kept((locale) => orNone(() => new Intl.PluralRules(locale))() ?? new Intl.PluralRules("en"));
const moneyOf = kept(orNone((locale, currency) => currency ? new Intl.NumberFormat(locale, { style: "currency", currency, trailingZeroDisplay: "stripIfInteger" }) : null));
const joined = (seats) => seats.map((seat) => seat.label).join("; ");

export class TravioSeatMap extends HTMLElement {
  static observedAttributes = ATTRIBUTES;

  #given = { token: null, isObjectSelectable: null, priceFormatter: null, messages: {} };
  #service = new Service(this);
  #updates = null;
  #plan;
  #parts = {};
  #begun = 0;
  #willBegin = false;
  #isQuiet = false;
  #map = null;
  #seats = new Map();
  #etag = "";
  #sections = [];
  #stops = [];
  #selected = new Map();
  #hold = null;
  #key = null;
  #phase = "loading";
  #isAway = false;
  #isLive = false;
  #isList = false;
  #listed = LISTED_AT_ONCE;
  #notice = "";
  #timers = {};

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
    this.#plan = new Plan(this);
    this.#build();
  }

  connectedCallback() {
    for (const name of PROPERTIES) this.#upgrade(name);
    addEventListener("online", this.#online);
    addEventListener("offline", this.#offline);
    document.addEventListener("visibilitychange", this.#seen);
    if (!this.#map) this.#begin();
  }

  disconnectedCallback() {
    removeEventListener("online", this.#online);
    removeEventListener("offline", this.#offline);
    document.removeEventListener("visibilitychange", this.#seen);
    queueMicrotask(() => this.isConnected || this.#end());
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected || this.#isQuiet) return;
    if (name === "section") this.#openSection();
    else if (name.startsWith("party-size")) this.#resize();
    else if (name === "lang") this.#redraw();
    else if (BEGIN_ANEW.includes(name)) this.#begin();
  }

  // Attributes as properties.
  get partySizeMax() { return numberOf(this.getAttribute("party-size-max") ?? 8, 1, PARTY_MAX); }
  set partySizeMax(value) { this.setAttribute("party-size-max", value); }
  get partySize() { return numberOf(this.getAttribute("party-size") ?? 1, 1, this.partySizeMax); }
  set partySize(value) { this.setAttribute("party-size", numberOf(value, 1, this.partySizeMax)); }
  /** The id of the hold; set, the element goes on with it. */
  get holdToken() { return this.#hold?.id ?? this.getAttribute("hold-token") ?? ""; }
  set holdToken(value) { value ? this.setAttribute("hold-token", value) : this.removeAttribute("hold-token"); }
  /** A bearer token, or a function that returns one, or its promise. */
  get token() { return this.#given.token; }
  set token(value) { this.#given.token = value; }
  /** (seat) => whether it may be chosen. */
  get isObjectSelectable() { return this.#given.isObjectSelectable; }
  set isObjectSelectable(value) { this.#given.isObjectSelectable = value; }
  /** (minor, currency) => text. */
  get priceFormatter() { return this.#given.priceFormatter; }
  set priceFormatter(value) { this.#given.priceFormatter = value; this.#redraw(); }
  get messages() { return this.#given.messages; }
  set messages(value) { this.#given.messages = value ?? {}; this.#redraw(); }

  /** `loading`, `choosing`, `holding`, `unknown`, `held`, `booked` or `failed`. */
  get phase() { return this.#phase; }
  get selectedObjects() { return [...this.#selected.values()].map((seat) => this.#told_of(seat)); }
  get expiresAt() { return this.#hold ? new Date(this.#hold.expiresAt) : null; }

  // --- methods --------------------------------------------------------------------------------------------------------

  /** Chooses these seats of the section that is shown, as far as they are free and the party has room. */
  selectObjects(ids) {
    for (const id of ids) if (this.#seats.has(id) && !this.#selected.has(id)) this.toggle(this.#seats.get(id));
  }

  deselectObjects(ids) {
    for (const id of ids) if (this.#phase === "choosing" && this.#selected.has(id)) this.#deselect(this.#selected.get(id));
    this.#show();
  }

  clearSelection() {
    this.deselectObjects([...this.#selected.keys()]);
  }

  /** Chooses seats next to one another for the whole party, such that no seat is left alone where that can be. */
  selectBestAvailable() {
    if (this.#phase !== "choosing") return false;
    const size = this.partySize;
    const runs = [];
    for (const seats of Map.groupBy([...this.#seats.values()], (seat) => seat.row).values()) {
      const free = seats.filter((seat) => ["available", "selected"].includes(this.stateOf(seat)) && this.#isSelectable(seat)).sort((a, b) => a.column - b.column);
      const isFree = (column) => free.some((seat) => seat.column === column);
      for (let at = 0; at + size <= free.length; at++) {
        const [first, last] = [free[at].column, free[at + size - 1].column];
        const alone = [[first - 1, first - 2], [last + 1, last + 2]].filter(([next, beyond]) => isFree(next) && !isFree(beyond));
        if (last - first === size - 1) runs.push({ seats: free.slice(at, at + size), alone: alone.length });
      }
    }
    const best = runs.reduce((found, run) => (!found || run.alone < found.alone ? run : found), null);
    if (!best) {
      this.#tell("noneTogether", "bad", { n: size });
      return false;
    }
    this.clearSelection();
    this.selectObjects(best.seats.map((seat) => seat.id));
    return true;
  }

  /** Holds what is chosen, all of it or nothing. Returns the hold, or null; events and the page say why. */
  async holdSelected() {
    if (!["choosing", "unknown"].includes(this.#phase) || !this.#selected.size) return null;
    const seats = [...this.#selected.values()];
    this.#key ??= newKey();
    this.#become("holding");
    const seconds = numberOf(this.getAttribute("hold-seconds") ?? 0, 0, 86_400);
    const body = {
      trip_id: this.trip, from_station_id: this.from, to_station_id: this.to, seat_ids: seats.map((seat) => seat.id),
      ...(seconds && { hold_duration_seconds: seconds }),
    };
    try {
      const { data, now } = await this.#service.settle("POST", ["v1", "holds"], { body, key: this.#key });
      this.#key = null;
      return this.#isHeld(textOf(data?.hold_id), seats, Date.parse(data?.expires_at) - now);
    } catch (error) {
      this.#isNotHeld(error, seats);
      return null;
    }
  }

  /** Releases what is held. */
  async releaseHold() {
    if (this.#phase !== "held") return;
    const { id } = this.#hold;
    this.#become("holding");
    try {
      await this.#service.settle("DELETE", ["v1", "holds", id]);
    } catch (error) {
      if (error instanceof Unreachable) {
        this.#become("held");
        return this.#tell("failed", "bad", { detail: error.message });
      }
    }
    this.#over();
    this.#tell("isReleased");
    this.#emit("HoldReleased", { holdToken: id });
    await this.refresh();
  }

  /** Keeps what is held for longer: so many seconds from now, or the service's usual time. */
  async extendHold(seconds = 0) {
    if (this.#phase !== "held") return false;
    const path = ["v1", "holds", this.#hold.id, "extend"];
    try {
      const { data, now } = await this.#service.settle("POST", path, { body: { hold_duration_seconds: numberOf(seconds, 0, 86_400) } });
      this.#lasts(Date.parse(data?.expires_at) - now);
      this.#emit("HoldExtended", { holdToken: this.holdToken, expiresAt: this.expiresAt });
      return true;
    } catch (error) {
      this.#tell("failed", "bad", { detail: error.message });
      return false;
    }
  }

  /**
   * Books what is held under the order: `passengers` is a list of {seatId, name, nationalId}, one for each seat, or empty.
   * Returns the booking. Raises an error with `reason`; with `isUnknown` call it again with the same order.
   */
  async book(order, passengers = []) {
    if (this.#phase !== "held") throw new Error("nothing is held");
    const seats = this.#hold.seats;
    const body = {
      order_id: order,
      passengers: passengers.map((each) => ({ seat_id: each.seatId, passenger_name: each.name ?? "", passenger_nid: each.nationalId ?? "" })),
    };
    try {
      const { data } = await this.#service.settle("POST", ["v1", "holds", this.#hold.id, "confirm"], { body });
      const booking = {
        bookingId: textOf(data?.booking_id),
        tickets: listOf(data?.confirmed_seats, SEATS_MAX).map((each) => ({ seatId: textOf(each.seat_id), ticketId: textOf(each.ticket_id) })),
        seats: seats.map((seat) => this.#told_of(seat)),
      };
      this.#over("booked");
      this.#tell("isBooked", "good", { seats: joined(seats) });
      this.#emit("Booked", booking);
      this.refresh();
      return booking;
    } catch (error) {
      if (error.status === 410) this.#lapse();
      else this.#tell(error instanceof Unreachable ? "offline" : "failed", "bad", { detail: error.message });
      throw Object.assign(error, { isUnknown: error instanceof Unreachable });
    }
  }

  /** Begins again after a booking: the next seats can be chosen. */
  startNewSession() {
    this.#over();
    this.#tell("");
    this.refresh();
  }

  /** Reads the map again, now. */
  async refresh() {
    const begun = this.#begun;
    if (!this.#map) return;
    try {
      await this.#load(begun);
      this.#connection(false);
    } catch (error) {
      if (begun !== this.#begun) return;
      if (error instanceof Unreachable || error.mayChange) this.#connection(true);
      else this.#cannotShow(error);
    }
  }

  // --- what the plan asks ---------------------------------------------------------------------------------------------

  /** How the seat is to be shown. */
  stateOf(seat) {
    if (this.#hold?.seats.some((each) => each.id === seat.id)) return "yours";
    return this.#selected.has(seat.id) ? "selected" : seat.state;
  }

  /** The text of that name, with its parts filled in. */
  say(name, parts = {}) {
    const found = (Object.hasOwn(this.messages, name) ? this.messages[name] : TEXTS[name]) ?? "";
    const form = typeof found === "string" ? found : found[pluralsOf(this.#locale()).select(parts.n ?? 0)] ?? found.other;
    return String(form ?? "").replace(/\{(\w+)\}/g, (_, part) => String(parts[part] ?? ""));
  }

  sectionTitle() {
    const section = this.#sections.find((each) => each.id === this.#shownSection());
    return [this.say("map"), section?.label].filter(Boolean).join(", ");
  }

  /** What a seat is, in words. */
  spoken(seat) {
    return [this.#what(seat), this.#price(seat), this.say(this.stateOf(seat))].filter(Boolean).join(", ");
  }

  describe(seat) {
    this.#parts.detail.textContent = this.spoken(seat);
  }

  /** Chooses a seat or takes it back. */
  toggle(seat) {
    if (this.#phase !== "choosing") return;
    if (this.#selected.has(seat.id)) {
      this.#deselect(seat);
      this.#announce(this.say("isRemoved", { seat: seat.label }));
    } else if (seat.state !== "available" || !this.#isSelectable(seat)) {
      return this.#tell({ held: "isHeldByOther", booked: "isSold" }[seat.state] ?? "isNotSold", "", { seat: seat.label });
    } else {
      if (this.partySize === 1) for (const each of [...this.#selected.values()]) this.#deselect(each);
      if (this.#selected.size >= this.partySize) return this.#tell("partyFull", "", { n: this.partySize });
      this.#select(seat);
    }
    this.#tell("");
    this.#show();
  }

  // --- its life -------------------------------------------------------------------------------------------------------

  #upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  /** Begins anew with what the attributes say, once for all that change in a turn. */
  #begin() {
    if (this.#willBegin) return;
    this.#willBegin = true;
    queueMicrotask(async () => {
      this.#willBegin = false;
      if (!this.isConnected || !this.trip) return;
      this.#end();
      const begun = this.#begun;
      this.#become("loading");
      this.#tell("loading");
      for (let attempt = 0; begun === this.#begun; attempt++) {
        try {
          return await this.#open(begun);
        } catch (error) {
          if (begun !== this.#begun) return;
          if (error instanceof Refused && !error.mayChange) return this.#cannotShow(error);
          this.#connection(true);
          await waiting(backoff(attempt));
        }
      }
    });
  }

  #end() {
    this.#begun++;
    this.#updates?.stop();
    this.#updates = null;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#timers = {};
    this.#selected.clear();
    this.#hold = this.#key = this.#map = null;
    this.#sections = [];
    this.#etag = "";
    this.#isAway = this.#isLive = false;
  }

  async #open(begun) {
    await this.#readStops(begun);
    if (begun !== this.#begun) return;
    await this.#readSections(begun);
    await this.#load(begun);
    if (begun !== this.#begun) return;
    this.#connection(false);
    this.#become("choosing");
    this.#tell("");
    if (this.getAttribute("hold-token")) await this.#resume(this.getAttribute("hold-token"));
    this.#listen();
    this.#emit("ChartRendered", { trip: this.trip, from: this.from, to: this.to });
  }

  /** They are needed to choose a journey, or where the page names none; who may not read trips names the journey. */
  async #readStops(begun) {
    if (this.#stops.of === this.trip) return;
    let stops = [];
    if (this.from && this.to && !this.hasAttribute("choose-journey")) return void (this.#stops = []);
    try {
      stops = readStops((await this.#service.ask("GET", ["v1", "trips", this.trip])).data);
    } catch (error) {
      if (!(error instanceof Refused) || error.mayChange || error.status === 404) throw error;
    }
    if (begun !== this.#begun) return;
    this.#stops = Object.assign(stops, { of: this.trip });
    if (!stops.length) return;
    this.#quietly(() => {
      if (!this.from) this.from = stops[0].id;
      if (!this.to) this.to = stops.at(-1).id;
    });
  }

  /** Changes attributes without beginning anew. */
  #quietly(change) {
    this.#isQuiet = true;
    change();
    this.#isQuiet = false;
  }

  #path(last) {
    return ["v1", "trips", this.trip, last];
  }

  get #journey() {
    return { from: this.from, to: this.to };
  }

  async #readSections(begun) {
    const { data } = await this.#service.ask("GET", this.#path("summary"), { query: this.#journey });
    if (begun === this.#begun) this.#sections = readSections(data);
  }

  #shownSection() {
    const known = this.#sections.some((each) => each.id === this.section);
    return known ? this.section : (this.#sections.find((each) => each.free) ?? this.#sections[0])?.id ?? "";
  }

  async #load(begun) {
    const section = this.#shownSection();
    const query = { ...this.#journey, section_id: section };
    const { status, data, etag } = await this.#service.ask("GET", this.#path("seatmap"), { query, etag: this.#etag });
    if (begun !== this.#begun || section !== this.#shownSection() || status === 304) return;
    const map = readMap(data);
    const isSame = this.#map && map.seats.length === this.#seats.size && map.seats.every((seat) => this.#isDrawnAlike(seat));
    this.#etag = etag;
    this.#map = map;
    if (isSame) return this.#apply(map.seats.map((seat) => [seat.id, seat.state]));
    const before = this.#seats;
    this.#seats = new Map(map.seats.map((seat) => [seat.id, seat]));
    this.#plan.draw(map.seats, map);
    const lost = map.seats.filter((seat) => before.has(seat.id) && this.#selected.has(seat.id) && seat.state !== "available");
    this.#lose(lost);
    this.#show();
  }

  #isDrawnAlike(seat) {
    const { state: _, ...drawn } = this.#seats.get(seat.id) ?? {};
    const { state: __, ...now } = seat;
    return JSON.stringify(drawn) === JSON.stringify(now);
  }

  /** The party has another size: of a smaller one the seats chosen last are given up. */
  #resize() {
    for (const seat of [...this.#selected.values()].slice(this.partySize)) if (this.#phase === "choosing") this.#deselect(seat);
    this.#show();
  }

  #redraw() {
    if (this.#map) this.#plan.draw([...this.#seats.values()], this.#map);
    this.#show();
  }

  async #openSection() {
    if (!this.#map) return;
    this.#etag = "";
    this.#listed = LISTED_AT_ONCE;
    this.#show();
    await this.refresh();
  }

  #cannotShow(error) {
    if (!this.#map) this.#become("failed");
    const name = { 401: "notAllowed", 403: "notAllowed", 404: "notFound" }[error.status] ?? "wrongTrip";
    this.#tell(name, "bad", { detail: error.message });
    this.#emit("ChartFailed", { reason: error.reason, message: error.message });
  }

  // --- live -----------------------------------------------------------------------------------------------------------

  #listen() {
    this.#updates?.stop();
    const begun = this.#begun;
    const ours = (act) => (...told) => begun === this.#begun && act(...told);
    this.#updates = new Updates(this.#service, this.#path("updates"), this.#journey, {
      connected: ours((goesOn) => {
        this.#isLive = true;
        clearTimeout(this.#timers.poll);
        if (goesOn) this.#connection(false);
        else this.refresh();
      }),
      away: ours((attempt) => {
        this.#isLive = false;
        if (attempt) this.#connection(true);
        this.#poll();
      }),
      none: ours(() => {
        this.#updates = null;
        this.#isLive = false;
        this.#poll();
      }),
      message: ours((_, told) => this.#hear(told)),
    });
  }

  #hear(told) {
    const data = told?.data && typeof told.data === "object" ? told.data : {};
    if (told?.type === "inventory.resync") {
      this.refresh();
      return;
    }
    if (!Array.isArray(data.seat_ids) || !Object.hasOwn(STATES, data.status)) return;
    this.#etag = "";
    this.#apply(data.seat_ids.slice(0, 100_000).map((id) => [id, stateOf(data.status)]));
    this.#timers.summary ??= setTimeout(() => this.#countAgain(), SUMMARY_MS_MIN * (1 + Math.random()));
  }

  async #countAgain() {
    this.#timers.summary = undefined;
    if (this.#sections.length < 2 || document.hidden) return;
    try {
      await this.#readSections(this.#begun);
      this.#showTabs();
    } catch {
      // The numbers stay as they are until something else changes.
    }
  }

  /** Without a stream the map is read again and again, which costs little while it is the same. */
  #poll() {
    clearTimeout(this.#timers.poll);
    const ms = Math.max(POLL_MS_MIN, numberOf(this.getAttribute("poll-seconds") ?? 5, 1, 3_600) * 1_000);
    this.#timers.poll = setTimeout(async () => {
      if (!document.hidden) await this.refresh();
      if (!this.#isLive) this.#poll();
    }, ms * (0.8 + 0.4 * Math.random()));
  }

  #online = () => {
    if (this.#updates) this.#updates.hurry();
    else this.refresh();
  };
  #offline = () => this.#connection(true);
  #seen = () => {
    if (!document.hidden && !this.#isLive) this.refresh();
  };

  #connection(isAway) {
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    if (isAway) this.#tell("offline", "bad");
    else if (this.#notice === "offline") this.#tell("back", "good");
    this.#emit("ConnectionChanged", { isConnected: !isAway });
  }

  #apply(states) {
    const lost = [];
    const changed = [];
    for (const [id, state] of states) {
      const seat = this.#seats.get(id);
      const chosen = this.#selected.get(id);
      if (chosen && state !== "available") lost.push(chosen);
      if (chosen) chosen.state = state;
      if (!seat || seat.state === state) continue;
      seat.state = state;
      changed.push(seat);
    }
    this.#lose(lost);
    for (const seat of changed) this.#plan.update(seat);
    if (changed.length && this.#isList) this.#showList();
    for (const seat of changed.slice(0, 100)) this.#emit("ObjectStatusChanged", this.#told_of(seat));
  }

  /** Seats that were chosen, and that somebody else has now. */
  #lose(seats) {
    if (!seats.length || this.#phase !== "choosing") return;
    for (const seat of seats) this.#deselect(seat);
    this.#tell("taken", "bad", { n: seats.length, seats: joined(seats) });
    this.#emit("Conflict", { seats: seats.map((seat) => this.#told_of(seat)) });
    this.#show();
  }

  // --- choosing and holding -------------------------------------------------------------------------------------------

  #isSelectable(seat) {
    return this.#map.isOpen && !this.#map.hasLeft && (this.isObjectSelectable?.(this.#told_of(seat)) ?? true);
  }

  #select(seat) {
    this.#selected.set(seat.id, seat);
    this.#plan.update(seat);
    this.#announce(this.say("isChosen", { seat: this.spoken(seat), chosen: this.#selected.size, n: this.partySize }));
    this.#emit("ObjectSelected", this.#told_of(seat));
    if (this.#selected.size === this.partySize) this.#emit("SelectionValid", { seats: this.selectedObjects });
  }

  #deselect(seat) {
    if (this.#selected.size === this.partySize) this.#emit("SelectionInvalid", {});
    this.#selected.delete(seat.id);
    this.#plan.update(this.#seats.get(seat.id) ?? seat);
    this.#emit("ObjectDeselected", this.#told_of(seat));
  }

  #isHeld(id, seats, ms) {
    this.#hold = { id, seats, expiresAt: 0, told: new Set() };
    this.#selected.clear();
    this.#become("held");
    this.#tell("isHeld", "good", { seats: joined(seats) });
    this.#lasts(ms);
    const told = { holdToken: id, seats: seats.map((seat) => this.#told_of(seat)), expiresAt: this.expiresAt };
    this.#emit("HoldSucceeded", told);
    return told;
  }

  #isNotHeld(error, seats) {
    if (error instanceof Unreachable) {
      this.#become("unknown");
      this.#tell("unknown", "bad");
      return;
    }
    this.#key = null;
    this.#become("choosing");
    if (error.ownHold) return void this.#resume(error.ownHold);
    const taken = seats.filter((seat) => error.seats.includes(seat.id));
    if (taken.length) {
      for (const seat of taken) if (seat.state === "available") seat.state = "held";
      this.#lose(taken);
    } else {
      const name = { SEAT_CONTENDED: "contended", HOLD_LIMIT_REACHED: "tooMany", SALES_CLOSED: "notSold", DEPARTED: "departed" }[error.reason] ?? "failed";
      this.#tell(name, "bad", { detail: error.message });
    }
    this.#emit("HoldFailed", { reason: error.reason, message: error.message, seats: taken.map((seat) => this.#told_of(seat)) });
    this.refresh();
  }

  /** The outcome of a hold is given up: what may be held ends by itself. */
  #giveUp() {
    this.#key = null;
    this.#become("choosing");
    this.clearSelection();
    this.#tell("");
    this.refresh();
  }

  /** Goes on with a hold that was made before, as after a reload. */
  async #resume(id) {
    const begun = this.#begun;
    try {
      const { data, now } = await this.#service.ask("GET", ["v1", "holds", id]);
      if (begun !== this.#begun) return;
      if (data?.status === "HOLD_STATUS_HELD") this.#isHeld(id, this.#seatsOf(data), Date.parse(data.expires_at) - now);
      else this.#quietly(() => this.removeAttribute("hold-token"));
    } catch (error) {
      if (begun !== this.#begun) return;
      if (error instanceof Unreachable) throw error;
      this.#quietly(() => this.removeAttribute("hold-token"));
    }
  }

  /** The seats of a hold, also those of sections that are not shown. */
  #seatsOf(hold) {
    const at = (list, index) => (Array.isArray(list) ? list[index] : undefined);
    return (Array.isArray(hold.seat_ids) ? hold.seat_ids.slice(0, SEATS_MAX) : []).map(textOf).map((id, index) => {
      const number = textOf(at(hold.seat_numbers, index)) || id;
      const label = textOf(at(hold.seat_labels, index)) || number;
      const price = numberOf(at(hold.seat_prices_minor, index), 0, Number.MAX_SAFE_INTEGER);
      return this.#seats.get(id) ?? { id, number, label, price, seatClass: "", state: "held" };
    });
  }

  #lasts(ms) {
    this.#hold.expiresAt = Date.now() + (Number.isFinite(ms) ? ms : 0);
    this.#tick();
  }

  #tick() {
    clearTimeout(this.#timers.hold);
    if (this.#phase !== "held" && this.#phase !== "holding") return;
    if (!this.#hold) return;
    const left = Math.ceil((this.#hold.expiresAt - Date.now()) / 1_000);
    if (left <= 0) return this.#lapse();
    const [minutes, seconds] = [Math.floor(left / 60), left % 60];
    this.#parts.left.textContent = `${minutes}:${String(seconds).padStart(2, "0")}`;
    this.#parts.timer.classList.toggle("soon", left <= 60);
    const mark = TOLD_AT_SECONDS.find((each) => left <= each && left > each - 5);
    if (mark && !this.#hold.told.has(mark)) {
      this.#hold.told.add(mark);
      const time = mark >= 60 ? this.say("minutes", { n: mark / 60 }) : this.say("seconds", { n: mark });
      this.#announce(this.say("timeTold", { time }));
      this.#emit("HoldTokenExpiring", { holdToken: this.#hold.id, seconds: left });
    }
    this.#timers.hold = setTimeout(() => this.#tick(), 250);
  }

  #lapse() {
    const { id, seats } = this.#hold;
    this.#over();
    this.#tell(seats.length === 1 ? "lapsed" : "lapsedAll", "bad", { seats: joined(seats) });
    this.#emit("HoldTokenExpired", { holdToken: id, seats: seats.map((seat) => this.#told_of(seat)) });
    this.refresh();
  }

  #over(phase = "choosing") {
    const seats = this.#hold?.seats ?? [];
    clearTimeout(this.#timers.hold);
    this.#hold = null;
    this.#selected.clear();
    this.#etag = "";
    this.#quietly(() => this.removeAttribute("hold-token"));
    if (phase === "booked") for (const seat of seats) seat.state = "booked";
    for (const seat of seats) this.#plan.update(this.#seats.get(seat.id) ?? seat);
    this.#become(phase);
  }

  #become(phase) {
    this.#phase = phase;
    this.#show();
    for (const seat of this.#hold?.seats ?? []) this.#plan.update(this.#seats.get(seat.id) ?? seat);
  }

  // --- telling --------------------------------------------------------------------------------------------------------

  #told_of(seat) {
    return { id: seat.id, label: seat.label, number: seat.number, section: seat.section, row: seat.rowLabel || String(seat.row ?? ""), type: seat.type, seatClass: seat.seatClass, price: seat.price, currency: this.#map?.currency ?? "", status: this.stateOf(seat), accessible: seat.accessible, power: seat.power, exitRow: seat.exit };
  }

  /** An event, `objectselected`, and the callback of that name, `onObjectSelected`, if the page has set one. */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name.toLowerCase(), { detail, bubbles: true, composed: true }));
    const callback = this[`on${name}`];
    if (typeof callback === "function") callback.call(this, detail);
  }

  #locale() {
    return this.lang || this.closest("[lang]")?.lang || navigator.language || "en";
  }

  #price(seat, minor = seat.price) {
    const currency = this.#map?.currency ?? "";
    if (this.priceFormatter) return String(this.priceFormatter(minor, currency));
    if (!minor) return "";
    const format = moneyOf(this.#locale(), currency);
    return format ? format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits) : `${minor / 100}`;
  }

  #what(seat) {
    const more = ["power", "accessible", "exit"].filter((each) => seat[each]).map((each) => this.say(each));
    return [seat.label, seat.seatClass, ...more].filter(Boolean).join(", ");
  }

  /** What is to be read by everybody now: shown above the map, and spoken. */
  #tell(name, kind = "", parts = {}) {
    const { notice } = this.#parts;
    this.#notice = name;
    notice.textContent = name ? this.say(name, parts) : "";
    notice.className = `notice ${kind}`;
    notice.hidden = !name;
    if (name) this.#announce(notice.textContent, kind === "bad" ? "alert" : "status");
  }

  /** Spoken by a screen reader, also if it was said just before: at once as an alert, else when it is its turn. */
  #announce(text, role = "status") {
    const spoken = this.#parts[role];
    spoken.textContent = "";
    requestAnimationFrame(() => (spoken.textContent = text));
  }

  // --- drawing --------------------------------------------------------------------------------------------------------

  #build() {
    const parts = this.#parts;
    const button = (act, properties = {}) => make("button", { type: "button", ...properties, on: { click: act } });
    const journey = (name) => make("select", { part: "journey", on: { change: (event) => (this[name] = event.target.value) } });
    parts.from = journey("from");
    parts.to = journey("to");
    parts.labels = { from: make("span"), to: make("span"), party: make("span") };
    parts.fewer = button(() => this.partySize--, { textContent: "−" });
    parts.more = button(() => this.partySize++, { textContent: "+" });
    parts.party = make("strong");
    parts.stepper = make("div", { className: "party", role: "group" }, make("span", {}, parts.labels.party), make("span", { className: "stepper" }, parts.fewer, parts.party, parts.more));
    parts.together = button(() => this.selectBestAvailable());
    parts.view = button(() => ((this.#isList = !this.#isList), this.#show()), { part: "view" });
    parts.journey = [make("label", {}, parts.labels.from, parts.from), make("label", {}, parts.labels.to, parts.to)];
    const bar = make("div", { className: "bar", part: "bar" }, ...parts.journey, parts.stepper, parts.together, parts.view);
    parts.tabs = make("div", { className: "tabs", role: "tablist", part: "sections", on: { keydown: (event) => this.#tabKey(event) } });
    parts.notice = make("p", { className: "notice", part: "notice", hidden: true });
    parts.status = make("div", { className: "unseen", role: "status" });
    parts.alert = make("div", { className: "unseen", role: "alert" });
    parts.help = make("p", { className: "unseen", id: "help" });
    parts.detail = make("p", { className: "detail", "aria-hidden": "true" });
    parts.legend = make("ul", { className: "legend", part: "legend" });
    parts.list = make("ul", { className: "seats" });
    parts.listMore = button(() => ((this.#listed += LISTED_AT_ONCE), this.#showList()), { className: "more" });
    parts.panel = make("div", { className: "plan", id: "panel", part: "plan" }, parts.help, this.#plan.element, parts.list, parts.listMore, parts.detail, parts.legend);
    parts.choice = make("section", { className: "choice", part: "choice", "aria-labelledby": "yours" });
    parts.title = make("h2", { id: "yours" });
    parts.none = make("p", { className: "quiet" });
    parts.chosen = make("ul", { className: "chosen" });
    parts.sum = make("span");
    parts.total = make("p", { className: "total" }, make("span"), parts.sum);
    parts.left = make("strong");
    parts.timer = make("p", { className: "timer", role: "timer", "aria-live": "off" }, make("span"), parts.left);
    parts.hold = button(() => this.holdSelected(), { className: "primary", part: "hold" });
    parts.release = button(() => (this.#phase === "unknown" ? this.#giveUp() : this.releaseHold()), { part: "release" });
    parts.choice.append(parts.title, parts.none, parts.timer, parts.chosen, parts.total, parts.hold, parts.release, make("slot"));
    parts.main = make("div", { className: "main" }, parts.panel, parts.choice);
    this.shadowRoot.append(bar, parts.tabs, parts.notice, parts.main, parts.status, parts.alert);
  }

  #show() {
    const parts = this.#parts;
    const isChoosing = this.#phase === "choosing";
    this.toggleAttribute("data-busy", this.#phase === "loading" || this.#phase === "holding");
    this.setAttribute("data-phase", this.#phase);
    for (const name of ["from", "to", "party"]) parts.labels[name].textContent = this.say(name);
    this.#showJourney(isChoosing);
    parts.stepper.setAttribute("aria-label", this.say("party"));
    parts.fewer.setAttribute("aria-label", this.say("fewer"));
    parts.more.setAttribute("aria-label", this.say("more"));
    parts.party.textContent = String(this.partySize);
    parts.fewer.disabled = !isChoosing || this.partySize <= Math.max(1, this.#selected.size);
    parts.more.disabled = !isChoosing || this.partySize >= this.partySizeMax;
    parts.together.textContent = this.say("together", { n: this.partySize });
    parts.together.disabled = !isChoosing;
    parts.view.textContent = this.say(this.#isList ? "asMap" : "asList");
    parts.view.setAttribute("aria-pressed", String(this.#isList));
    parts.help.textContent = this.say("help");
    if (!parts.detail.textContent) parts.detail.textContent = this.say("point");
    parts.main.hidden = !this.#map;
    this.#showTabs();
    this.#plan.element.hidden = parts.detail.hidden = parts.legend.hidden = this.#isList;
    this.#showList();
    if (!this.#isList) this.#showLegend();
    this.#showChoice();
  }

  #showJourney(isChoosing) {
    const { from, to, journey } = this.#parts;
    for (const label of journey) label.hidden = this.#stops.length < 3 || !this.hasAttribute("choose-journey");
    const first = this.#stops.findIndex((stop) => stop.id === this.from);
    const last = this.#stops.findLastIndex((stop) => stop.id === this.to);
    const fill = (select, stops, value) => {
      select.replaceChildren(...stops.map((stop) => make("option", { value: stop.id, textContent: stop.name })));
      select.value = value;
      select.disabled = !isChoosing;
    };
    fill(from, this.#stops.slice(0, last < 1 ? -1 : last), this.from);
    fill(to, this.#stops.slice(Math.max(0, first) + 1), this.to);
  }

  #showTabs() {
    const { tabs, panel } = this.#parts;
    const shown = this.#shownSection();
    tabs.hidden = this.#sections.length < 2;
    tabs.setAttribute("aria-label", this.say("sections"));
    const hadFocus = tabs.contains(this.shadowRoot.activeElement);
    tabs.replaceChildren(
      ...this.#sections.map((section, index) => {
        const tab = make("button", { type: "button", className: "tab", id: `tab-${index}`, role: "tab", "aria-controls": "panel", "aria-selected": String(section.id === shown), on: { click: () => (this.section = section.id) } }, section.label, make("small", {}, this.say("free", { n: section.free })));
        tab.tabIndex = section.id === shown ? 0 : -1;
        return tab;
      }),
    );
    const selected = tabs.querySelector("[aria-selected=true]");
    if (hadFocus) selected?.focus();
    if (selected) tabs.scrollLeft = Math.max(0, selected.offsetLeft - tabs.offsetLeft - tabs.clientWidth / 2 + selected.offsetWidth / 2);
    if (this.#sections.length > 1) {
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", selected.id);
    } else for (const name of ["role", "aria-labelledby"]) panel.removeAttribute(name);
  }

  #tabKey(event) {
    const at = this.#sections.findIndex((section) => section.id === this.#shownSection());
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: this.#sections.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.section = this.#sections[(to + this.#sections.length) % this.#sections.length].id;
  }

  #showList() {
    const { list, listMore } = this.#parts;
    list.hidden = !this.#isList;
    const seats = this.#isList ? [...this.#seats.values()].filter((seat) => ["available", "selected", "yours"].includes(this.stateOf(seat))) : [];
    listMore.hidden = seats.length <= this.#listed;
    listMore.textContent = this.say("listMore");
    list.setAttribute("aria-label", this.say("list"));
    const focused = this.shadowRoot.activeElement?.value;
    const item = (seat) => {
      const box = make("input", { type: "checkbox", value: seat.id, checked: this.stateOf(seat) !== "available", disabled: this.#phase !== "choosing", on: { change: () => (this.toggle(seat), this.#showList()) } });
      return make("li", {}, make("label", {}, box, make("span", {}, this.#what(seat)), make("span", { className: "price" }, this.#price(seat))));
    };
    const none = this.#isList && !seats.length ? [make("li", { className: "quiet" }, this.say("listEmpty"))] : [];
    list.replaceChildren(...seats.slice(0, this.#listed).map(item), ...none);
    if (focused) [...list.querySelectorAll("input")].find((box) => box.value === focused)?.focus();
  }

  #showLegend() {
    const item = (mark, text) => make("li", {}, mark, text);
    const mark = (state) => {
      const made = make("span", { className: "seat", "aria-hidden": "true" });
      made.dataset.state = state;
      return made;
    };
    const classes = Map.groupBy([...this.#seats.values()], (seat) => seat.seatClass);
    const swatches = [...classes].filter(([name]) => name).slice(0, 12).map(([name, seats]) => {
      const swatch = make("span", { className: "swatch", "aria-hidden": "true" });
      swatch.style.setProperty("--class-color", this.#map?.colors.get(name) || "var(--free-line)");
      return item(swatch, [name, this.#price(seats[0], Math.min(...seats.map((seat) => seat.price)))].filter(Boolean).join(" "));
    });
    const states = ["available", "selected", "held", "booked", "blocked"].map((state) => item(mark(state), this.say(state)));
    this.#parts.legend.replaceChildren(...swatches, ...states);
  }

  #showChoice() {
    const parts = this.#parts;
    const seats = this.#hold?.seats ?? [...this.#selected.values()];
    const isHeld = this.#hold !== null;
    parts.title.textContent = this.say("yourSeats");
    parts.none.textContent = seats.length && !isHeld ? this.say("chosenOf", { chosen: seats.length, n: this.partySize }) : this.say("noneChosen", { n: this.partySize });
    parts.none.hidden = isHeld;
    parts.chosen.replaceChildren(...seats.map((seat) => this.#chosen(seat)));
    parts.total.hidden = !seats.some((seat) => seat.price);
    parts.total.firstChild.textContent = this.say("total");
    parts.sum.textContent = this.#price(seats[0] ?? { price: 0 }, seats.reduce((sum, seat) => sum + seat.price, 0));
    parts.timer.hidden = !isHeld;
    parts.timer.firstChild.textContent = this.say("timeLeft");
    parts.hold.hidden = isHeld || this.#phase === "booked";
    parts.hold.disabled = !seats.length || !["choosing", "unknown"].includes(this.#phase);
    parts.hold.textContent = this.#phase === "holding" ? this.say("holding") : this.#phase === "unknown" ? this.say("askAgain") : this.say("hold", { n: seats.length || this.partySize });
    parts.release.hidden = !isHeld && this.#phase !== "unknown";
    parts.release.disabled = this.#phase === "holding";
    parts.release.textContent = this.say(isHeld ? "release" : "startOver");
  }

  #chosen(seat) {
    const what = make("span", { className: "what" }, seat.label, make("small", {}, seat.seatClass));
    const remove = make("button", { type: "button", textContent: "×", "aria-label": this.say("remove", { seat: seat.label }), on: { click: () => this.deselectObjects([seat.id]) } });
    return make("li", {}, what, make("span", { className: "price" }, this.#price(seat)), this.#phase === "choosing" ? remove : null);
  }
}

for (const name of TEXT_ATTRIBUTES) {
  Object.defineProperty(TravioSeatMap.prototype, name, {
    get() { return this.getAttribute(name) ?? (name === "service" ? OWN_SERVICE : ""); },
    set(value) { this.setAttribute(name, value); },
    enumerable: true,
    configurable: true,
  });
}

if (!customElements.get("travio-seat-map")) customElements.define("travio-seat-map", TravioSeatMap);
