/**
 * The participant in the browser: psiTurk's JavaScript API, and a little more.
 *
 *     import { PsiTurk } from "./participant.js";
 *     const psiTurk = new PsiTurk(uniqueId, adServerLoc, mode);
 *
 * The API has the names and the data of psiTurk's own psiturk.js, without jQuery, Underscore or
 * Backbone. It differs where a participant's data is at stake. What you record is kept in the browser
 * at once (journal.js) and sent in the background (sync.js), so that you need not call saveData();
 * only completeHIT() and leave() wait until the server has everything. New are
 *
 *     psiTurk.leave(reason)   the end for somebody who does not go through the whole task
 *     psiTurk.progress        what was done before, when a task is resumed (progress.js)
 *     psiTurk.random(name)    chance that falls the same way again when a task is resumed
 *
 * @typedef {Object<string, *>} Row  whatever one trial records
 * @typedef {{success?: function(TaskData, Object), error?: function(TaskData, ServerError)}} Callbacks
 */
import { Journal, forgetOthers } from "./journal.js";
import { Progress, randomFrom } from "./progress.js";
import { Saver, loadRecord } from "./sync.js";
import { TaskData, merged } from "./record.js";
import { fetchText, persistently, post } from "./server.js";
import { loading, reassure, savingAll } from "./waiting.js";
import { showNotice } from "./notice.js";

const REASONS_TO_LEAVE = ["screened-out", "left-early"];

export class PsiTurk {
  #indicator;
  #ending;
  #images = [];

  /** The participant's record. */
  taskdata = taskdata;

  /** What the participant did before, if the task is being resumed. @type {Progress} */
  progress = progress;

  /** The three values may be left out: the page knows them. */
  constructor(uniqueId = page.uniqueId, adServerLoc = page.adServerLoc, mode = page.mode ?? "live") {
    if (uniqueId !== page.uniqueId) {
      throw new Error(`This page belongs to participant ${page.uniqueId}, not to ${uniqueId}`);
    }
    this.pages = pagesInDocument();
    Object.assign(taskdata, { adServerLoc, mode });
    if (taskdata.get("mode") !== mode) taskdata.set({ mode });
    this.#watchWindow();
  }

  /**
   * Keep and send what a trial gave. Nothing has to be awaited.
   * @param {Row} row
   * @returns {Promise<boolean>} once it would survive a crash; false if this browser keeps nothing
   */
  recordTrialData(row) { return this.taskdata.addTrialData(row); }

  /** Keep and send the answer to a question. @returns {Promise<boolean>} as recordTrialData does */
  recordUnstructuredData(field, value) { return this.taskdata.addUnstructuredData(field, value); }

  getTrialData() { return this.taskdata.getTrialData(); }
  getEventData() { return this.taskdata.getEventData(); }
  getQuestionData() { return this.taskdata.getQuestionData(); }

  /**
   * Save now rather than within some seconds.
   * @param {Callbacks} [callbacks]
   * @returns {Promise<Object>} rejects after three attempts; saving goes on in the background
   */
  saveData(callbacks) { return this.taskdata.save(null, callbacks); }

  /** Random numbers of this participant for a purpose, the same each time. @returns {function(): number} */
  random(name) { return randomFrom(`${this.taskdata.id} ${name}`); }

  preloadImages(urls) {
    for (const src of urls) this.#images.push(Object.assign(new Image(), { src }));
  }

  /** Fetch pages of templates/, e.g. "instructions/1-colours.html", so that they can be shown. */
  preloadPages(names) {
    const missing = names.filter((name) => !(name in this.pages));
    return Promise.all(missing.map(async (name) => {
      const url = new URL(name, `${location.origin}/`);
      this.pages[name] = await persistently(() => fetchText(url));
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
    this.taskdata.saver.pageChanged();
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

  /** From here on the participant cannot start afresh. */
  startTask() {
    if (!page.isTestRun) {
      window.addEventListener("beforeunload", this.#askToStay);
      window.addEventListener("pagehide", this.#quit);
    }
    this.taskdata.set({ begun: true });
    tellBegun().catch((error) => console.warn(error));
    this.saveData().catch(() => {}); // it goes on in the background
  }

  teardownTask() {
    window.removeEventListener("beforeunload", this.#askToStay);
    window.removeEventListener("pagehide", this.#quit);
  }

  /** Save everything, and only then go to the end of the study. */
  completeHIT() {
    const end = new URL(this.taskdata.adServerLoc, location.href);
    end.searchParams.set("uniqueId", this.taskdata.id);
    end.searchParams.set("mode", this.taskdata.mode);
    return (this.#ending ??= this.#end(end));
  }

  /**
   * End the study early: save everything, tell the server why, go to the page for that. For example
   *     if (answers.age < 18) return psiTurk.leave("screened-out");
   * @param {"screened-out"|"left-early"} reason  by our rules, or by the participant's own wish
   */
  leave(reason) {
    if (!REASONS_TO_LEAVE.includes(reason)) {
      throw new RangeError(`leave() takes ${REASONS_TO_LEAVE.join(" or ")}, not ${reason}`);
    }
    const uniqueId = this.taskdata.id;
    const end = new URL(`/leave?${new URLSearchParams({ uniqueId })}`, location.href);
    return (this.#ending ??= this.#end(end, () => post("/leave", { uniqueId, reason })));
  }

  /** GET url?uniqueId=… from your custom.py; the callback gets its answer. */
  async computeBonus(url, callback) {
    const target = new URL(url, location.href);
    target.searchParams.set("uniqueId", this.taskdata.id);
    const text = await persistently(() => fetchText(target, { cache: "no-store" }));
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
    event.preventDefault();
    event.returnValue = "If you leave now, you leave the study."; // older browsers
  };

  // psiturk.js marks people as having quit even when they then choose to stay; this waits until they go.
  #quit = () => { navigator.sendBeacon("/quitter", new URLSearchParams({ uniqueId: this.taskdata.id })); };

  async #end(address, tell = () => {}) {
    const { saver, journal } = this.taskdata;
    const save = async () => {
      await saver.attempt({ now: true });
      await tell();
    };
    await savingAll(save, page.contact_address, recordAsText);
    saver.stop();
    await journal.remove();
    location.assign(address);
  }

  #watchWindow() {
    taskdata.saver.addEventListener("change", () => saver.isOver && this.teardownTask());
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
  const { uniqueId, condition, counterbalance, adServerLoc, mode, codeversion, contactAddress, writer, resumed, testRun } =
    document.body.dataset;
  if (uniqueId === undefined) return globalThis;
  return Object.assign(globalThis, {
    uniqueId, adServerLoc, mode, codeversion,
    condition: Number(condition), counterbalance: Number(counterbalance), contact_address: contactAddress,
    isTestRun: testRun === "True", // nobody takes part
    writer: Number(writer) || undefined, resumed: resumed ? resumed === "true" : undefined,
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

/** The participant's record: the server's, with what this browser still keeps from earlier windows. */
async function openRecord() {
  const journal = new Journal(page.uniqueId, page.writer);
  const left = await journal.takeOver();
  if (!left) return goOnElsewhere();
  const stored = await loading(() => loadRecord(page.uniqueId), page.contact_address);
  const record = merged(stored, left);
  if (record.begun && page.resumed === false && !page.isTestRun) {
    await tellBegun(); // the server could not be told at the time; now it decides whether they may go on
    location.reload();
    return forever;
  }
  const opened = new TaskData(record, left, page, journal);
  opened.saver = new Saver(opened, journal);
  return opened;
}

const tellBegun = () => persistently(() => post("/inexp", { uniqueId: page.uniqueId }));

/** The study is open in a later window, and only that one may go on. */
function goOnElsewhere() {
  showNotice({
    name: "newer-window",
    heading: "Please go on in the other window",
    text: "You have opened this study again in another window or tab. Your answers up to now are kept. You can "
      + "close this window.",
  });
  return forever;
}

const forever = new Promise(() => {});

const page = readPage();
if (!page.uniqueId) throw new Error("participant.js found no uniqueId on this page: see templates/exp.html");
const templates = [...document.querySelectorAll("template[data-page]")];
const release = holdStartEvents();
const taskdata = await openRecord();
const { saver } = taskdata;
const progress = new Progress(page.resumed === true, taskdata.attributes);
const recordAsText = () => JSON.stringify(taskdata);
reassure(saver, recordAsText);
taskdata.journal.takenOver.then(() => {
  saver.supersede();
  goOnElsewhere();
});
taskdata.addEvent("initialized", null);
taskdata.addEvent("window_resize", [window.innerWidth, window.innerHeight]);
forgetOthers().catch((error) => console.warn(error));
setTimeout(release); // after the task that imports this module has registered its listeners
