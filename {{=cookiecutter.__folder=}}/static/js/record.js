/**
 * A participant's record: what psiTurk stores as one JSON document at /sync/<uniqueId>.
 *
 * It is loaded before the task starts and never replaced by an empty one. Saves are repeated
 * when the network fails, and never overtake each other.
 */
import { PATIENCE, ServerError, fetchJSON, repeatedly } from "./server.js";
import { pressed, showNotice } from "./notice.js";

const SAVE_PAUSES = [1000, 3000]; // ms before the 2nd and 3rd attempt of a save
const LOAD_PAUSES = [500, 1500, 4000];
const KEEPALIVE_LIMIT = 60000; // browsers send at most 64 kB after the page is gone

/** One participant's record under the names that `psiturk download_datafiles` reads. */
export class TaskData {
  #sending = Promise.resolve();
  #next = null;
  #request;

  constructor(stored, id, adServerLoc, mode) {
    Object.assign(this, { id, adServerLoc, mode });
    this.attributes = {
      condition: 0, counterbalance: 0, assignmentId: 0, workerId: 0, hitId: 0,
      currenttrial: 0, bonus: 0, data: [], questiondata: {}, eventdata: [],
      ...stored,
      useragent: navigator.userAgent, mode, id,
    };
    this.addEvent("initialized", null);
    this.addEvent("window_resize", [window.innerWidth, window.innerHeight]);
  }

  get(name) { return this.attributes[name]; }

  /** `set("name", value)` or `set({name: value, …})` */
  set(name, value) {
    Object.assign(this.attributes, typeof name === "object" ? name : { [name]: value });
    return this;
  }

  toJSON() { return { ...this.attributes }; }
  getTrialData() { return this.get("data"); }
  getEventData() { return this.get("eventdata"); }
  getQuestionData() { return this.get("questiondata"); }

  /** @param {Row} trialdata */
  addTrialData(trialdata) {
    const current_trial = this.get("currenttrial");
    this.get("data").push({ uniqueid: this.id, current_trial, dateTime: Date.now(), trialdata });
    this.set("currenttrial", current_trial + 1);
  }

  addUnstructuredData(field, response) { this.get("questiondata")[field] = response; }

  addEvent(eventtype, value) {
    const events = this.get("eventdata");
    const timestamp = Date.now();
    const since = eventtype === "initialized" ? undefined : events.at(-1);
    events.push({ eventtype, value, timestamp, interval: since ? timestamp - since.timestamp : 0 });
  }

  async fetch() { return this.set(await loadRecord(this.id)); }

  /**
   * Save the record. One save is under way at a time; calls made meanwhile share the next one,
   * which sends what is there when its turn comes.
   * @param {?Object} attributes  set first, if given
   * @param {Callbacks} [callbacks]
   */
  save(attributes, callbacks = {}) {
    if (attributes) this.set(attributes);
    if (!this.#next) {
      const send = () => {
        this.#next = null;
        return (this.#sending = repeatedly(() => this.#put(), SAVE_PAUSES));
      };
      this.#next = this.#sending.then(send, send);
    }
    const saved = this.#next;
    saved.then((answer) => callbacks.success?.(this, answer), (error) => callbacks.error?.(this, error));
    return saved;
  }

  /** The last chance, while the page closes: what is under way is dropped for the newest state. */
  saveWhileLeaving() {
    this.#request?.abort();
    const keepalive = new Blob([JSON.stringify(this)]).size < KEEPALIVE_LIMIT;
    this.#put({ keepalive }).catch((error) => console.warn(error));
  }

  // AbortSignal.any would be shorter, but browsers of 2023 do not have it.
  async #put(options) {
    const request = (this.#request = new AbortController());
    const patience = setTimeout(() => request.abort(), PATIENCE);
    try {
      return await fetchJSON(syncURL(this.id), {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(this),
        signal: request.signal,
        ...options,
      });
    } finally {
      clearTimeout(patience);
    }
  }
}

const syncURL = (id) => `/sync/${encodeURIComponent(id)}`;

/** The stored record. The task waits for it: without it the next save would erase earlier data. */
export async function loadRecord(id, contact) {
  for (;;) {
    try {
      const stored = await repeatedly(() => fetchJSON(syncURL(id)), LOAD_PAUSES);
      if (stored && typeof stored === "object" && !Array.isArray(stored)) return stored;
      throw new ServerError("The stored record is not an object", undefined, JSON.stringify(stored));
    } catch (error) {
      console.error(error);
      const dialog = showNotice({
        name: "load-failed",
        heading: "We could not reach the study",
        text: "Nothing is lost. Please check your internet connection, then try again.",
        button: "Try again",
        contact,
      });
      await pressed(dialog);
      dialog.remove();
    }
  }
}
