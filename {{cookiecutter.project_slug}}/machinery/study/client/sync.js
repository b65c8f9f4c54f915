/**
 * The record on the server: loading it, and saving it until the server has all of it.
 *
 * Only the end of the study waits for a save. One request is sent at a time, and it carries the whole
 * record. In the background, the pause between two requests grows with the record: 5 s up to 50 kB,
 * a minute from 600 kB. Until then, entries are safe in the journal. A closing window can send no more
 * than 64 kB; if the record is larger, it sends only the entries that the stored record lacks.
 */
import { ServerError, fetchJSON, pauseAfter } from "./server.js";

const PAUSE = 5000; // ms from the start of a background save to the start of the next
const LONGEST_PAUSE = 60000;
const BYTES_PER_MS = 10; // the most that background saves send in the long run
const MOMENT = 100; // ms, in which entries that belong together are recorded
const PAGE_PAUSE = 2000; // ms, at least, when pages follow each other quickly
const ATTEMPTS = 3; // before a save that the task asked for is reported as failed
const KEEPALIVE_LIMIT = 60000; // bytes: after a page is closed, browsers send at most 64 kB

const syncURL = (id) => `/sync/${encodeURIComponent(id)}`;

/** Load the stored record. @returns {Promise<Object>} */
export async function loadRecord(id) {
  const stored = await fetchJSON(syncURL(id));
  if (stored && typeof stored === "object" && !Array.isArray(stored)) return stored;
  throw new ServerError("The stored record is not an object", undefined, JSON.stringify(stored));
}

/**
 * Send a record, once.
 * @param {string} body  the record as JSON
 * @param {number} [writer]  the window's number; without it, the server compares lengths
 * @param {number} save  the number of the save in this window
 */
export function sendRecord(id, body, writer, save, options) {
  return send("PUT", syncURL(id), body, writer, save, options);
}

/** Send the entries that the stored record lacks, once. @param {string} body  the entries as JSON */
function sendEntries(id, body, writer, save, options) {
  return send("POST", `${syncURL(id)}/entries`, body, writer, save, options);
}

function send(method, url, body, writer, save, options) {
  const order = writer ? `?${new URLSearchParams({ writer, save })}` : "";
  const headers = { "Content-Type": "application/json" };
  return fetchJSON(url + order, { method, headers, body, ...options });
}

const fits = (body) => new Blob([body]).size < KEEPALIVE_LIMIT;

/** Whether the server refused because a later window has the study open. */
export const isSuperseded = (error) => error.status === 409 && error.reason === "newer-window";

/** Saves a participant's record. Emits "change" when `failingSince`, `refusal` or `isOver` changes. */
export class Saver extends EventTarget {
  #taskdata;
  #journal;
  #saves = 0;
  #acknowledged = 0; // version of the record that the server has
  #request = null; // the current save: {controller, version, isLast}
  #begun = performance.now(); // start of the last save
  #size = 0; // approximate bytes of the last save
  #failures = 0;
  #waiting = [];
  #timer;
  #due = Infinity;

  /** Start of the current series of failures, in performance.now() time, or null. */
  failingSince = null;
  /** Why the study's server refuses this record, or null. @type {?ServerError} */
  refusal = null;
  /** Whether saving has ended: the study is over, or continues in another window. */
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

  /** Save in the background: something was recorded. */
  changed() {
    if (this.#isQuiet) this.#plan(Math.max(MOMENT, this.#begun + this.#pause() - performance.now()));
  }

  /** Save in the background, soon: nothing is being timed now. */
  pageChanged() {
    if (this.#isQuiet && this.isDirty) this.#plan(Math.max(0, this.#begun + PAGE_PAUSE - performance.now()));
  }

  /**
   * Save now, for a task that asks for it.
   * @returns {Promise<Object>} rejects after three attempts or a refusal; background saves go on
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
   * Try once to save the current record: at the next planned time or, with `now`, at once.
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

  /** Stop, because another window has taken over; unsaved entries are sent, for the server to set aside. */
  supersede() {
    if (this.isOver) return;
    if (this.isDirty && this.#journal.writer) this.#send().catch(() => {});
    this.stop();
  }

  /** Send nothing more. */
  stop() {
    this.isOver = true;
    clearTimeout(this.#timer);
    this.#announce();
  }

  get #isQuiet() { return !this.#failures && !this.refusal; }

  #pause() {
    const pause = Math.min(LONGEST_PAUSE, Math.max(PAUSE, this.#size / BYTES_PER_MS));
    return pause * (0.9 + Math.random() / 5);
  }

  #plan(delay) {
    const due = performance.now() + delay;
    if (this.#request || this.isOver || due >= this.#due) return; // the next request is planned when one ends
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#attempt(), delay);
  }

  /** Send the newest state in place of the current request: the page may be about to close. */
  #leave() {
    const isBeingSent = this.#request?.isLast && this.#request.version === this.#taskdata.version;
    if (this.isOver || this.refusal || !this.isDirty || isBeingSent) return;
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
      if (this.#request !== request) { // replaced by a newer one
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
    this.#announce();
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

  #announce() { this.dispatchEvent(new Event("change")); }
}
