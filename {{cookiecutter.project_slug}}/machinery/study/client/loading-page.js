/** What participants see while the files of the task are being loaded. */
import { WORDS } from "./words.js";

const APPEARS = 400; // ms after which loading needs a page
const EVERY = 250; // ms
const SILENCE = 8000; // ms without a byte after which participants are told
const PATIENCE = 60000; // ms without a byte after which they learn whom to write to
const WINDOW = 30000; // ms over which the speed is averaged
const WORTH_TELLING = 5e6; // bytes
const SPOKEN = 15000; // ms between two announcements of a screen reader

/**
 * Show how far loading is, in place of the page, unless it is over at once.
 * @param {Promise} loading
 * @param {{preloader: Preloader, names: string[], root: Element, contact: string}} options
 * @returns {Promise} as loading
 */
export async function showLoading(loading, options) {
  let page;
  const timer = setTimeout(() => { page = new LoadingPage(options); }, APPEARS);
  try {
    return await loading;
  } finally {
    clearTimeout(timer);
    page?.remove();
  }
}

/** How much of these files has come. Sizes that are not known yet count as the mean of the others. */
export function measure(files) {
  const known = files.map(({ download }) => download.size).filter((size) => size !== undefined);
  const mean = known.length ? sum(known) / known.length : 0;
  const received = sum(files.map(({ blob, download }) => blob?.size ?? download.received));
  const total = sum(files.map(({ blob, download }) => blob?.size ?? Math.max(download.size ?? mean, download.received)));
  return { received, total, share: total ? received / total : 0 };
}

class LoadingPage {
  #options;
  #page = document.createElement("section");
  #bar = document.createElement("progress");
  #state = document.createElement("p");
  #spoken = document.createElement("p");
  #trouble = document.createElement("div");
  #before;
  #timer;
  #shown = null;
  #past = [];
  #lastSpoken = -SPOKEN;

  constructor(options) {
    this.#options = options;
    this.#before = [...options.root.childNodes];
    this.#build();
    options.root.replaceChildren(this.#page);
    this.#update();
    this.#timer = setInterval(() => this.#update(), EVERY);
  }

  /** Put back what was on the page before, unless the task has shown something else. */
  remove() {
    clearInterval(this.#timer);
    if (this.#page.isConnected) this.#page.replaceWith(...this.#before);
  }

  #build() {
    const heading = Object.assign(document.createElement("h1"), { id: "loading", textContent: WORDS.loading.heading });
    const advice = Object.assign(document.createElement("p"), { textContent: WORDS.loading.text });
    this.#page.className = "loading";
    this.#bar.setAttribute("aria-labelledby", heading.id);
    this.#state.className = "hint";
    this.#state.setAttribute("aria-hidden", "true"); // changes too often to be read aloud
    this.#spoken.className = "visually-hidden";
    this.#spoken.setAttribute("role", "status");
    this.#trouble.setAttribute("role", "status");
    this.#page.append(heading, advice, this.#bar, this.#state, this.#spoken, this.#trouble);
  }

  #update() {
    const { preloader, names } = this.#options;
    const files = names.map((name) => preloader.files.get(name)).filter(Boolean);
    const { received, total, share } = measure(files);
    this.#bar.value = Math.max(this.#bar.value, share);
    const state = `${Math.floor(this.#bar.value * 100)} %${sizeOf(total)}${this.#timeLeft(received, total)}`;
    this.#state.textContent = state;
    this.#speak(state);
    this.#showTrouble(performance.now() - preloader.heard);
  }

  #timeLeft(received, total) {
    const now = performance.now();
    this.#past.push({ now, received });
    while (now - this.#past[0].now > WINDOW) this.#past.shift();
    const came = received - this.#past[0].received;
    const took = now - this.#past[0].now;
    if (took < 3000 || came <= 0) return "";
    const minutes = Math.round(((total - received) * took) / came / 60000);
    return WORDS.timeLeft(minutes);
  }

  #speak(state) {
    if (performance.now() - this.#lastSpoken < SPOKEN) return;
    this.#lastSpoken = performance.now();
    this.#spoken.textContent = state;
  }

  #showTrouble(silence) {
    const trouble = !navigator.onLine ? WORDS.offline : silence > SILENCE ? WORDS.silent : null;
    if (trouble !== this.#shown) this.#tell((this.#shown = trouble));
    const { contact } = this.#options;
    if (!trouble || !contact || silence < PATIENCE || this.#trouble.querySelector("a")) return;
    const link = Object.assign(document.createElement("a"), { href: `mailto:${contact}`, textContent: contact });
    const help = document.createElement("p");
    help.append(...WORDS.loadingHelp(link));
    this.#trouble.querySelector("button").before(help);
  }

  #tell(trouble) {
    this.#trouble.className = trouble ? "remark" : "";
    this.#trouble.replaceChildren();
    if (!trouble) return;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "button", textContent: trouble.button });
    button.addEventListener("click", () => this.#options.preloader.hurry());
    this.#trouble.append(Object.assign(document.createElement("p"), { textContent: trouble.text }), button);
  }
}

/** Worth telling to those who pay for what they load. */
function sizeOf(bytes) { return bytes < WORTH_TELLING ? "" : WORDS.size(Math.round(bytes / 1e6)); }

function sum(numbers) { return numbers.reduce((total, number) => total + number, 0); }
