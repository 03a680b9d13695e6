// --- live ------------------------------------------------------------------------------------------------------------

/**
 * Keeps a map up to date: by the stream of updates, and where there is none by reading it again and again, which costs
 * little while it is the same. `on`: heard(told), read(), away(isAway), seen().
 */
class Live {
  /** How many streams this page has: a browser has six connections to a service, and other calls need some. */
  static #streams = 0;

  #updates;
  #isConnected = false;
  #isOver = false;
  #timer;
  #hiddenTimer;

  constructor(service, path, query, pollMs, on) {
    Object.assign(this, { pollMs, on });
    if (Live.#streams < STREAMS_MAX) this.#follow(service, path, query);
    else this.#poll();
    addEventListener("online", this.#online);
    addEventListener("offline", this.#offline);
    document.addEventListener("visibilitychange", this.#seen);
    if (document.hidden) this.#seen();
  }

  #follow(service, path, query) {
    Live.#streams++;
    this.#updates = new Updates(service, path, query, {
      connected: (goesOn) => this.#connected(goesOn),
      away: (attempt) => this.#lost(attempt > 0),
      none: () => {
        this.#leave();
        this.#lost(false);
      },
      message: (told) => this.on.heard(told),
    });
  }

  #leave() {
    if (this.#updates) Live.#streams--;
    this.#updates?.stop();
    this.#updates = null;
  }

  stop() {
    this.#isOver = true;
    this.#leave();
    clearTimeout(this.#timer);
    clearTimeout(this.#hiddenTimer);
    removeEventListener("online", this.#online);
    removeEventListener("offline", this.#offline);
    document.removeEventListener("visibilitychange", this.#seen);
  }

  #connected(goesOn) {
    this.#isConnected = true;
    clearTimeout(this.#timer);
    if (goesOn) this.on.away(false);
    else this.on.read();
  }

  #lost(isAway) {
    this.#isConnected = false;
    if (isAway) this.on.away(true);
    this.#poll();
  }

  #poll() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      async () => {
        if (!document.hidden) await this.on.read();
        if (!this.#isOver && !this.#isConnected) this.#poll();
      },
      this.pollMs() * (0.8 + 0.4 * Math.random()),
    );
  }

  #online = () => {
    if (this.#updates) this.#updates.hurry();
    else this.on.read();
  };

  #offline = () => this.on.away(true);

  /** A page that nobody sees lets its stream go, of which a browser has few; seen again, it goes on from there. */
  #seen = () => {
    clearTimeout(this.#hiddenTimer);
    if (document.hidden) this.#hiddenTimer = setTimeout(() => this.#updates?.rest(), HIDDEN_MS_MAX);
    else {
      if (this.#isConnected) this.#updates.wake();
      else this.on.read();
      this.on.seen();
    }
  };
}
