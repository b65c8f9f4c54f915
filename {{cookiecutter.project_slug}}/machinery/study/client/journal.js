/**
 * The entries that the server may not have yet, in the browser's own database (IndexedDB), so that
 * they survive a closed window, a crash and a dead battery.
 *
 * Each participant has a journal. Only the window that was opened last writes to it; an older window
 * finds out with its next entry. Entries are deleted when the server has had them for a while. In a
 * browser that blocks storage, everything works as long as the window stays open.
 */
const DATABASE = "study-entries";
const TIMEOUT = 3000; // ms: some browsers neither answer nor report an error
const DAY = 24 * 3600 * 1000;
const DAYS_KEPT = 30; // for entries that never reached the server
const AFTER_THE_END = 60000; // ms in which what was saved last is not sent once more

let opened;
let unanswered; // the transaction that did not answer in time, until it does

function open() {
  return (opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("journals", { keyPath: "id" });
      request.result.createObjectStore("entries", { keyPath: ["id", "window", "number"] });
    };
    request.onsuccess = () => {
      request.result.onclose = () => { opened = undefined; };
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  }).catch((error) => {
    opened = undefined;
    throw error;
  }));
}

const result = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** Select the entries of a participant or, given it, of one window. */
const entriesOf = (id, window) =>
  IDBKeyRange.bound([id, window ?? 0, 0], [id, window ?? Infinity, Infinity]);

/** Run `work` in one transaction. @returns what `work` returned, once everything is on the disk */
async function transact(work) {
  if (unanswered) throw new Error("The browser's database does not answer");
  const done = begin(work);
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => {
      unanswered = done.catch(() => {}).then(() => { unanswered = undefined; });
      reject(new Error("The browser's database does not answer in time"));
    }, TIMEOUT);
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function begin(work) {
  const database = await open();
  let transaction;
  try {
    transaction = database.transaction(["journals", "entries"], "readwrite", { durability: "strict" });
  } catch (error) {
    opened = undefined; // the browser closed the database; the next transaction reopens it
    throw error;
  }
  const written = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error ?? new Error("The transaction was aborted"));
  });
  const returned = work(transaction.objectStore("journals"), transaction.objectStore("entries"));
  return (await Promise.all([returned, written]))[0];
}

/** The journal of the participant in this window. */
export class Journal {
  #pending = []; // entries not on the disk yet: {number, entry}
  #written = Promise.resolve(true);
  #next = null;
  #isClosed = false;
  #announceTakeover;

  /** Whether what is recorded now would survive a crash. */
  isKept = true;

  /**
   * @param {string} id  uniqueId
   * @param {number} window  the number that the server gave this window; later windows get higher ones
   */
  constructor(id, window) {
    Object.assign(this, { id, window });
    /** Resolves when a later window has taken over. */
    this.takenOver = new Promise((resolve) => { this.#announceTakeover = resolve; });
  }

  /** Keep no more entries: a later window has taken over. */
  close() {
    this.#isClosed = true;
    this.#announceTakeover();
  }

  /**
   * Become the window that writes. It happens in one transaction, so that an entry of an older window
   * is either among those returned, or rejected in that window.
   * @returns {Promise<?Left[]>} what earlier windows left, or null if a later window writes
   */
  async takeOver() {
    let left = [];
    try {
      left = await transact(async (journals, entries) => {
        const known = await result(journals.get(this.id));
        if (known?.window > this.window) return null;
        journals.put(this.#header());
        return result(entries.getAll(entriesOf(this.id)));
      });
    } catch (error) {
      console.warn("This browser keeps no journal", error);
      this.isKept = false;
    }
    if (left) this.#hold();
    return left && byWindow(left);
  }

  /** Keep an entry. @returns {Promise<boolean>} true once it is on the disk, false if that failed */
  append(number, entry) {
    if (this.#isClosed) return Promise.resolve(false);
    this.#pending.push({ number, entry });
    return (this.#next ??= this.#written.then(() => {
      this.#next = null;
      return (this.#written = this.#write());
    }));
  }

  /** Delete what the server has: so many entries of this window. */
  acknowledge(held) {
    this.#pending = this.#pending.filter(({ number }) => number > held);
    return acknowledge(this.id, this.window, held);
  }

  /** Go on under another number, with the same entries. @param {Entry[]} entries  all of this window */
  async move(window, entries) {
    const before = this.window;
    this.window = window;
    this.#pending = [];
    await Promise.all(entries.map((entry, index) => this.append(index + 1, entry)));
    if (before !== window) await acknowledge(this.id, before);
  }

  /** Note that the participation is over and saved. The page that follows deletes the journal. */
  async end() {
    this.#isClosed = true;
    try {
      await this.#written;
      await transact((journals) => journals.put({ ...this.#header(), ended: Date.now() }));
    } catch (error) {
      console.warn("The journal could not be closed", error);
    }
  }

  /** Delete everything and keep no more: the study has deleted the record. */
  async erase() {
    this.#isClosed = true;
    this.#pending = [];
    await this.#written;
    await erase(this.id);
  }

  async #write() {
    const batch = [...this.#pending]; // entries recorded meanwhile wait for the next write
    try {
      const isMine = await transact(async (journals, entries) => {
        const known = await result(journals.get(this.id));
        if (known?.window > this.window) return false;
        journals.put(this.#header());
        for (const { number, entry } of batch) entries.put({ id: this.id, window: this.window, number, entry });
        return true;
      });
      if (isMine) {
        const kept = new Set(batch);
        this.#pending = this.#pending.filter((entry) => !kept.has(entry));
        this.isKept = true;
      } else {
        this.close();
      }
      return isMine;
    } catch (error) {
      console.warn("The journal could not be written", error); // the next entry tries again
      this.isKept = false;
      return false;
    }
  }

  #header() { return { id: this.id, window: this.window, touched: Date.now() }; }

  // The lock shows resend.js that this window is open, and an older window that it has been superseded.
  #hold() {
    const forever = () => new Promise(() => {});
    navigator.locks?.request(lockName(this.id), { steal: true }, forever).catch((error) => {
      if (error.name === "AbortError") this.close();
    });
  }
}

const lockName = (id) => `${DATABASE} ${id}`;

/** Run `work` unless a window is writing this journal. Never runs it without locks, as on http. */
export const unlessInUse = (id, work) =>
  navigator.locks?.request(lockName(id), { ifAvailable: true }, (lock) => lock && work());

/**
 * @typedef {{window: number, first: number, entries: Entry[]}} Left
 *     entries of one window that follow each other, the first of them with that number
 */

/** @returns {Left[]} */
function byWindow(rows) {
  const left = [];
  for (const { window, number, entry } of rows) { // in the order of their keys
    const last = left.at(-1);
    if (last?.window === window && last.first + last.entries.length === number) last.entries.push(entry);
    else left.push({ window, first: number, entries: [entry] });
  }
  return left;
}

/** List the journals that hold entries. @returns {Promise<{id: string, window: number, left: Left[]}[]>} */
export async function listUnsent() {
  return transact(async (journals, entries) => {
    const headers = (await result(journals.getAll())).filter(({ ended = 0 }) => ended + AFTER_THE_END < Date.now());
    const rows = await Promise.all(headers.map(({ id }) => result(entries.getAll(entriesOf(id)))));
    return headers
      .map(({ id, window }, index) => ({ id, window, left: byWindow(rows[index]) }))
      .filter(({ left }) => left.length > 0);
  });
}

/** Delete so many entries of a window, or all of them; never rejects. */
export async function acknowledge(id, window, held = Infinity) {
  try {
    await transact((journals, entries) =>
      entries.delete(IDBKeyRange.bound([id, window, 0], [id, window, held])));
  } catch (error) {
    console.warn("The journal could not be tidied", error); // harmless: the server knows that it has them
  }
}

/** Delete a journal: the study has deleted the record. Never rejects; an old one goes in the end (removeOld). */
export async function erase(id) {
  try {
    await transact((journals, entries) => {
      journals.delete(id);
      entries.delete(entriesOf(id));
    });
  } catch (error) {
    console.warn("The journal could not be deleted", error);
  }
}

/** Delete the journals of participants of earlier days: people share computers in a lab. */
export async function removeOld() {
  const inUse = new Set((await navigator.locks?.query())?.held.map(({ name }) => name));
  await transact(async (journals, entries) => {
    for (const { id, touched, ended } of await result(journals.getAll())) {
      const isUnsent = !ended && (await result(entries.count(entriesOf(id)))) > 0;
      if (inUse.has(lockName(id)) || Date.now() - touched < (isUnsent ? DAYS_KEPT : 1) * DAY) continue;
      journals.delete(id);
      entries.delete(entriesOf(id));
    }
  });
}
