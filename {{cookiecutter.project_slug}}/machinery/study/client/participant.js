/**
 * The participant in the browser: psiTurk's JavaScript API, with some additions.
 *
 *     import { PsiTurk } from "./participant.js";
 *     const psiTurk = new PsiTurk();
 *
 * Names and data are those of psiTurk's own psiturk.js; jQuery, Underscore and Backbone are not
 * needed. What you record is kept in the browser at once (journal.js) and sent in the background
 * (sync.js), so you need not call saveData(); only completeHIT() and leave() wait until the server
 * has everything. The additions are
 *
 *     psiTurk.completePage(name)  shows a page until the participant has completed it
 *     psiTurk.readForm(form)      the answers to a form, with their types (forms.js)
 *     psiTurk.leave(reason)       ends the study early
 *     psiTurk.whenSaved()         waits until everything recorded so far is saved
 *     psiTurk.progress            what was done before, when a task is resumed (progress.js)
 *     psiTurk.preload(names)      loads images, sounds, films and pages (preload.js, loaded-stimuli.js)
 *     psiTurk.random(name)        seeded random numbers, the same again when a task is resumed
 *
 * @typedef {Object<string, *>} Row  anything that a trial records
 * @typedef {{success?: function(TaskData, Object), error?: function(TaskData, ServerError)}} Callbacks
 */
import { Progress, randomFrom } from "./progress.js";
import { fetchText, post, retry } from "./server.js";
import { openRecord, reportBegun } from "./open-record.js";
import { readForm, untilSubmitted } from "./forms.js";
import { page } from "./page.js";
import { saveWithDialog } from "./connection-ui.js";
import { showNotice } from "./notice.js";
import { WORDS } from "./words.js";

// What preload() needs. Studies without stimuli do not load it.
const FOR_STIMULI = ["loaded-stimuli.js", "loading-page.js", "preload.js", "download.js", "media.js"];
const FIRST_PAGE = 2000; // ms in which nothing else is loaded
const REASONS_TO_LEAVE = ["screened-out", "left-early"];

// A task that imports this module starts when the record is open.
const taskdata = await openRecord(page);
const progress = new Progress(page.resumed === true, taskdata.attributes);

export class PsiTurk {
  #indicator;
  #begun;
  #ending;
  #images = [];
  #stimuli;
  #signals;

  /** What preload() has loaded, once it was called. @type {LoadedStimuli|undefined} */
  stimuli;

  /** The participant's record. */
  taskdata = taskdata;

  /** What the participant did before, if the task is being resumed. */
  progress = progress;

  /**
   * Answers in place of a person when `uv run study try` lets robots take part; nobody else calls it.
   * It is called with the element that shows the page, each time that the page has come to rest. See
   * docs/trying.md of the study.
   * @type {?function(HTMLElement): (Object|null|undefined|Promise<Object|null|undefined>)}
   */
  robot = null;

  /** All three may be left out: the page knows them. */
  constructor(uniqueId = page.uniqueId, adServerLoc = page.adServerLoc, mode = page.mode ?? "live") {
    if (uniqueId !== page.uniqueId) {
      throw new Error(`This page belongs to participant ${page.uniqueId}, not to ${uniqueId}`);
    }
    this.pages = {};
    Object.assign(taskdata, { adServerLoc, mode });
    if (taskdata.get("mode") !== mode) taskdata.set({ mode });
    this.#watchWindow();
    if (page.signals.length) setTimeout(() => this.#watchSignals().catch((error) => console.warn(error)), FIRST_PAGE);
    document.dispatchEvent(new CustomEvent("psiturk", { detail: this })); // for tools that watch the task
  }

  /**
   * Keep and send the data of a trial. You need not wait for it.
   * @param {Row} row
   * @returns {Promise<boolean>} true once the row would survive a crash, false if this browser cannot keep it
   */
  recordTrialData(row) { return this.taskdata.addTrialData(this.stimuli ? this.stimuli.nameIn(row) : row); }

  /** Keep and send the answer to a question. @returns {Promise<boolean>} as recordTrialData() */
  recordUnstructuredData(field, value) { return this.taskdata.addUnstructuredData(field, value); }

  getTrialData() { return this.taskdata.getTrialData(); }
  getEventData() { return this.taskdata.getEventData(); }
  getQuestionData() { return this.taskdata.getQuestionData(); }

  /**
   * Save now, rather than within the next seconds.
   * @param {Callbacks} [callbacks]
   * @returns {Promise<Object>} rejects after three attempts; background saves go on
   */
  saveData(callbacks) { return this.taskdata.save(null, callbacks); }

  /** Wait until the server has everything that is recorded by now, however long that takes. @returns {Promise<void>} */
  whenSaved() { return this.taskdata.saver.whenSaved(); }

  /** A random number generator, seeded with the participant and a name. @returns {function(): number} */
  random(name) { return randomFrom(`${this.taskdata.id} ${name}`); }

  /**
   * Load images, sounds, films and pages before they are needed, as often as it takes, and show the
   * participant how far that is. To load while the participant reads, call it once with {show: false} and
   * do not wait, and again when the files are needed: none is loaded twice.
   * @param {string[]} names  paths in static/, such as "images/cat.png"; pages in templates/; addresses
   * @returns {Promise<LoadedStimuli>} rejects with a PreloadError, whose `failed` lists name and reason of
   *   what the server does not have or this browser cannot show, once all others have been loaded
   */
  async preload(names, { show = true } = {}) {
    const report = (value) => this.taskdata.addEvent("preload", value);
    this.#stimuli ??= openStimuli(this.pages, report);
    this.stimuli = await this.#stimuli;
    return this.stimuli.load(names, { show, root: pageRoot(), contact: page.contact });
  }

  /** Let the browser load images that the task then names by their addresses. Better: preload(). */
  preloadImages(urls) {
    const images = urls.map((src) => Object.assign(new Image(), { src }));
    this.#images.push(...images);
    const loaded = Promise.all(images.map((image) => image.decode()));
    loaded.catch((error) => console.warn(error));
    return loaded;
  }

  /** Fetch pages of templates/, e.g. "instructions/1-colours.html", before they are shown. */
  preloadPages(names) {
    const missing = names.filter((name) => !(name in this.pages));
    return Promise.all(missing.map(async (name) => {
      const url = new URL(name, `${location.origin}/`);
      this.pages[name] = await retry(() => fetchText(url));
    }));
  }

  getPage(name) {
    if (!(name in this.pages)) throw new Error(`Preload the page ${name} before showing it`);
    return this.pages[name];
  }

  /** Show a page in place of the present one. Scripts in it run, as with psiturk.js. */
  showPage(name) {
    const root = pageRoot();
    root.replaceChildren(document.createRange().createContextualFragment(this.getPage(name)));
    this.taskdata.saver.pageChanged();
    if (this.taskdata.get("page") !== name) this.taskdata.set({ page: name }); // where people stop
    window.scrollTo(0, 0);
    const target = root.querySelector("[autofocus], h1, h2");
    if (!target) return;
    if (/^H\d$/.test(target.tagName)) target.tabIndex = -1;
    target.focus({ preventScroll: true });
  }

  /**
   * Show a page until the participant has filled in its form or, if it has none, pressed its button
   * of the class "continue". A button of the class "leave" ends the study early.
   * @returns {Promise<Object>} the answers to the form, as readForm() reads them; {} without a form
   */
  completePage(name) {
    this.showPage(name);
    const root = pageRoot();
    const form = root.querySelector("form");
    const button = root.querySelector(".continue");
    if (!form && !button) throw new Error(`${name} has neither a form nor a button of the class "continue"`);
    root.querySelector(".leave")?.addEventListener("click", () => this.leave("left-early"));
    if (form) {
      this.#signals?.addDecoy(form);
      if (button?.type !== "submit" || button.form !== form) button?.addEventListener("click", () => form.requestSubmit());
      return untilSubmitted(form);
    }
    return new Promise((resolve) => { button.addEventListener("click", () => resolve({})); });
  }

  /**
   * The answers to a form by the names of its fields, each with its type; null where there is none.
   * @param {HTMLFormElement} form  for example one of a jsPsych trial
   * @returns {Object<string, ?(string|number|boolean|Array)>}
   */
  readForm(form) { return readForm(form); }

  /** Show the instruction pages. @returns {Promise<void>} resolves after the last one */
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

  /** Show the instruction pages, then begin the task. */
  async doInstructions(pages, callback) {
    await this.readInstructions(pages);
    this.finishInstructions();
    callback?.();
  }

  getInstructionIndicator() { return this.#indicator?.(); }

  finishInstructions() { return this.startTask(); }

  /** Begin the task: from here on, the participant cannot start over. */
  startTask() {
    if (!page.isTestRun) {
      window.addEventListener("beforeunload", this.#askToStay);
      window.addEventListener("pagehide", this.#quit);
    }
    this.taskdata.set({ begun: true });
    this.#reportBegun().catch((error) => console.warn(error));
    this.saveData().catch(() => {}); // background saves go on
  }

  teardownTask() {
    window.removeEventListener("beforeunload", this.#askToStay);
    window.removeEventListener("pagehide", this.#quit);
  }

  /** End the study: save everything, then go to the final page. */
  completeHIT() {
    const end = new URL(this.taskdata.adServerLoc, location.href);
    end.searchParams.set("uniqueId", this.taskdata.id);
    end.searchParams.set("mode", this.taskdata.mode);
    const isOurs = end.origin === location.origin && end.pathname === "/complete";
    return (this.#ending ??= this.#end(end, isOurs ? () => this.#reportCompleted() : undefined));
  }

  /**
   * End the study early: save everything, report the reason, then go to the page for it. For example
   *     if (answers.age < 18) return psiTurk.leave("screened-out");
   * @param {"screened-out"|"left-early"} reason  by the study's rules, or by the participant's choice
   */
  leave(reason) {
    if (!REASONS_TO_LEAVE.includes(reason)) {
      throw new RangeError(`leave() takes ${REASONS_TO_LEAVE.join(" or ")}, not ${reason}`);
    }
    const uniqueId = this.taskdata.id;
    const end = new URL(`/leave?${new URLSearchParams({ uniqueId })}`, location.href);
    return (this.#ending ??= this.#end(end, () => post("/leave", { uniqueId, reason })));
  }

  /** Call a route of your custom.py, url?uniqueId=…, and pass its answer to the callback. */
  async computeBonus(url, callback) {
    const target = new URL(url, location.href);
    target.searchParams.set("uniqueId", this.taskdata.id);
    const text = await retry(() => fetchText(target, { cache: "no-store" }));
    let answer = text;
    try { answer = JSON.parse(text); } catch { /* the route may answer in plain text */ }
    callback?.(answer);
    return answer;
  }

  /** Tell the participant that the study cannot go on; the console says why. */
  reportProblem(error) {
    console.error(error);
    document.dispatchEvent(new CustomEvent("psiturk-problem", { detail: error })); // see mistakes.js
    this.saveData().catch(() => {});
    showNotice({ name: "problem", ...WORDS.problem, contact: page.contact });
  }

  #askToStay = (event) => {
    event.preventDefault();
    event.returnValue = "If you leave now, you leave the study."; // older browsers
  };

  // On pagehide, not beforeunload as in psiturk.js, which also reports participants who then choose to stay.
  #quit = () => { navigator.sendBeacon("/quitter", new URLSearchParams({ uniqueId: this.taskdata.id })); };

  #reportBegun() {
    return (this.#begun ??= page.resumed ? Promise.resolve() : reportBegun(page.uniqueId));
  }

  async #reportCompleted() {
    await this.#reportBegun(); // many tasks written for jsPsych never call startTask()
    try {
      await post("/complete", { uniqueId: page.uniqueId });
    } catch (error) {
      if (!error.isFromTheStudy) throw error; // otherwise the page that follows says why
    }
  }

  async #end(address, report = () => {}) {
    const { saver, journal } = this.taskdata;
    this.#signals?.record();
    const save = async () => {
      await saver.attempt({ now: true });
      await report();
    };
    await saveWithDialog(save, page.contact, () => JSON.stringify(this.taskdata));
    saver.stop();
    await journal.end();
    location.assign(address);
  }

  async #watchSignals() {
    const { Signals } = await import("./signals.js");
    this.#signals = new Signals(page.signals, (sums) => this.taskdata.addEvent("signals", sums)).watch();
  }

  #watchWindow() {
    const { saver } = this.taskdata;
    saver.addEventListener("change", () => saver.isOver && this.teardownTask());
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

/** The element that shows pages: the body on pages made for psiturk.js, which mark no other. */
function pageRoot() { return document.querySelector("[data-page-root]") ?? document.body; }

/** Some browsers never repeat an import that has failed, so these modules are fetched first, however often. */
async function openStimuli(pages, report) {
  const addresses = FOR_STIMULI.map((name) => new URL(name, import.meta.url));
  await Promise.all(addresses.map((address) => retry(() => fetchText(address))));
  const { LoadedStimuli } = await import(addresses[0]);
  return new LoadedStimuli(pages, report);
}
