/**
 * What this browser recorded and the server may not have yet, in the browser's own database
 * (IndexedDB), so that it outlives a closed window, a crash and a dead battery.
 *
 * There is a journal for each participant. The window that took over last writes it; an older one
 * finds out with its next entry. Entries are deleted as soon as the server has them. Where a browser
 * keeps nothing (blocked storage), everything works as long as the window stays open.
 */
const DATABASE = "study-journal";
const OPENING = 3000; // ms: some browsers neither open a database nor say that they won't
const DAY = 24 * 3600 * 1000;
const DAYS_KEPT = 30; // for what the server never took

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
    setTimeout(reject, OPENING, new Error("The browser's database does not open"));
  }).catch((error) => {
    opened = undefined;
    throw error;
  }));
}

const result = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** Run `work` in one transaction; what it returned, once that is on the disk. */
async function transact(work) {
  const database = await open();
  let transaction;
  try {
    transaction = database.transaction(["journals", "entries"], "readwrite", { durability: "strict" });
  } catch (error) {
    opened = undefined; // the browser has closed it; the next transaction opens it again
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
  #pending = []; // not on the disk yet
  #written = Promise.resolve(true);
  #next = null;
  #isClosed = false;
  #tellTakenOver;

  /** This window's name in the record. */
  window = crypto.getRandomValues(new Uint32Array(2)).reduce((name, part) => name + part.toString(36), "");

  /**
   * @param {string} id  uniqueId
   * @param {number} [writer]  the number that the server gave to this window; later ones are higher
   */
  constructor(id, writer = 0) {
    this.id = id;
    this.writer = writer;
    /** Settles when a later window has taken over. */
    this.takenOver = new Promise((tell) => { this.#tellTakenOver = tell; });
  }

  /** A later window has taken over: keep nothing more. */
  close() {
    this.#isClosed = true;
    this.#tellTakenOver();
  }

  /**
   * Become the window that writes. One transaction, so that each entry of an older window is either
   * among those returned, or refused to it.
   * @returns {Promise<?Entry[]>} what earlier windows left, or null if a later one writes already
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

  /** Keep an entry. @returns {Promise<boolean>} once it is on the disk; false if that is not possible */
  append(entry) {
    if (this.#isClosed) return Promise.resolve(false);
    this.#pending.push(entry);
    return (this.#next ??= this.#written.then(() => {
      this.#next = null;
      return (this.#written = this.#write());
    }));
  }

  /** The server has a record with this many entries of each window. */
  acknowledge(windows) {
    this.#pending = this.#pending.filter(({ number }) => number > (windows[this.window] ?? 0));
    return acknowledge(this.id, windows);
  }

  /** The participation is over and saved: forget it. */
  async remove() {
    this.#isClosed = true;
    await this.#written;
    await remove(this.id).catch((error) => console.warn("The journal could not be removed", error));
  }

  async #write() {
    const batch = [...this.#pending]; // what is recorded meanwhile is for the next
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

  // The lock tells deliver.js that this window lives, and the older window that it was taken over.
  #hold() {
    const forever = () => new Promise(() => {});
    navigator.locks?.request(lockName(this.id), { steal: true }, forever).catch((error) => {
      if (error.name === "AbortError") this.close();
    });
  }
}

const lockName = (id) => `${DATABASE} ${id}`;

/** Run `work` unless a window writes this journal. Browsers without locks, on http, never run it. */
export const unlessInUse = (id, work) =>
  navigator.locks?.request(lockName(id), { ifAvailable: true }, (lock) => lock && work());

/** Every journal that holds entries: {id, writer, entries}, those of one participant in order. */
export async function leftBehind() {
  return transact(async (journals, entries) => {
    const [headers, all] = [await result(journals.getAll()), await result(entries.getAll())];
    return headers
      .map(({ id, writer }) => ({ id, writer, entries: all.filter((entry) => entry.id === id) }))
      .filter((journal) => journal.entries.length > 0);
  });
}

/** Delete the entries that are in a record with these counts; never fails. */
export async function acknowledge(id, windows) {
  try {
    await transact(async (journals, entries) => {
      for (const { key, window, number } of await result(entries.index("id").getAll(id))) {
        if (number <= windows[window]) entries.delete(key);
      }
    });
  } catch (error) {
    console.warn("The journal could not be tidied", error); // its entries are known to the record
  }
}

/** Delete the journal of a participant. */
export async function remove(id) {
  await transact(async (journals, entries) => {
    journals.delete(id);
    for (const key of await result(entries.index("id").getAllKeys(id))) entries.delete(key);
  });
}

/** Forget participants of other days: people share computers in a lab. */
export async function forgetOthers() {
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
