/**
 * One file through a bad line. An attempt ends when the connection is cut or nothing comes any more;
 * the next one asks for the rest (Range), so that a large file arrives however often it is cut.
 */
import { ServerError } from "./server.js";

const SILENCE = 20000; // ms without a byte after which a connection counts as dead
const PART = 1 << 20; // bytes that are collected before they become a part
const GONE = [404, 410]; // other refusals may be a proxy's or a log-in page's, and pass

export class Download {
  // Blobs, which the browser may move to its disk. Joining them copies nothing.
  #parts = [];
  #version = null;
  #request;
  #heard = 0;
  #isSpoilt = false;

  /** Bytes that have come, and bytes in all if known. */
  received = 0;
  size = undefined;

  /** Whether the server has said anything in the last attempt. */
  isAnswered = false;
  isCut = false;

  /** @param {URL} url  @param {boolean} isPage  whether HTML is what should come */
  constructor(url, isPage = false) {
    this.url = url;
    this.isPage = isPage;
  }

  /**
   * Fetch what is missing.
   * @param {function(): void} onBytes  called whenever something has come
   * @returns {Promise<Blob>} rejects with a ServerError; call it again to go on
   */
  async attempt(onBytes) {
    const request = (this.#request = new AbortController());
    const watch = setInterval(() => this.isSilent(SILENCE) && request.abort(), 1000);
    this.isAnswered = this.isCut = false;
    this.#heard = performance.now();
    try {
      const response = await fetch(this.url, { ...this.#ask(), signal: request.signal });
      this.isAnswered = true;
      this.#accept(response);
      await this.#read(response, onBytes);
    } catch (cause) {
      if (cause instanceof ServerError) throw cause;
      throw new ServerError(`${this.url} did not arrive: ${cause.message}`);
    } finally {
      clearInterval(watch);
      request.abort(); // also a body that was not wanted
    }
    return new Blob(this.#parts, { type: this.type });
  }

  /** Ask the server how large the file is. Rejects with a ServerError if it has no such file. */
  async measure() {
    const signal = AbortSignal.timeout(SILENCE);
    const response = await fetch(this.url, { method: "HEAD", signal }).catch(() => undefined);
    if (GONE.includes(response?.status)) throw this.#refused(response);
    if (response?.ok) this.size ??= bodyLength(response);
  }

  /** Forget what has come. The next attempt asks the server, whatever the browser has kept. */
  forget() {
    this.#parts = [];
    this.received = 0;
    this.#isSpoilt = true;
  }

  isSilent(ms) { return performance.now() - this.#heard > ms; }

  /** Give up the present attempt, for another one at once. */
  cut() {
    this.isCut = true;
    this.#request?.abort();
  }

  #ask() {
    if (this.received) return { headers: { Range: `bytes=${this.received}-` } };
    return this.#isSpoilt ? { cache: "reload" } : {};
  }

  /** Make sure that this is the file, or its missing rest. */
  #accept(response) {
    const { status, headers } = response;
    if (status === 206 && this.#continues(headers)) return;
    if (status === 206 || status === 416) {
      this.forget();
      throw new ServerError(`${this.url} has changed`);
    }
    if (!response.ok) throw this.#refused(response);
    this.type = headers.get("Content-Type") ?? "";
    if (!this.isPage && this.type.startsWith("text/html")) {
      throw new ServerError(`${this.url} answered with a page`); // a hotel's, for example
    }
    this.#parts = [];
    this.received = 0;
    this.size = bodyLength(response);
    this.#version = headers.get("ETag");
  }

  #continues(headers) {
    const [, from, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("Content-Range")) ?? [];
    this.size ??= Number(size);
    const isSame = headers.get("ETag") === this.#version && Number(size) === this.size;
    return isSame && Number(from) === this.received;
  }

  async #read(response, onBytes) {
    const reader = response.body.getReader();
    let pieces = [];
    let length = 0;
    const keep = () => {
      this.#parts.push(new Blob(pieces));
      pieces = [];
      length = 0;
    };
    try {
      for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
        pieces.push(value);
        this.received += value.length;
        this.#heard = performance.now();
        if ((length += value.length) >= PART) keep();
        onBytes();
      }
    } finally {
      keep();
    }
    if (this.size !== undefined && this.received !== this.size) {
      throw new ServerError(`${this.url} came in part: ${this.received} of ${this.size} bytes`);
    }
  }

  #refused(response) {
    const error = new ServerError(`${this.url} answered ${response.status}`, response);
    error.isGone = GONE.includes(response.status);
    return error;
  }
}

/** The length of a body that is sent as it is; undefined if it is compressed. */
function bodyLength({ headers }) {
  const length = headers.get("Content-Length");
  return headers.get("Content-Encoding") || length === null ? undefined : Number(length);
}
