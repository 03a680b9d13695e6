// --- the stream of updates -------------------------------------------------------------------------------------------

const newEvent = () => ({ data: [], id: null, size: 0 });

/**
 * Server-sent events by fetch, which unlike EventSource can send a token. Goes on from the last event after every loss;
 * `on` is told of each message, when it is connected and away, and when the service has no such stream.
 */
class Updates {
  #stop = new AbortController();
  #connection = new AbortController();
  #pause = new AbortController();
  #lastId = "";
  #retryMs = RETRY_MS;
  #rests = false;

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

  /** Lets the connection go until `wake`: nobody looks. */
  rest() {
    this.#rests = true;
    this.#connection.abort();
  }

  wake() {
    if (!this.#rests) return;
    this.#rests = false;
    this.#pause.abort();
  }

  async #run() {
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      this.#pause = new AbortController();
      if (this.#rests) {
        await waiting(FOR_EVER_MS, this.#pause.signal);
        attempt = -1;
        continue;
      }
      let isUnknown = false;
      try {
        await this.#listen(() => (attempt = 0));
      } catch (error) {
        isUnknown = error instanceof Refused && error.status === 401; // until the page has another token
        if (error instanceof Refused && !error.mayChange && !isUnknown) return this.on.none(error);
      }
      if (this.#stop.signal.aborted) return;
      if (this.#rests) continue;
      this.on.away(isUnknown ? 0 : attempt);
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
    this.on.message(data);
  }
}
