/**
 * A participant's record: what psiTurk stores as one JSON document.
 *
 * A record grows by entries, numbered from 1 in each window. An entry is written to this browser's
 * journal (journal.js) at once and sent with the next save (sync.js). The server makes the record of
 * them; this page only adds to its own copy what is recorded in it.
 *
 * @typedef {string} Entry  JSON, as study/database/entries.py describes it
 */

/** What each kind of entry does to a record. */
const KINDS = {
  trial(record, dateTime, trialdata) {
    record.data.push({ uniqueid: record.id, current_trial: record.currenttrial, dateTime, trialdata });
    record.currenttrial += 1;
  },
  answer(record, field, value) { record.questiondata[field] = value; },
  event(record, event) { record.eventdata.push(event); },
  attributes(record, attributes) { Object.assign(record, attributes); },
};

/** A participant's record, with the field names that psiTurk's downloads read. */
export class TaskData {
  /** What this window has recorded. @type {Entry[]} */
  entries = [];

  /**
   * @param {Object} stored  the server's record
   * @param {{uniqueId: string, adServerLoc: string, mode: string}} page
   * @param {Journal} journal
   */
  constructor(stored, { uniqueId, adServerLoc, mode }, journal) {
    const attributes = { currenttrial: 0, data: [], questiondata: {}, eventdata: [], ...stored };
    Object.assign(this, { id: uniqueId, adServerLoc, mode, journal, attributes });
    this.set({ useragent: navigator.userAgent, mode, id: uniqueId });
  }

  get(name) { return this.attributes[name]; }

  /** `set("name", value)` or `set({name: value, …})` */
  set(name, value) {
    this.#add("attributes", typeof name === "object" ? name : { [name]: value });
    return this;
  }

  toJSON() { return { ...this.attributes }; }
  getTrialData() { return this.get("data"); }
  getEventData() { return this.get("eventdata"); }
  getQuestionData() { return this.get("questiondata"); }

  /** @param {Row} trialdata  @returns {Promise<boolean>} see Journal.append */
  addTrialData(trialdata) { return this.#add("trial", Date.now(), trialdata); }

  /** @returns {Promise<boolean>} see Journal.append */
  addUnstructuredData(field, response) { return this.#add("answer", field, response); }

  addEvent(eventtype, value) {
    const timestamp = Date.now();
    const since = eventtype === "initialized" ? undefined : this.get("eventdata").at(-1);
    const interval = since ? timestamp - since.timestamp : 0;
    return this.#add("event", { eventtype, value, timestamp, interval });
  }

  /** Do nothing: the page has loaded the record, and no other window changes it. */
  async fetch() { return this; }

  /**
   * Save now.
   * @param {?Object} attributes  to set first
   * @param {Callbacks} [callbacks]
   */
  save(attributes, callbacks = {}) {
    if (attributes) this.set(attributes);
    const saved = this.saver.save();
    saved.then((answer) => callbacks.success?.(this, answer), (error) => callbacks.error?.(this, error));
    return saved;
  }

  // The entry is a copy, which a task cannot change afterwards; content that is not JSON fails here.
  #add(kind, ...content) {
    const entry = JSON.stringify([kind, ...content]);
    KINDS[kind](this.attributes, ...content);
    this.entries.push(entry);
    this.saver?.changed();
    return this.journal.append(this.entries.length, entry);
  }
}
