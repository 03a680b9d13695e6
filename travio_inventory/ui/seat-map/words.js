// --- words ----------------------------------------------------------------------------------------------------------

/** Makes each format once: they cost more than what they write. */
function kept(make) {
  const made = new Map();
  return (...of) => {
    const key = of.join(" ");
    if (!made.has(key)) made.set(key, make(...of));
    return made.get(key);
  };
}

function ifKnown(make) {
  try {
    return make();
  } catch {
    return null;
  }
}

/** What code of the page returns. What it throws is told where faults of pages are told, and spoils nothing here. */
function ofPage(call) {
  try {
    return call();
  } catch (error) {
    reportError(error);
  }
}

const pluralsOf = kept((locale) => ifKnown(() => new Intl.PluralRules(locale)) ?? new Intl.PluralRules("en"));
const moneyOf = kept((locale, currency) =>
  ifKnown(() => {
    const style = { style: "currency", currency, trailingZeroDisplay: "stripIfInteger" };
    const format = new Intl.NumberFormat(locale, style);
    return { format, minors: 10 ** format.resolvedOptions().maximumFractionDigits };
  }),
);

/** What is said of seats, in the words and the language of the page. */
class Words {
  currency = "";

  constructor(element) {
    this.element = element;
  }

  get locale() {
    const near = (each) => each && (each.closest("[lang]")?.lang || near(each.getRootNode().host));
    return near(this.element) || navigator.language || "en";
  }

  /** The text of that name, with its parts filled in. */
  say(name, parts = {}) {
    const { messages } = this.element;
    const found = (Object.hasOwn(messages, name) ? messages[name] : TEXTS[name]) ?? "";
    const form = typeof found === "string" ? found : found[pluralsOf(this.locale).select(parts.n ?? 0)] ?? found.other;
    return String(form ?? "").replace(/\{(\w+)\}/g, (_, part) => String(parts[part] ?? ""));
  }

  price(minor) {
    const { priceFormatter } = this.element;
    const said = priceFormatter && ofPage(() => String(priceFormatter(minor, this.currency)));
    if (said !== null && said !== undefined) return said;
    if (!minor) return "";
    const money = moneyOf(this.locale, this.currency);
    return money ? money.format.format(minor / money.minors) : String(minor / 100);
  }

  /** Which seat it is. */
  name(seat) {
    const more = ["power", "accessible", "exit"].filter((each) => seat[each]).map((each) => this.say(each));
    return [seat.label, seat.seatClass, ...more].filter(Boolean).join(", ");
  }

  /** The seat, its price, and how it stands. */
  describe(seat, state) {
    return [this.name(seat), this.price(seat.price), this.say(state)].filter(Boolean).join(", ");
  }

  names(seats) {
    return seats.map((seat) => seat.label).join("; ");
  }

  time(seconds) {
    return seconds >= 60 ? this.say("minutes", { n: seconds / 60 }) : this.say("seconds", { n: seconds });
  }
}
