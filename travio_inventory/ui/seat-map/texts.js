/**
 * <travio-seat-map>: a seat map that is live, holds seats and books them. One ES module without dependencies.
 *
 *   <script type="module" src="https://seats.example/ui/seat-map.js"></script>
 *   <travio-seat-map trip="nozomi-1" from="tokyo" to="nagoya" party-size="2"></travio-seat-map>
 *
 * docs/seat-map.md has its attributes, properties, methods and events. What a service answers is shown as text only.
 */

const SEATS_MAX = 5_000;
const IN_A_ROW = 10;
const FEATURES_MAX = 500;
const FEATURE_TRACKS_MAX = 100;
const CLASSES_SHOWN = 12;
const PARTY_MAX = 20;
const TEXT_CHARS_MAX = 200;
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
const ANSWER_MS_MAX = 20_000;
const TRIES_MAX = 4;
const WAIT_MS_MAX = 20_000;
const SILENCE_MS_MAX = 45_000;
const RETRY_MS = 500;
const STREAMS_MAX = 4;
const SPOKEN_MAX = 20;
const MOMENT_MS = 50;
const LIST_MS_MIN = 200;
const HIDDEN_MS_MAX = 10_000;
const FOR_EVER_MS = 2 ** 31 - 1;
const POLL_MS_MIN = 2_000;
const POLL_MS_MAX = 3_600_000;
const TICK_MS = 250;
const CLOCK_MS_MAX = 2_000;
const SUMMARY_MS_MIN = 4_000;
const LISTED_AT_ONCE = 60;
const SEAT_PX_MIN = 28;
const SEAT_PX_MAX = 44;
const MARKS_SECONDS = [300, 120, 60, 30, 10];

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
  noneTogether: {
    one: "No seat is free here.",
    other: "There are no {n} free seats next to one another here. Try another section, or choose them one by one.",
  },
  sections: "Sections",
  free: { one: "{n} free", other: "{n} free" },
  map: "Seat map",
  list: "Free seats",
  listEmpty: "No seat is free here.",
  cut: "There are more seats than can be shown here: these are the first {n}.",
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
  noneFree: "No seat is free on this journey.",
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
  partyFull: {
    one: "You are choosing one seat. Remove it first, or ask for more.",
    other: "You have {n} seats. Remove one first, or ask for more.",
  },
  isHeldByOther: "Someone is buying {seat} right now. Please choose another seat.",
  isSold: "{seat} is sold. Please choose another seat.",
  isNotSold: "{seat} is not on sale. Please choose another seat.",
  gone: {
    one: "The trip has changed: {seats} is not there any more. Please choose another seat.",
    other: "The trip has changed: {seats} are not there any more. Please choose other seats.",
  },
  taken: {
    one: "Someone else was faster: {seats} has just been taken. Please choose another seat.",
    other: "Someone else was faster: {seats} have just been taken. Please choose other seats.",
  },
  withdrawn: {
    one: "{seats} is not on sale any more. Please choose another seat.",
    other: "{seats} are not on sale any more. Please choose other seats.",
  },
  contended: "Many people want these seats right now, and you were not first. Try again, or choose others.",
  lapsed: {
    one: "Time is up: {seats} is on sale again. If it is still free, you can choose it once more.",
    other: "Time is up: {seats} are on sale again. If they are still free, you can choose them once more.",
  },
  ended: "Your seats are not held any more. Please choose again.",
  unknown: "The connection broke, so we do not know yet whether your seats are held. Ask again: nothing is held twice.",
  bookingUnknown:
    "The connection broke, so we do not know yet whether your seats are booked. Confirm again: none is booked twice.",
  notKnown: "The connection broke, so we do not know yet whether that was done. Please try again.",
  stillHeld: "Your seats are still held: {seats}. Please try again.",
  askAgain: "Ask again",
  startOver: "Start over",
  busy: "Very many people are buying right now: nothing was done yet. Please try again.",
  tooMany: "You hold as many seats as one person may. Release or book some first.",
  signIn: "Please sign in to hold seats.",
  notSold: "This trip is not on sale now.",
  isCancelled: "This trip is cancelled.",
  departed: "This trip has left.",
  failed: "That did not work: {detail}",
  offline: "No connection. What you see may be old; we keep trying.",
  back: "Connected again. The map is up to date.",
  loading: "Loading the seats …",
  notFound: "There is no such trip.",
  notAllowed: "You may not see this trip. Please sign in again.",
  wrongTrip: "These seats cannot be shown: {detail}",
};

/** What maps and streams call the states of seats. */
const STATES = Object.fromEntries(
  ["available", "held", "booked", "blocked"].flatMap((state) => [
    [`SEAT_STATUS_${state.toUpperCase()}`, state],
    [state.toUpperCase(), state],
  ]),
);

/** Why nothing of a trip is on sale, by its state. */
const NOT_ON_SALE = {
  TRIP_STATE_CLOSED: "notSold",
  TRIP_STATE_FREEZING: "notSold",
  TRIP_STATE_FROZEN: "notSold",
  TRIP_STATE_CANCELLING: "isCancelled",
  TRIP_STATE_CANCELLED: "isCancelled",
};

const AHEAD = { DIRECTION_OF_TRAVEL_FIRST_ROW_AHEAD: "first", DIRECTION_OF_TRAVEL_LAST_ROW_AHEAD: "last" };

/** What is said where something was refused for another reason than a taken seat. */
const REFUSALS = {
  NO_TOKEN: "signIn",
  UNAUTHENTICATED: "signIn",
  PERMISSION_DENIED: "signIn",
  SEAT_CONTENDED: "contended",
  HOLD_LIMIT: "tooMany",
  OVERLOADED: "busy",
  RATE_LIMITED: "busy",
  BACKEND_UNAVAILABLE: "busy",
  SALES_CLOSED: "notSold",
  TRIP_CANCELLED: "isCancelled",
  DEPARTED: "departed",
};

/** Refusals by which it is known that nothing was done, though their status would leave that open. */
const NOTHING_DONE = ["OVERLOADED", "RATE_LIMITED", "BACKEND_UNAVAILABLE", "TRIP_OPENING", "TRIP_BEING_FORGOTTEN"];

/** Refusals of a release that say that nothing is held any more. */
const NOT_HELD = ["HOLD_EXPIRED", "HOLD_RELEASED", "HOLD_NOT_FOUND", "BOOKING_CANCELLED"];
