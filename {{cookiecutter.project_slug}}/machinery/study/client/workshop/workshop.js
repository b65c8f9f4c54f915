/**
 * The workshop: what a researcher's debug run shows besides the participant's pages. It tells what goes
 * wrong, on the page and in the terminal of `study preview`, and has a bar to move about in the study.
 */
import { Bar } from "./bar.js";
import { Overlay } from "./overlay.js";
import { describeError, describeLoaded, describeRefused } from "./problems.js";
import { Changes, checkScript, isScript } from "./changes.js";
import { request, sleep } from "./server.js";

const PAUSE = 500; // ms between questions about the state, on the researcher's machine
const PAUSE_ONLINE = 5000;

const workshop = globalThis.studyWorkshop;
const { facts } = workshop;
const root = openRoot();
const overlay = new Overlay(root, (number) => bar.countProblems(number));
const bar = new Bar(root, workshop, () => overlay.toggle());
const mistakePage = document.querySelector("[data-mistake]");
const changes = new Changes(facts);
const unparsed = new Map(); // of changed scripts, the mistake that keeps the browser from reading it, or null

if (mistakePage) overlay.add(JSON.parse(mistakePage.dataset.mistake));
workshop.hear = hear;
workshop.heard.splice(0).forEach((what) => hear(...what));
watch();

/** The element of the workshop: outside of the body, which tasks replace, and out of reach of styles. */
function openRoot() {
  const host = document.documentElement.appendChild(document.createElement("study-workshop"));
  const opened = host.attachShadow({ mode: "open" });
  const style = Object.assign(document.createElement("link"), { rel: "stylesheet" });
  style.href = new URL("workshop.css", import.meta.url);
  host.style.display = "none";
  style.addEventListener("load", () => { host.style.display = ""; });
  opened.append(style);
  // The task must not take what is pressed in here for a response.
  for (const type of ["keydown", "keyup", "keypress", "click", "mousedown", "mouseup", "pointerdown", "touchstart"]) {
    host.addEventListener(type, (event) => event.stopPropagation());
  }
  return opened;
}

async function hear(kind, event) {
  const describe = { error: describeError, refused: describeRefused, loaded: describeLoaded }[kind];
  const problem = await describe(event, facts);
  if (problem && overlay.isNew(problem)) overlay.add(await report(problem));
}

/** Print a problem in the preview's terminal. @returns {Promise<Object>} it, with the lines around it */
async function report(problem) {
  if (!facts.isPreview) return problem;
  try {
    return { ...problem, ...(await request("problems", problem)) };
  } catch {
    return problem; // the server is starting again
  }
}

/** Ask again and again what is stored, what changed and what is wrong. */
async function watch() {
  for (;;) {
    const state = document.hidden ? null : await request(`state?seen=${facts.seen}`).catch(() => null);
    if (state) await follow(state); // otherwise the server is starting again
    await sleep(facts.isPreview ? PAUSE : PAUSE_ONLINE);
  }
}

async function follow(state) {
  bar.showStored(state);
  if (!facts.isPreview) return;
  facts.seen = state.seen;
  state.failed.filter((problem) => overlay.isNew(problem)).forEach((problem) => overlay.add(problem));
  const changed = changes.note(state.files);
  for (const file of changed.filter(isScript)) unparsed.set(file, await parse(file));
  const wrong = [...state.wrong, ...[...unparsed.values()].filter(Boolean)];
  overlay.showWrong(wrong);
  if (!changed.length) return;
  // What is broken has nothing to lose; a task that runs goes on until the researcher reloads it.
  if (!wrong.length && overlay.hasFailed) location.reload();
  else bar.showChanged(changes.all);
}

async function parse(file) {
  const problem = await checkScript(file, facts);
  return problem && report(problem);
}
