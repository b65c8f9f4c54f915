/**
 * The entries that the server may not have yet, in the browser's own database (IndexedDB), so that
 * they survive a closed window, a crash and a dead battery.
 *
 * Each participant has a journal. Only the window that took over last writes to it; an older window
 * finds out with its next entry. Entries are deleted as soon as the server has them. In a browser
 * that blocks storage, everything works as long as the window stays open.
 */
const DATABASE = "study-journal";
const OPEN_TIMEOUT = 3000; // ms: some browsers neither open a database nor report an error
const DAY = 24 * 3600 * 1000;
const DAYS_KEPT = 30; // for entries that never reached the server

let opened;

function open() {
  return (opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("journals", { keyPath: "id" });
      const entries = request.result.createObjectStore("entries", { keyPath: "key", autoIncrement: true });
      entries.createIndex("id", "id");
    };
    request.onsuccess = () => {
      request.result.onclose = () => { opened = undefined; };
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    setTimeout(reject, OPEN_TIMEOUT, new Error("The browser's database does not open"));
  }).catch((error) => {
    opened = undefined;
    throw error;
  }));
}

const result = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** Run `work` in one transaction. @returns what `work` returned, once everything is on the disk */
async function transact(work) {
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
  #pending = []; // entries not on the disk yet
  #written = Promise.resolve(true);
  #next = null;
  #isClosed = false;
  #announceTakeover;

  /** This window's name in the record. */
  window = crypto.getRandomValues(new Uint32Array(2)).reduce((name, part) => name + part.toString(36), "");

  /**
   * @param {string} id  uniqueId
   * @param {number} [writer]  the number that the server gave this window; later windows get higher ones
   */
  constructor(id, writer = 0) {
    this.id = id;
    this.writer = writer;
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
   * @returns {Promise<?Entry[]>} entries that earlier windows left, or null if a later window writes
   */
  async takeOver() {
    let left = [];
    try {
      left = await transact(async (journals, entries) => {
        const known = await result(journals.get(this.id));
        if (known?.writer > this.writer) return null;
        journals.put(this.#header());
        return result(entries.index("id").getAll(this.id));
      });
    } catch (error) {
      console.warn("This browser keeps no journal", error);
    }
    if (left) this.#hold();
    return left;
  }

  /** Keep an entry. @returns {Promise<boolean>} true once it is on the disk, false if that failed */
  append(entry) {
    if (this.#isClosed) return Promise.resolve(false);
    this.#pending.push(entry);
    return (this.#next ??= this.#written.then(() => {
      this.#next = null;
      return (this.#written = this.#write());
    }));
  }

  /** Delete what the server has: this many entries of each window. */
  acknowledge(windows) {
    this.#pending = this.#pending.filter(({ number }) => number > (windows[this.window] ?? 0));
    return acknowledge(this.id, windows);
  }

  /** Delete the journal, once the participation is over and saved. */
  async remove() {
    this.#isClosed = true;
    await this.#written;
    await remove(this.id).catch((error) => console.warn("The journal could not be removed", error));
  }

  async #write() {
    const batch = [...this.#pending]; // entries recorded meanwhile wait for the next write
    try {
      const isMine = await transact(async (journals, entries) => {
        const known = await result(journals.get(this.id));
        if (known && known.window !== this.window) return false;
        journals.put(this.#header());
        for (const entry of batch) entries.put({ ...entry, id: this.id });
        return true;
      });
      if (isMine) {
        const kept = new Set(batch);
        this.#pending = this.#pending.filter((entry) => !kept.has(entry));
      } else {
        this.close();
      }
      return isMine;
    } catch (error) {
      console.warn("The journal could not be written", error); // the next entry tries again
      return false;
    }
  }

  #header() { return { id: this.id, writer: this.writer, window: this.window, touched: Date.now() }; }

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

/** List the journals that hold entries: {id, writer, entries}, the entries in their order. */
export async function listUnsent() {
  return transact(async (journals, entries) => {
    const [headers, all] = [await result(journals.getAll()), await result(entries.getAll())];
    return headers
      .map(({ id, writer }) => ({ id, writer, entries: all.filter((entry) => entry.id === id) }))
      .filter((journal) => journal.entries.length > 0);
  });
}

/** Delete the entries that a record with these counts contains; never rejects. */
export async function acknowledge(id, windows) {
  try {
    await transact(async (journals, entries) => {
      for (const { key, window, number } of await result(entries.index("id").getAll(id))) {
        if (number <= windows[window]) entries.delete(key);
      }
    });
  } catch (error) {
    console.warn("The journal could not be tidied", error); // harmless: the record's counts tell that it has them
  }
}

/** Delete the journal of a participant. */
export async function remove(id) {
  await transact(async (journals, entries) => {
    journals.delete(id);
    for (const key of await result(entries.index("id").getAllKeys(id))) entries.delete(key);
  });
}

/** Delete the journals of participants of earlier days: people share computers in a lab. */
export async function removeOld() {
  const held = new Set((await navigator.locks?.query())?.held.map(({ name }) => name));
  await transact(async (journals, entries) => {
    for (const { id, touched } of await result(journals.getAll())) {
      const keys = await result(entries.index("id").getAllKeys(id));
      const age = Date.now() - touched;
      if (held.has(lockName(id)) || age < (keys.length ? DAYS_KEPT : 1) * DAY) continue;
      journals.delete(id);
      for (const key of keys) entries.delete(key);
    }
  });
}
