/**
 * What psiTurk.preload() has loaded, without loading it again. Names are those given to preload().
 *
 *     const stimuli = await psiTurk.preload(["images/cat.png", "sounds/beep.wav", "films/walk.mp4"]);
 *     stage.replaceChildren(await stimuli.image("images/cat.png"));
 *     const { onset, ended } = await stimuli.play("sounds/beep.wav");
 *     await stimuli.play("films/walk.mp4", "#stage");
 *     const trial = { type: jsPsychImageKeyboardResponse, stimulus: stimuli.url("images/cat.png") };
 */
import { Preloader, listNames } from "./preload.js";
import { showLoading } from "./loading-page.js";
import { decode, isLong, makeImage, playElement, playSound } from "./media.js";

const OBJECT_URL = /blob:[^\s"'`<>()]+/g;

export class LoadedStimuli {
  #preloader;
  #pages;
  #urls = new Map();
  #names = new Map();

  /**
   * @param {Object<string, string>} pages  texts by name; gets those that are loaded
   * @param {function(Object): void} report  takes what each load() came to
   */
  constructor(pages, report) {
    this.#pages = pages;
    this.#preloader = new Preloader(report);
  }

  /** What psiTurk.preload() does. @returns {Promise<LoadedStimuli>} rejects with a PreloadError */
  async load(names, { show, root, contact }) {
    const wanted = listNames(names).filter((name) => !(name in this.#pages));
    const loading = this.#preloader.load(wanted);
    try {
      await (show ? showLoading(loading, { preloader: this.#preloader, names: wanted, root, contact }) : loading);
    } finally {
      Object.assign(this.#pages, this.#preloader.pages);
    }
    return this;
  }

  /** A new image element, decoded, so that it is on the screen with the next frame. @returns {Promise<HTMLImageElement>} */
  image(name) { return makeImage(this.url(name)); }

  /**
   * Play a sound, or a film in an element of the page.
   * @param {string} name
   * @param {string|Element} [place]  for a film: the element, or its selector; its content is replaced
   * @returns {Promise<Playback>} {onset, ended, stop}: resolves once it has begun
   */
  async play(name, place) {
    const { kind, blob, buffer } = this.#get(name);
    if (kind !== "sound" && kind !== "film") throw new TypeError(`${name} is neither a sound nor a film`);
    if (kind === "sound" && !isLong(blob)) return playSound(buffer ?? await decode(blob));
    return playElement(this.url(name), kind, kind === "film" ? find(place, name) : null);
  }

  /** An address for src attributes and jsPsych's plugins, which works in this window only. */
  url(name) {
    if (!this.#urls.has(name)) {
      const url = URL.createObjectURL(this.#get(name).blob);
      this.#urls.set(name, url);
      this.#names.set(url, name);
    }
    return this.#urls.get(name);
  }

  /** The file itself, e.g. JSON.parse(await stimuli.file("trials.json").text()). @returns {Blob} */
  file(name) { return this.#get(name).blob; }

  /** Data with names in the place of addresses that url() made, which mean nothing in another window. */
  nameIn(data) {
    if (!this.#names.size) return data;
    if (typeof data === "string") return data.replace(OBJECT_URL, (url) => this.#names.get(url) ?? url);
    if (Array.isArray(data)) return data.map((value) => this.nameIn(value));
    if (Object.getPrototypeOf(data ?? 0) !== Object.prototype) return data;
    return Object.fromEntries(Object.entries(data).map(([field, value]) => [field, this.nameIn(value)]));
  }

  #get(name) {
    const file = this.#preloader.files.get(name);
    if (!file?.blob) throw new Error(`"${name}" is not loaded: add it to psiTurk.preload([…]), with the same name`);
    return file;
  }
}

function find(place, name) {
  const element = typeof place === "string" ? document.querySelector(place) : place;
  if (!element) throw new TypeError(`play("${name}", "#…") needs an element of the page to show it in, not ${place}`);
  return element;
}
