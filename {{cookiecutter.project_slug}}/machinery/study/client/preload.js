/**
 * Loads the files of a task before it needs them: a few at a time, each as often as it takes.
 *
 * What the server says it does not have, and what this browser cannot show, fails at once; answers
 * that are no use fail after some attempts. A line that is down never fails: loading goes on when it
 * is back.
 */
import { Download } from "./download.js";
import { examine, kindOf } from "./media.js";
import { pauseAfter, sleep } from "./server.js";

const AT_ONCE = 5; // browsers open six connections to a server, and answers need one meanwhile
const REFUSALS = 8; // useless answers, which take 1 to 2 minutes, since something has come
const STATIC = new URL("../", import.meta.url); // with the version of this deploy

/** Some files could not be loaded. */
export class PreloadError extends Error {
  /** @param {{name: string, reason: string}[]} failed */
  constructor(failed) {
    const list = failed.map(({ name, reason }) => `${name}: ${reason}`).join("\n");
    super(`psiTurk.preload() could not load\n${list}`);
    this.name = "PreloadError";
    this.failed = failed;
  }
}

/** A file that waits, is on its way, is here (`blob`) or is lost (`error`). */
class Stimulus {
  constructor(name) {
    this.name = name;
    this.kind = kindOf(name);
    this.download = new Download(addressOf(name, this.kind), this.kind === "page");
    this.ended = new Promise((resolve) => { this.end = resolve; });
  }
}

export class Preloader {
  /** Everything that was ever asked for, except for what failed. @type {Map<string, Stimulus>} */
  files = new Map();
  /** The texts of pages, by their names. */
  pages = {};
  /** When something last came, as performance.now() counts. */
  heard = performance.now();
  #waiting = [];
  #active = new Set();
  #wakers = new Set();
  #isMeasuring = false;
  #attempts = 0;
  #report;

  /** @param {function(Object): void} report  takes what each load() came to */
  constructor(report) {
    this.#report = report;
    window.addEventListener("online", () => this.hurry());
  }

  /**
   * Load these files, or wait for those that are on their way.
   * @param {string[]} names
   * @returns {Promise<void>} rejects with a PreloadError, after all others have come
   */
  async load(names) {
    const began = performance.now();
    if (!this.#active.size) this.heard = began;
    const files = names.map((name) => this.files.get(name) ?? this.#add(name));
    this.#begin();
    await Promise.all(files.map((file) => file.ended));
    const lost = files.filter((file) => file.error);
    for (const { name } of lost) this.files.delete(name); // the next call tries again
    const failed = lost.map(({ name, error }) => ({ name, reason: error.message }));
    const bytes = files.reduce((sum, { blob }) => sum + (blob?.size ?? 0), 0);
    const seconds = Math.round((performance.now() - began) / 1000);
    this.#report({ files: files.length, bytes, seconds, attempts: this.#attempts, failed });
    if (failed.length) throw new PreloadError(failed);
  }

  /** End the pauses, and ask again for what does not get on. */
  hurry() {
    for (const wake of this.#wakers) wake();
    for (const { download } of this.#active) if (download.isSilent(2000)) download.cut();
  }

  #add(name) {
    const file = new Stimulus(name);
    this.files.set(name, file);
    this.#waiting.push(file);
    return file;
  }

  #begin() {
    while (this.#active.size < AT_ONCE && this.#waiting.length) this.#fetch(this.#waiting.shift());
    this.#measure();
  }

  /** Ask for the sizes of those that wait: to tell how much is left, and to find missing files soon. */
  async #measure() {
    if (this.#isMeasuring) return;
    this.#isMeasuring = true;
    for (let file; (file = this.#waiting.findLast((each) => !each.isMeasured));) {
      file.isMeasured = true;
      await file.download.measure().catch((error) => this.#end(file, { error }));
    }
    this.#isMeasuring = false;
  }

  async #fetch(file) {
    this.#active.add(file);
    this.#end(file, await this.#insist(file).catch((error) => ({ error })));
    this.#active.delete(file);
    this.#begin();
  }

  #end(file, outcome) {
    if (outcome.error) console.warn(outcome.error);
    this.#waiting = this.#waiting.filter((each) => each !== file);
    if ("text" in outcome) this.pages[file.name] = outcome.text;
    Object.assign(file, outcome).end();
  }

  /** Attempt it until it is here, whole and of use. */
  async #insist(file) {
    const { download } = file;
    for (let failures = 1, refusals = 0; ; failures++) {
      const { received } = download;
      this.#attempts += 1;
      try {
        return await this.#receive(file);
      } catch (error) {
        if (download.received > received) failures = 1;
        if (download.received > received) refusals = 0;
        else if (download.isAnswered) refusals += 1;
        if (error.isGone || error.isUnusable || refusals === REFUSALS) throw error;
        console.warn(error);
        if (!download.isCut) await this.#pause(failures);
      }
    }
  }

  async #receive(file) {
    const bring = () => file.download.attempt(() => { this.heard = performance.now(); });
    const blob = await bring();
    return examine(file, blob).catch(async () => {
      file.download.forget(); // a proxy may have cut it short without saying so
      return examine(file, await bring());
    });
  }

  async #pause(failures) {
    let wake;
    const woken = new Promise((resolve) => { wake = resolve; });
    this.#wakers.add(wake);
    await Promise.race([sleep(pauseAfter(failures)), woken]);
    this.#wakers.delete(wake);
  }
}

/**
 * The names in a list, which may hold lists, each once.
 * @throws {TypeError} if there is anything else in it, such as the undefined picture of a trial
 */
export function listNames(names) {
  const list = [...new Set([names].flat(Infinity))];
  for (const name of list) {
    if (name && typeof name === "string") continue;
    throw new TypeError(`psiTurk.preload() takes the names of files, such as "images/cat.png", not ${name}`);
  }
  return list;
}

/** A page is in templates/, another file in static/; a name may also be a whole address. */
function addressOf(name, kind) {
  if (/^https?:/.test(name)) return new URL(name);
  if (kind === "page") return new URL(name, `${location.origin}/`);
  return new URL(name.replace(/^\/?(static\/)?/, "").replace(/[?#]/g, encodeURIComponent), STATIC);
}
