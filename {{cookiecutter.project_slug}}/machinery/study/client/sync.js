/**
 * The record on the server: loading it, and saving it again and again until the server has all of it.
 *
 * Nobody waits for a save but the end of the study. One request is under way at a time; the next one
 * carries everything so far. In the background they keep a distance that grows with the record,
 * because each sends the whole of it: up to 50 kB every 5 s, from 600 kB every minute. The journal
 * covers the time between. The last request of a closing window may be no larger than 64 kB; if the
 * record is, it carries only what the stored one lacks.
 */
import { ServerError, fetchJSON, pauseAfter } from "./server.js";

const PAUSE = 5000; // ms between the beginnings of two saves in the background
const LONGEST_PAUSE = 60000;
const BYTES_PER_MS = 10; // that background saves may send in the long run
const MOMENT = 100; // ms in which what belongs together is recorded
const PAGE_PAUSE = 2000; // ms at least, however fast pages follow each other
const ATTEMPTS = 3; // until a task that asked for a save is told that it failed
const KEEPALIVE_LIMIT = 60000; // bytes: browsers send at most 64 kB after the page is gone

const syncURL = (id) => `/sync/${encodeURIComponent(id)}`;

/** @returns {Promise<Object>} the stored record */
export async function loadRecord(id) {
  const stored = await fetchJSON(syncURL(id));
  if (stored && typeof stored === "object" && !Array.isArray(stored)) return stored;
  throw new ServerError("The stored record is not an object", undefined, JSON.stringify(stored));
}

/**
 * Send a record, once.
 * @param {string} body  the record as JSON
 * @param {number} [writer]  the window's number; without one the server goes by the record's length
 * @param {number} save  counted upwards in one window
 */
export function sendRecord(id, body, writer, save, options) {
  return send("PUT", syncURL(id), body, writer, save, options);
}

/** Send what the stored record lacks, once, as a save of that number. @param {string} body  entries as JSON */
function sendEntries(id, body, writer, save, options) {
  return send("POST", `${syncURL(id)}/entries`, body, writer, save, options);
}

function send(method, url, body, writer, save, options) {
  const order = writer ? `?${new URLSearchParams({ writer, save })}` : "";
  const headers = { "Content-Type": "application/json" };
  return fetchJSON(url + order, { method, headers, body, ...options });
}

const fits = (body) => new Blob([body]).size < KEEPALIVE_LIMIT;

/** Another window shows the study now, and this one may no longer save. */
export const isSuperseded = (error) => error.status === 409 && error.reason === "newer-window";

/** Saves one participant's record. Emits "change" when `failingSince`, `refusal` or `isOver` changes. */
export class Saver extends EventTarget {
  #taskdata;
  #journal;
  #saves = 0;
  #acknowledged = 0; // the version of the record that the server has
  #request = null; // the save under way: {controller, version, isLast}
  #begun = performance.now(); // when the last save began
  #size = 0; // bytes, roughly, of the last save
  #failures = 0;
  #waiting = [];
  #timer;
  #due = Infinity;

  /** When the first of the failures began that have not ended yet; performance.now() or null. */
  failingSince = null;
  /** Why the study's server will not take this record, or null. @type {?ServerError} */
  refusal = null;
  /** Nothing is sent any more: the study is over, or goes on in another window. */
  isOver = false;

  constructor(taskdata, journal) {
    super();
    this.#taskdata = taskdata;
    this.#journal = journal;
    window.addEventListener("online", () => this.#failures && this.#plan(0));
    window.addEventListener("pagehide", () => this.#leave());
    window.addEventListener("beforeunload", () => this.#leave()); // before the next page reads the record
    document.addEventListener("visibilitychange", () => document.hidden && this.pageChanged());
  }

  get isDirty() { return this.#taskdata.version > this.#acknowledged; }

  /** Something was recorded: save it in the background. */
  changed() {
    if (this.#isQuiet) this.#plan(Math.max(MOMENT, this.#begun + this.#pause() - performance.now()));
  }

  /** A good moment for a save. */
  pageChanged() {
    if (this.#isQuiet && this.isDirty) this.#plan(Math.max(0, this.#begun + PAGE_PAUSE - performance.now()));
  }

  /**
   * Save now, as a task asks for it.
   * @returns {Promise<Object>} rejects after three attempts, or with the refusal; saving goes on
   */
  async save() {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.attempt();
      } catch (error) {
        if (this.isOver || this.refusal || attempt >= ATTEMPTS || this.#failures >= ATTEMPTS) throw error;
      }
    }
  }

  /**
   * One attempt to send what is there now: when its time has come or, if `now`, at once.
   * @returns {Promise<Object>}
   */
  attempt({ now = false } = {}) {
    if (this.isOver) return new Promise(() => {});
    if (this.refusal && !now) return Promise.reject(this.refusal);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (now || !this.#failures) this.#plan(0);
    });
  }

  /** Another window has taken over. What it may lack is sent once more; the server keeps it aside. */
  supersede() {
    if (this.isOver) return;
    if (this.isDirty && this.#journal.writer) this.#send().catch(() => {});
    this.stop();
  }

  /** Send nothing more. */
  stop() {
    this.isOver = true;
    clearTimeout(this.#timer);
    this.#tell();
  }

  get #isQuiet() { return !this.#failures && !this.refusal; }

  #pause() {
    const pause = Math.min(LONGEST_PAUSE, Math.max(PAUSE, this.#size / BYTES_PER_MS));
    return pause * (0.9 + Math.random() / 5);
  }

  #plan(delay) {
    const due = performance.now() + delay;
    if (this.#request || this.isOver || due >= this.#due) return; // the end of a request plans the next
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#attempt(), delay);
  }

  /** The page may be gone in a moment: what is under way is given up for the newest state. */
  #leave() {
    const isOnItsWay = this.#request?.isLast && this.#request.version === this.#taskdata.version;
    if (this.isOver || this.refusal || !this.isDirty || isOnItsWay) return;
    this.#request?.controller.abort();
    this.#attempt({ isLast: true });
  }

  async #attempt({ isLast = false } = {}) {
    clearTimeout(this.#timer);
    this.#due = Infinity;
    const waiting = this.#waiting.splice(0);
    const { version } = this.#taskdata;
    const request = (this.#request = { controller: new AbortController(), version, isLast });
    const begun = (this.#begun = performance.now());
    try {
      const answer = await this.#send({ isLast, signal: request.controller.signal });
      this.#failures = 0;
      this.failingSince = this.refusal = null;
      for (const { resolve } of waiting) resolve(answer);
    } catch (error) {
      if (this.#request !== request) { // given up for a newer one
        this.#waiting.unshift(...waiting);
        return;
      }
      console.warn(error);
      this.#failures += 1;
      this.failingSince ??= begun;
      if (isSuperseded(error)) {
        this.isOver = true;
        this.#journal.close();
      } else if (error.isFromTheStudy) {
        this.refusal = error;
      }
      for (const { reject } of [...waiting, ...this.#waiting.splice(0)]) reject(error);
    }
    if (this.#request === request) this.#request = null;
    this.#tell();
    this.#planNext();
  }

  #planNext() {
    if (this.#waiting.length) this.#plan(0);
    else if (this.refusal) return;
    else if (this.#failures) this.#plan(pauseAfter(this.#failures));
    else if (this.isDirty) this.changed();
  }

  async #send({ isLast = false, signal } = {}) {
    const { id, version, attributes, entries } = this.#taskdata;
    const windows = { ...attributes.windows };
    const { writer } = this.#journal;
    let body = JSON.stringify(this.#taskdata);
    this.#size = body.length;
    let sendBody = sendRecord;
    if (isLast && !fits(body) && writer && this.#acknowledged) {
      body = JSON.stringify(entries);
      sendBody = sendEntries;
    }
    const options = { keepalive: isLast && fits(body), signal };
    const answer = await sendBody(id, body, writer, ++this.#saves, options);
    this.#acknowledged = Math.max(this.#acknowledged, version);
    this.#taskdata.acknowledge(windows);
    return answer;
  }

  #tell() { this.dispatchEvent(new Event("change")); }
}
