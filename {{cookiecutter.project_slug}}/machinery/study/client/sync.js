/**
 * The record on the server: opening it in this window, and sending what is new until the server has it.
 *
 * Only the end of the study waits for a save. One request is sent at a time, with the entries that the
 * server does not have, every six seconds; until then, they are safe in the journal. The answer says
 * how many of this window's entries the server has, and that alone counts: after an answer that was
 * lost, or a database that forgot its last seconds, sending goes on from there.
 */
import { postInBackground, startWorker } from "./background.js";
import { ServerError, fetchJSON, pauseAfter, postEntries } from "./server.js";

const PAUSE = 6000; // ms from the start of a background save to the start of the next
const PAUSE_UNKEPT = 1000; // where a crash would lose what was not sent
const MOMENT = 100; // ms, in which entries that belong together are recorded
const PAGE_PAUSE = 2000; // ms, at least, when pages follow each other quickly
const ATTEMPTS = 3; // before a save that the task asked for is reported as failed
const LARGEST = 500000; // characters of a request, if it has more than one entry
const KEEPALIVE_LIMIT = 60000; // bytes: after a page is closed, browsers send at most 64 kB
// ms for which entries stay in the journal after the server has stored them: it can lose the last
// seconds when its database moves to another machine.
const KEPT_AFTERWARDS = 60000;

const syncURL = (id) => `/sync/${encodeURIComponent(id)}`;

const isRecord = (value) => value && typeof value === "object" && !Array.isArray(value);

/** Open the record in this window. @returns {Promise<{window: number, record: Object}>} */
export async function openWindow(id) {
  const answer = await fetchJSON(`${syncURL(id)}/windows`, { method: "POST" });
  if (Number.isInteger(answer?.window) && isRecord(answer.record)) return answer;
  throw new ServerError("The answer is not the study's", undefined, JSON.stringify(answer));
}

/** Load the stored record. @returns {Promise<Object>} */
export async function loadRecord(id) {
  const stored = await fetchJSON(syncURL(id));
  if (isRecord(stored)) return stored;
  throw new ServerError("The stored record is not an object", undefined, JSON.stringify(stored));
}

/**
 * Send entries, once.
 * @param {number} window  the number of the window that sends them
 * @param {{window: number, first: number, entries: Entry[]}} what
 *     of the window that recorded them, where another one has left them
 * @param {function(string, string[]): Promise<Object>} post
 * @returns {Promise<number>} how many entries of that window the server has
 */
async function sendEntries(id, window, { window: of, first, entries }, post = postEntries) {
  const query = `window=${window}&first=${first}${of === window ? "" : `&of=${of}`}`;
  const answer = await post(`${syncURL(id)}/entries?${query}`, entries);
  if (answer?.window === of && Number.isInteger(answer.held)) return answer.held;
  throw new ServerError("The answer is not the study's", undefined, JSON.stringify(answer));
}

/**
 * Send what earlier windows have left.
 * @param {Left} left
 * @param {function(number): void} acknowledge  is told how many entries of their window the server has
 * @throws {ServerError} after all is sent, if the server has set it aside
 */
export async function sendLeft(id, window, left, acknowledge) {
  let size = LARGEST;
  let refusal;
  for (let sent = 0; sent < left.entries.length;) {
    const entries = takeWithin(size, left.entries, sent);
    const first = left.first + sent;
    try {
      const held = await sendEntries(id, window, { window: left.window, first, entries });
      await acknowledge(held);
      if (held < first) throw new ServerError("Entries before these are missing");
      sent = held - left.first + 1;
    } catch (error) {
      if (isSetAside(error)) {
        refusal = error;
        sent += entries.length;
      } else if (isTooLargeForProxy(error) && entries.length > 1) {
        size = entries.join("").length / 2;
      } else throw error;
    }
  }
  if (refusal) throw refusal;
}

/** The entries from `start` on that fit into one request: at least one. */
function takeWithin(size, entries, start) {
  let end = start;
  for (let length = 0; end < entries.length && (end === start || length + entries[end].length < size); end++) {
    length += entries[end].length;
  }
  return entries.slice(start, end);
}

/** The page is closed before the answer arrives, and its worker with it. */
function postWhileLeaving(url, entries) {
  const keepalive = new Blob(entries).size + entries.length < KEEPALIVE_LIMIT;
  return postEntries(url, entries, { keepalive });
}

/** Whether the server refused because a later window has the study open. */
export const isSuperseded = (error) => error.status === 409 && error.reason === "newer-window";

/** Whether the server keeps what came apart from the record, or had it before the participation ended. */
export const isSetAside = (error) => isSuperseded(error) || (error.status === 409 && error.reason === "ended");

/** Whether the record was deleted on purpose, so that this browser must delete its copy. */
export const isErased = (error) => error.status === 410 && error.reason === "erased";

/** Whether the server has forgotten that it gave this window its number. */
const isForgotten = (error) => error.status === 409 && error.reason === "unknown-window";

const isTooLargeForProxy = (error) => error.status === 413 && !error.isFromTheStudy;

/**
 * Saves a participant's record. Emits "saved" after a save, "change" when `failingSince`, `refusal` or
 * `isOver` changes, "erased" when the study has deleted the record and this browser its copy.
 */
export class Saver extends EventTarget {
  #taskdata;
  #journal;
  #held = 0; // entries of this window that the server has
  #acknowledged = []; // what it had at earlier times: {at, held}
  #largest = LARGEST;
  #sent = []; // entries of the last request
  #request = null; // the current save: {last, isLast}
  #begun = -Infinity; // start of the last save
  #failures = 0;
  #waiting = []; // {resolve, reject, last}
  #timer;
  #due = Infinity;
  #announced = [null, null, false]; // what was told last

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
    startWorker();
    window.addEventListener("online", () => this.#failures && this.#plan(0));
    window.addEventListener("pagehide", () => this.#leave());
    window.addEventListener("beforeunload", () => this.#leave()); // before the next page reads the record
    document.addEventListener("visibilitychange", () => document.hidden && this.pageChanged());
  }

  get isDirty() { return this.#recorded > this.#held; }

  get #recorded() { return this.#taskdata.entries.length; }

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
   * Try once to save what is recorded by now: at the next planned time or, with `now`, at once.
   * @returns {Promise<Object>}
   */
  attempt({ now = false } = {}) {
    if (this.isOver) return new Promise(() => {});
    if (this.refusal && !now) return Promise.reject(this.refusal);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject, last: this.#recorded });
      if (now || !this.#failures) this.#plan(0);
    });
  }

  /** Wait until the server has what is recorded by now. Background saves go on as they would. @returns {Promise<void>} */
  async whenSaved() {
    const last = this.#recorded;
    while (this.#held < last) await new Promise((resolve) => this.addEventListener("saved", resolve, { once: true }));
  }

  /** Stop, because another window has taken over; unsaved entries are sent, for the server to set aside. */
  supersede() {
    if (this.isOver) return;
    if (this.isDirty) this.#send().catch(() => {});
    this.stop();
  }

  /** Send and keep nothing more: the study has deleted the record. Whoever waits for a save waits for ever. */
  erase() {
    this.#waiting = [];
    this.stop();
    this.#journal.erase().then(() => this.dispatchEvent(new Event("erased")));
  }

  /** Send nothing more. */
  stop() {
    this.isOver = true;
    clearTimeout(this.#timer);
    this.#announce();
  }

  get #isQuiet() { return !this.#failures && !this.refusal; }

  #pause() { return (this.#journal.isKept ? PAUSE : PAUSE_UNKEPT) * (0.9 + Math.random() / 5); }

  #plan(delay) {
    const due = performance.now() + delay;
    if (this.#request || this.isOver || due >= this.#due) return; // the next request is planned when one ends
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#attempt(), delay);
  }

  /** Send the newest entries, whatever becomes of the current request: the page may be about to close. */
  #leave() {
    const isBeingSent = this.#request?.isLast && this.#request.last === this.#recorded;
    if (this.isOver || this.refusal || !this.isDirty || isBeingSent) return;
    this.#attempt({ isLast: true });
  }

  async #attempt({ isLast = false } = {}) {
    clearTimeout(this.#timer);
    this.#due = Infinity;
    const request = (this.#request = { last: this.#recorded, isLast });
    const begun = (this.#begun = performance.now());
    try {
      await this.#send({ isLast });
      this.#failures = 0;
      this.failingSince = this.refusal = null;
      this.#settle();
    } catch (error) {
      if (this.#request !== request) return; // replaced by a newer one
      console.warn(error);
      await this.#fail(error, begun);
    }
    if (this.#request === request) this.#request = null;
    this.#announce();
    this.#planNext();
  }

  async #fail(error, begun) {
    if (isTooLargeForProxy(error) && this.#sent.length > 1) {
      this.#largest = this.#sent.join("").length / 2;
      return;
    }
    if (isErased(error)) {
      this.erase();
      return;
    }
    if (isForgotten(error) && (await this.#reopen())) return;
    this.#failures += 1;
    this.failingSince ??= begun;
    if (isSuperseded(error)) {
      this.isOver = true;
      this.#journal.close();
    } else if (error.isFromTheStudy && !isForgotten(error)) {
      this.refusal = error;
    }
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Get a new number for this window; all of its entries are sent again. */
  async #reopen() {
    try {
      const { window } = await openWindow(this.#taskdata.id);
      this.#held = 0;
      this.#acknowledged = [];
      await this.#journal.move(window, this.#taskdata.entries);
      return true;
    } catch (error) {
      console.warn(error);
      return false;
    }
  }

  #settle() {
    this.dispatchEvent(new Event("saved"));
    const isDone = ({ last }) => last <= this.#held;
    for (const { resolve } of this.#waiting.filter(isDone)) resolve({ status: "user data saved" });
    this.#waiting = this.#waiting.filter((waiting) => !isDone(waiting));
  }

  #planNext() {
    if (this.#waiting.length) this.#plan(0);
    else if (this.refusal) return;
    else if (this.#failures) this.#plan(pauseAfter(this.#failures));
    else if (this.isDirty) this.changed();
  }

  async #send({ isLast = false } = {}) {
    if (!this.isDirty) return;
    const { id, entries: all } = this.#taskdata;
    const { window } = this.#journal;
    const first = this.#held + 1;
    const entries = (this.#sent = takeWithin(this.#largest, all, this.#held));
    const post = isLast ? postWhileLeaving : postInBackground;
    const held = Math.min(all.length, await sendEntries(id, window, { window, first, entries }, post));
    if (held === first - 1) throw new ServerError("The server has not stored what was sent");
    this.#held = held;
    this.#forget();
  }

  /** Delete from the journal what the server has had for a while. */
  #forget() {
    const now = performance.now();
    this.#acknowledged.push({ at: now, held: this.#held });
    const old = this.#acknowledged.filter(({ at }) => at <= now - KEPT_AFTERWARDS);
    if (!old.length) return;
    this.#acknowledged = this.#acknowledged.slice(old.length);
    setTimeout(() => this.#journal.acknowledge(old.at(-1).held)); // apart: a frame may be due in between
  }

  #announce() {
    const state = [this.failingSince, this.refusal, this.isOver];
    if (state.every((part, index) => part === this.#announced[index])) return;
    this.#announced = state;
    this.dispatchEvent(new Event("change"));
  }
}
