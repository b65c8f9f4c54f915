/**
 * A participant's record: what psiTurk stores as one JSON document at /sync/<uniqueId>.
 *
 * A record grows by entries: a trial, an answer, an event, changed attributes. Each entry is written to
 * this browser's journal (journal.js) at once, and to the server with the next save (sync.js). The
 * record's `windows` counts the entries that each browser window has contributed, so that an entry
 * left in a journal is added to the server's record exactly once.
 *
 * @typedef {{window: string, number: number, kind: string, text: string}} Entry
 *     number: counts from 1 in each window; text: the content, a JSON list
 */

/** What each kind of entry does to a record. */
const KINDS = {
  trial(record, { uniqueid, dateTime, trialdata }) {
    record.data.push({ uniqueid, current_trial: record.currenttrial, dateTime, trialdata });
    record.currenttrial += 1;
  },
  answer(record, field, value) { record.questiondata[field] = value; },
  event(record, event) { record.eventdata.push(event); },
  attributes(record, attributes) { Object.assign(record, attributes); },
};

/** Add to a stored record the entries that it lacks. @param {Entry[]} entries  in their order */
export function mergeEntries(stored, entries) {
  const record = {
    condition: 0, counterbalance: 0, assignmentId: 0, workerId: 0, hitId: 0,
    currenttrial: 0, bonus: 0, data: [], questiondata: {}, eventdata: [],
    ...stored,
    windows: { ...stored.windows },
  };
  for (const { window, number, kind, text } of entries) {
    if (number <= (record.windows[window] ?? 0)) continue;
    KINDS[kind](record, ...JSON.parse(text));
    record.windows[window] = number;
  }
  return record;
}

/** A participant's record, with the field names that psiTurk's downloads read. */
export class TaskData {
  /** The number of changes made to the record in this window. */
  version = 0;

  /**
   * @param {Object} record  from mergeEntries()
   * @param {Entry[]} entries  those that the server may not have yet
   * @param {{uniqueId: string, adServerLoc: string, mode: string}} page
   * @param {Journal} journal
   */
  constructor(record, entries, { uniqueId, adServerLoc, mode }, journal) {
    Object.assign(this, { id: uniqueId, adServerLoc, mode, journal, attributes: record });
    /** The entries that the server may not have yet. @type {Entry[]} */
    this.entries = entries;
    Object.assign(record, { useragent: navigator.userAgent, mode, id: uniqueId });
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
  addTrialData(trialdata) {
    return this.#add("trial", { uniqueid: this.id, dateTime: Date.now(), trialdata });
  }

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

  /** Note that the server has this many entries of each window. */
  acknowledge(windows) {
    this.entries = this.entries.filter(({ window, number }) => number > (windows[window] ?? 0));
    return this.journal.acknowledge(windows);
  }

  // `text` is a copy, which a task cannot change afterwards; content that is not JSON fails here.
  #add(kind, ...content) {
    const text = JSON.stringify(content);
    const { windows } = this.attributes;
    const { window } = this.journal;
    KINDS[kind](this.attributes, ...content);
    windows[window] = (windows[window] ?? 0) + 1;
    this.version += 1;
    const entry = { window, number: windows[window], kind, text };
    this.entries.push(entry);
    this.saver?.changed();
    return this.journal.append(entry);
  }
}
