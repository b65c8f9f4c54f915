/**
 * The participant in the browser: their record, how it is saved, and psiTurk's JavaScript API.
 *
 *     import { PsiTurk } from "/static/js/participant.js";
 *     const psiTurk = new PsiTurk(uniqueId, adServerLoc, mode);
 *
 * The API has the names and the data of psiTurk's own psiturk.js, without jQuery, Underscore or
 * Backbone. It differs where a participant's data is at stake: the record is loaded before your
 * task starts and never replaced by an empty one, saves are repeated when the network fails and
 * never overtake each other, and completeHIT() leaves only after the server has everything.
 *
 * @typedef {Object<string, *>} Row  whatever one trial records
 * @typedef {{success?: function(TaskData, Object), error?: function(TaskData, ServerError)}} Callbacks
 */
import { TaskData, loadRecord } from "./record.js";
import { fetchJSON, fetchText, repeatedly, sleep } from "./server.js";
import { pressed, showNotice } from "./notice.js";

const PAUSES = [1000, 3000]; // ms before a request is repeated
const LAST_SAVE_PAUSES = [5000, 10000, 20000, 30000]; // then every 30 s, for as long as it takes

export class PsiTurk {
  #indicator;
  #completion;
  #images = [];

  /** The three values may be left out: the page knows them. */
  constructor(uniqueId = page.uniqueId, adServerLoc = page.adServerLoc, mode = page.mode ?? "live") {
    if (uniqueId !== page.uniqueId) {
      throw new Error(`This page belongs to participant ${page.uniqueId}, not to ${uniqueId}`);
    }
    this.pages = pagesInDocument();
    this.taskdata = new TaskData(record, uniqueId, adServerLoc, mode);
    this.#watchWindow();
  }

  /** @param {Row} row */
  recordTrialData(row) { this.taskdata.addTrialData(row); }
  recordUnstructuredData(field, value) { this.taskdata.addUnstructuredData(field, value); }
  getTrialData() { return this.taskdata.getTrialData(); }
  getEventData() { return this.taskdata.getEventData(); }
  getQuestionData() { return this.taskdata.getQuestionData(); }

  /** @param {Callbacks} [callbacks]  @returns {Promise<Object>} rejects when every attempt failed */
  saveData(callbacks) { return this.taskdata.save(null, callbacks); }

  preloadImages(urls) {
    for (const src of urls) this.#images.push(Object.assign(new Image(), { src }));
  }

  /** Fetch pages of templates/, e.g. "instructions/1-colours.html", so that they can be shown. */
  preloadPages(names) {
    const missing = names.filter((name) => !(name in this.pages));
    return Promise.all(missing.map(async (name) => {
      const url = new URL(name, `${location.origin}/`);
      this.pages[name] = await repeatedly(() => fetchText(url), PAUSES);
    }));
  }

  getPage(name) {
    if (!(name in this.pages)) throw new Error(`Preload the page ${name} before showing it`);
    return this.pages[name];
  }

  /** Replace what the participant sees; scripts in the page run, as they do with psiturk.js. */
  showPage(name) {
    const root = pageRoot();
    root.replaceChildren(document.createRange().createContextualFragment(this.getPage(name)));
    window.scrollTo(0, 0);
    const target = root.querySelector("[autofocus], h1, h2");
    if (!target) return;
    if (/^H\d$/.test(target.tagName)) target.tabIndex = -1;
    target.focus({ preventScroll: true });
  }

  /** Show instruction pages; resolves after the last one. doInstructions() without its ending. */
  readInstructions(pages) {
    let index = 0;
    const note = (row) => this.recordTrialData({ phase: "INSTRUCTIONS", ...row });
    this.#indicator = () => ({
      currently_viewing: { indexOf: index, template: pages[index] },
      instruction_deck: { total_pages: pages.length, templates: pages },
    });
    note({ templates: pages, action: "Begin" });
    return new Promise((finish) => {
      const show = () => {
        const shown = performance.now();
        const turned = new AbortController();
        const turnTo = (next, action) => {
          turned.abort();
          const viewTime = Math.round(performance.now() - shown);
          note({ template: pages[index], indexOf: index, action, viewTime });
          if (next === pages.length) return finish();
          index = next;
          show();
        };
        this.showPage(pages[index]);
        for (const nav of pageRoot().querySelectorAll(".instructionsnav")) {
          nav.addEventListener("click", ({ target }) => {
            const isLast = index === pages.length - 1;
            if (target.closest(".continue")) turnTo(index + 1, isLast ? "FinishInstructions" : "NextPage");
            else if (target.closest(".previous") && index > 0) turnTo(index - 1, "PrevPage");
          }, { signal: turned.signal });
        }
      };
      show();
    });
  }

  async doInstructions(pages, callback) {
    await this.readInstructions(pages);
    this.finishInstructions();
    callback?.();
  }

  getInstructionIndicator() { return this.#indicator?.(); }

  finishInstructions() { return this.startTask(); }

  /** From here on the participant cannot start afresh. Resolves when the server was told or gave up. */
  startTask() {
    if (this.taskdata.mode !== "debug") {
      window.addEventListener("beforeunload", this.#askToStay);
      window.addEventListener("pagehide", this.#quit);
    }
    const body = new URLSearchParams({ uniqueId: this.taskdata.id });
    const enter = () => fetchJSON("/inexp", { method: "POST", body });
    const told = repeatedly(enter, PAUSES).catch((error) => console.warn(error));
    return Promise.allSettled([this.saveData(), told]);
  }

  teardownTask() {
    window.removeEventListener("beforeunload", this.#askToStay);
    window.removeEventListener("pagehide", this.#quit);
  }

  /** Save everything, and only then leave for the end of the study. */
  completeHIT() { return (this.#completion ??= this.#complete()); }

  /** GET url?uniqueId=… from your custom.py; the callback gets its answer. */
  async computeBonus(url, callback) {
    const target = new URL(url, location.href);
    target.searchParams.set("uniqueId", this.taskdata.id);
    const text = await repeatedly(() => fetchText(target, { cache: "no-store" }), PAUSES);
    let answer = text;
    try { answer = JSON.parse(text); } catch { /* a bonus route may answer in plain text */ }
    callback?.(answer);
    return answer;
  }

  /** Tell the participant that the study cannot go on, and the console why. */
  reportProblem(error) {
    console.error(error);
    this.saveData().catch(() => {});
    showNotice({
      name: "problem",
      heading: "Sorry, something went wrong",
      text: "The study cannot go on in this window. It is our mistake, not yours.",
      contact: page.contact_address,
    });
  }

  #askToStay = (event) => {
    this.taskdata.saveWhileLeaving();
    event.preventDefault();
    event.returnValue = "If you leave now, you leave the study and cannot come back."; // older browsers
  };

  // psiturk.js marks people as having quit even when they then choose to stay; this waits until they go.
  #quit = () => {
    this.taskdata.saveWhileLeaving();
    navigator.sendBeacon("/quitter", new URLSearchParams({ uniqueId: this.taskdata.id }));
  };

  async #complete() {
    let dialog;
    const show = (notice) => { dialog?.remove(); dialog = showNotice(notice); };
    const saving = {
      name: "saving",
      heading: "Saving your answers …",
      text: "This takes a moment. Please keep this window open.",
    };
    for (let failures = 0; ; failures++) {
      const slow = setTimeout(show, failures ? 0 : 800, saving);
      try {
        await this.saveData();
        break;
      } catch (error) {
        console.warn(error);
      } finally {
        clearTimeout(slow);
      }
      show({
        name: "save-failed",
        heading: "Your answers are not saved yet",
        text: "We could not reach the study. Your answers are safe in this window: please keep it "
          + "open and check your internet connection. We keep trying.",
        button: "Try again now",
        contact: page.contact_address,
      });
      const online = new Promise((back) => window.addEventListener("online", back, { once: true }));
      await Promise.race([pressed(dialog), online, sleep(LAST_SAVE_PAUSES[failures] ?? LAST_SAVE_PAUSES.at(-1))]);
    }
    this.teardownTask();
    const end = new URL(this.taskdata.adServerLoc, location.href);
    end.searchParams.set("uniqueId", this.taskdata.id);
    end.searchParams.set("mode", this.taskdata.mode);
    window.location.assign(end);
  }

  #watchWindow() {
    const note = (eventtype, value) => this.taskdata.addEvent(eventtype, value);
    window.addEventListener("blur", () => note("focus", "off"));
    window.addEventListener("focus", () => note("focus", "on"));
    let settled;
    window.addEventListener("resize", () => {
      clearTimeout(settled);
      settled = setTimeout(() => note("window_resize", [window.innerWidth, window.innerHeight]), 200);
    });
  }
}

export default PsiTurk;

/** Where pages are shown. Pages made for psiturk.js have no such place; they lose their body. */
function pageRoot() { return document.querySelector("[data-page-root]") ?? document.body; }

/** Pages that psiTurk already rendered into this one: <template data-page="debriefing.html">. */
function pagesInDocument() {
  return Object.fromEntries(templates.map((template) => [template.dataset.page, template.innerHTML]));
}

/** Who takes part, from <body data-unique-id …> or from the globals of pages made for psiturk.js. */
function readPage() {
  const { uniqueId, condition, counterbalance, adServerLoc, mode, codeversion, contactAddress } = document.body.dataset;
  if (uniqueId === undefined) return globalThis;
  return Object.assign(globalThis, {
    uniqueId, adServerLoc, mode, codeversion,
    condition: Number(condition), counterbalance: Number(counterbalance), contact_address: contactAddress,
  });
}

/**
 * Tasks written for psiturk.js begin on DOMContentLoaded or load. The browser does not wait for
 * the record before it fires these, so they are held back until it is here.
 */
function holdStartEvents() {
  const held = [];
  const hold = (event) => { event.stopImmediatePropagation(); held.push(event); };
  const types = ["DOMContentLoaded", "load"];
  for (const type of types) window.addEventListener(type, hold, { capture: true });
  return () => {
    for (const type of types) window.removeEventListener(type, hold, { capture: true });
    for (const { type, bubbles } of held) {
      (bubbles ? document : window).dispatchEvent(new Event(type, { bubbles }));
    }
  };
}

const page = readPage();
if (!page.uniqueId) throw new Error("participant.js found no uniqueId on this page: see templates/exp.html");
const templates = [...document.querySelectorAll("template[data-page]")];
const release = holdStartEvents();
const record = await loadRecord(page.uniqueId, page.contact_address);
setTimeout(release); // after the task that imports this module has registered its listeners
