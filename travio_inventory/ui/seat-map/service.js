// --- the service ----------------------------------------------------------------------------------------------------

/** There was no answer, so what was asked may have been done or not. */
class Unreachable extends Error {}

/** The service refused; `reason` is its word for programs, `seats` are those that cannot be had. */
class Refused extends Error {
  constructor(status, problem, retryAfterMs) {
    super(textOf(problem?.detail) || `status ${status}`);
    const decidedBy = problem?.metadata?.decided_by ?? "store";
    this.status = status;
    this.reason = textOf(problem?.reason);
    this.seats = [...new Set(listOf(problem?.taken, SEATS_MAX).map((each) => textOf(each.seat_id)))];
    this.retryAfterMs = retryAfterMs;
    const retries = [408, 425, 429, 500, 502, 503, 504].includes(status) || typeof problem?.retry_after_ms === "number";
    this.mayChange = retries && this.reason !== "HOLD_LIMIT";
    this.ownHold = textOf(problem?.metadata?.own_hold_id);
    /** Whether the store itself has said no, whatever became of earlier requests. */
    this.isFinal = !this.mayChange && ![401, 403].includes(status) && decidedBy === "store";
    /** Whether it may have been done all the same, as where only a proxy has answered. */
    this.isUnknown = (status >= 500 || status === 408) && !NOTHING_DONE.includes(this.reason);
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

let madeUp = "";

/** Whoever uses this tab, where the page names nobody: the same after a reload, if the page may keep anything. */
function visitor() {
  madeUp ||= `visitor-${newKey()}`;
  try {
    return (sessionStorage["travio-visitor"] ||= madeUp);
  } catch {
    return madeUp;
  }
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
    const service = new URL(this.element.service.replace(/\/*$/, "/"), document.baseURI);
    const url = new URL(path.map(encodeURIComponent).join("/"), service);
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    return url;
  }

  /** Raises Refused where the page fails to give a token: nothing was asked then. */
  async #token() {
    const { token } = this.element;
    try {
      return typeof token === "function" ? await token() : token;
    } catch (error) {
      throw new Refused(401, { reason: "NO_TOKEN", detail: String(error?.message ?? error) }, 0);
    }
  }

  /** For a call about holds it names a user, made up where the page names nobody and has no token. */
  async headers(isAboutHolds = false) {
    const { organization } = this.element;
    const bearer = await this.#token();
    const user = this.element.user || (isAboutHolds && !bearer && visitor());
    return {
      ...(bearer && { Authorization: `Bearer ${bearer}` }),
      ...(organization && { "X-Organization-Id": organization }),
      ...(user && { "X-User-Id": user }),
    };
  }

  /** One request. Raises Refused, Unreachable. */
  async ask(method, path, { query, body, key, etag } = {}) {
    let answer, data;
    const headers = await this.headers(path[1] === "holds");
    try {
      if (body !== undefined) headers["Content-Type"] = "application/json";
      if (key) headers["Idempotency-Key"] = key;
      if (etag) headers["If-None-Match"] = etag;
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
        isUnknown ||= error instanceof Unreachable || error.isUnknown;
        if (error instanceof Refused && (error.isFinal || (!isUnknown && !error.mayChange))) throw error;
        if (attempt === TRIES_MAX) throw isUnknown ? new Unreachable(error.message) : error;
        await waiting(Math.max(backoff(attempt - 1), Math.min(error.retryAfterMs || 0, WAIT_MS_MAX)));
      }
    }
  }
}
