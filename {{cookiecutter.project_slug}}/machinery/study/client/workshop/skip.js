/**
 * Skipping to the next part of a study. A page is filled in and left. In a task, time runs fast: every
 * trial takes place and is recorded, without an answer if there is a time limit. What waits for an answer
 * without a limit gets one.
 */
import { sleep } from "./server.js";

const SPEED = 50; // how many times as fast
const TICK = 20; // ms
const STALLED = 300; // ms after which a task is taken to wait for an answer
const PATIENCE = 8000; // ms without any change, after which it is left to the researcher
const FRAME = /https?:\/\/[^\s()]+?(?=:\d+:\d+)/g; // of a stack, in every browser
const ANSWERS = "study-workshop-answers"; // in localStorage: what the researcher answered, by the names of the fields

const native = { setTimeout: setTimeout.bind(globalThis), clearTimeout: clearTimeout.bind(globalThis) };

export class Skipper {
  isSkipping = false;
  #workshop;
  #timers = new Map(); // the task's, by the number that it knows: {number, run, delay}
  #lastChange = 0;

  constructor(workshop) {
    this.#workshop = workshop;
    globalThis.setTimeout = (callback, delay = 0, ...values) => this.#setTimer(callback, delay, values);
    globalThis.clearTimeout = (number) => this.#clearTimer(number);
    document.addEventListener("submit", ({ target }) => this.isSkipping || remember(target), { capture: true });
    new MutationObserver(() => { this.#lastChange = performance.now(); })
      .observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributes: true });
  }

  /** Go to the next part. @returns {Promise<string|undefined>} why that was not possible */
  async skip() {
    this.isSkipping = true;
    try {
      return await (findWayOn() ? leavePage() : this.#rush());
    } finally {
      this.isSkipping = false;
    }
  }

  stop() { this.isSkipping = false; }

  /** Let the task run until a page waits for somebody. */
  async #rush() {
    this.#lastChange = performance.now();
    for (const number of [...this.#timers.keys()]) this.#hurry(number);
    for (let answers = 0; this.isSkipping; await sleep(TICK)) {
      if (findWayOn()) return undefined;
      const waited = performance.now() - this.#lastChange;
      if (waited > PATIENCE) return "This part waits for something that the workshop cannot do. Please go on by hand.";
      if (waited > STALLED) this.#answer(answers++);
    }
    return undefined;
  }

  /** Answer in place of a participant: end jsPsych's trial, or press keys and buttons in turn. */
  #answer(number) {
    const { jsPsych } = this.#workshop;
    if (jsPsych?.getDisplayElement()?.isConnected) {
      jsPsych.finishTrial({});
      this.#lastChange = performance.now();
      return;
    }
    const keys = [...pageRoot().querySelectorAll("kbd")].map(({ textContent }) => textContent.trim());
    const buttons = [...pageRoot().querySelectorAll("button")].filter(isUsable);
    const ways = [...keys.map((key) => () => press(key)), ...buttons.map((each) => () => each.click())];
    ways[number % ways.length]?.();
  }

  #setTimer(callback, delay, values) {
    if (typeof callback === "string" || !this.#isCalledByTask()) return native.setTimeout(callback, delay, ...values);
    let known = 0;
    const run = () => {
      this.#timers.delete(known);
      callback(...values);
    };
    known = native.setTimeout(run, this.isSkipping ? delay / SPEED : delay);
    this.#timers.set(known, { number: known, run, delay });
    return known;
  }

  #clearTimer(known) {
    native.clearTimeout(this.#timers.get(known)?.number ?? known);
    this.#timers.delete(known);
  }

  #hurry(known) {
    const timer = this.#timers.get(known);
    native.clearTimeout(timer.number);
    timer.number = native.setTimeout(timer.run, timer.delay / SPEED);
  }

  /** The client's own time limits, as for requests, stay as they are. */
  #isCalledByTask() {
    const caller = (new Error().stack.match(FRAME) ?? []).find((url) => !url.includes("/js/workshop/")) ?? "";
    return !this.#workshop.facts.machinery.includes(caller.split("/").at(-1));
  }
}

const pageRoot = () => document.querySelector("[data-page-root]") ?? document.body;
const isUsable = (button) => !button.disabled && button.offsetParent !== null;

const BY_HAND = "Please answer this page by hand, once: your answers are used again.";
const guessed = new Set(); // forms of this page that were answered anyhow

/** What ends the present page: its form, its button "continue", or the only button that it has. */
function findWayOn() {
  const root = pageRoot();
  const way = [...root.querySelectorAll(".continue, form")].find((each) => each.offsetParent !== null);
  if (way) return way;
  const buttons = [...root.querySelectorAll("button")].filter(isUsable);
  return buttons.length === 1 ? buttons[0] : null;
}

/** Fill in a page's form and leave the page. @returns {Promise<string|undefined>} why it stays */
async function leavePage() {
  const root = pageRoot();
  const before = root.innerHTML;
  const form = root.querySelector("form");
  if (form && !fillIn(form)) return BY_HAND;
  const button = root.querySelector(".continue") ?? (form ? null : findWayOn());
  if (button) button.click();
  else form.requestSubmit();
  for (let waited = 0; waited < STALLED * 3; waited += TICK) {
    if (root.innerHTML !== before) return undefined;
    await sleep(TICK);
  }
  return BY_HAND;
}

const nameOf = (form) => [...new Set([...form.elements].map(({ name }) => name))].filter(Boolean).join();
const readAnswers = () => JSON.parse(localStorage.getItem(ANSWERS) ?? "{}");

/** Keep what the researcher answered, for the next time that this form is skipped. */
function remember(form) {
  const fields = [...new FormData(form)].filter(([, value]) => typeof value === "string");
  localStorage.setItem(ANSWERS, JSON.stringify({ ...readAnswers(), [nameOf(form)]: fields }));
}

/**
 * Fill in what is empty: with what was answered before or, once, with anything that is required.
 * @returns {boolean} whether it could be filled in
 */
function fillIn(form) {
  const name = nameOf(form);
  const answers = readAnswers()[name];
  if (!answers && guessed.has(name)) return false; // it came back: anything was not good enough
  guessed.add(name);
  const valuesOf = (name) => (answers ?? []).filter(([field]) => field === name).map(([, value]) => value);
  for (const field of [...form.elements].filter((each) => each.name && each.type !== "file")) {
    const values = valuesOf(field.name);
    if (field.type === "radio" || field.type === "checkbox") fillChoice(form, field, values, answers);
    else if (!field.value) field.value = values[0] ?? (field.required ? sampleFor(field) : "");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  return true;
}

function fillChoice(form, field, values, answers) {
  const group = [...form.querySelectorAll(`[name="${CSS.escape(field.name)}"]`)];
  if (field.type === "radio" && group.some(({ checked }) => checked)) return;
  if (answers) field.checked ||= values.includes(field.value);
  else if (group.some(({ required }) => required)) field.checked = true;
}

function sampleFor(field) {
  if (field instanceof HTMLSelectElement) return [...field.options].find(({ value }) => value)?.value ?? "";
  const samples = { number: field.min || "30", range: field.min || "50", date: "2000-01-01", email: "test@example.edu" };
  return samples[field.type] ?? "Test";
}

/** Press and release a key, as it is named in a <kbd> of the page. */
function press(name) {
  const names = { space: " ", enter: "Enter", "←": "ArrowLeft", "→": "ArrowRight", "↑": "ArrowUp", "↓": "ArrowDown" };
  const key = names[name.toLowerCase()] ?? (name.length === 1 ? name.toLowerCase() : name);
  const target = document.activeElement ?? document.body;
  for (const type of ["keydown", "keyup"]) target.dispatchEvent(new KeyboardEvent(type, { key, bubbles: true, cancelable: true }));
}
