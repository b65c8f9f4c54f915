/** Images, sounds and films in this browser: whether it can show them, and when they really start. */
import { showNotice, untilPressed } from "./notice.js";
import { sleep } from "./server.js";
import { WORDS } from "./words.js";

const ENDINGS = {
  image: "apng avif bmp gif jpeg jpg png svg webp",
  sound: "aac flac m4a mp3 oga ogg opus wav weba",
  film: "m4v mov mp4 ogv webm",
  page: "htm html",
};
const LONG_SOUND = 5e6; // bytes; decoded, these might fill the memory, so they are played as they are read
const MOST_DECODED = 64e6; // bytes of decoded sounds to keep; others are decoded again when they are played
const LEAD = 0.025; // s; an onset that is nearer than a few blocks of the sound card would be late
const SLOW_TO_ANSWER = 10000; // ms; phones that save power read no film before it is played

let context;
let decoded = 0;

// Browsers are silent until the participant has pressed something on this page.
for (const press of ["pointerup", "keydown"]) {
  window.addEventListener(press, () => { if (context?.state === "suspended") context.resume(); }, { capture: true });
}

/** What a file is, by the end of its name. @returns {"image"|"sound"|"film"|"page"|"other"} */
export function kindOf(name) {
  const ending = /\.(\w+)(?:[?#].*)?$/.exec(name)?.[1].toLowerCase();
  return Object.keys(ENDINGS).find((kind) => ENDINGS[kind].split(" ").includes(ending)) ?? "other";
}

/**
 * Make sure that this browser can show what has come.
 * @returns {Promise<{blob: Blob, buffer?: AudioBuffer}>} rejects with an error that is `isUnusable`
 */
export async function examine({ name, kind }, blob) {
  const test = { image: readImage, sound: readSound, film: readFilm, page: readText }[kind];
  const url = URL.createObjectURL(blob);
  try {
    return { blob, ...await test?.(url, blob) };
  } catch (cause) {
    throw Object.assign(new Error(`this browser cannot show ${name}`, { cause }), { isUnusable: true });
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** An image that is ready to be put on the page; without an `alt` of the task's, screen readers pass over it. */
export async function makeImage(url) {
  const image = Object.assign(new Image(), { src: url, alt: "" });
  await image.decode();
  return image;
}

/** Decode a sound. @returns {Promise<AudioBuffer>} */
export const decode = async (blob) => soundContext().decodeAudioData(await blob.arrayBuffer());

/** Whether a sound is so long that an element plays it, as films. */
export const isLong = (blob) => blob.size > LONG_SOUND;

/**
 * Play a decoded sound.
 * @returns {Promise<Playback>} resolves when it has begun
 *
 * @typedef {Object} Playback
 * @property {number} onset  when it began, in ms as performance.now() counts
 * @property {Promise<void>} ended
 * @property {function(): void} stop
 */
export async function playSound(buffer) {
  const sound = soundContext();
  await allowSound(sound);
  const source = new AudioBufferSourceNode(sound, { buffer });
  const ended = new Promise((resolve) => { source.onended = () => resolve(); });
  source.connect(sound.destination);
  const start = sound.currentTime + Math.max(LEAD, 2 * sound.baseLatency);
  source.start(start);
  await reach(sound, start);
  return { onset: heardAt(sound, start), ended, stop: () => source.stop() };
}

/**
 * Play a film in this element, in place of what is there; or a long sound, without an element.
 * @returns {Promise<Playback>} resolves when its first frame is on the screen
 */
export async function playElement(url, kind, place) {
  const element = await openElement(url, kind);
  const ended = new Promise((resolve) => element.addEventListener("ended", () => resolve(), { once: true }));
  place?.replaceChildren(element);
  const onset = await begin(element).catch(async (error) => {
    if (error.name !== "NotAllowedError") throw error;
    return askForPress(() => begin(element));
  });
  return { onset, ended, stop: () => element.pause() };
}

async function readText(url, blob) { return { text: await blob.text() }; }

/** Decode an image and let go of it: of an element, browsers keep the decoded image for long. */
async function readImage(url, blob) {
  if (blob.type.includes("svg")) await makeImage(url);
  else (await createImageBitmap(blob)).close();
}

/** Read the beginning of a film or sound, and no more: the browser would keep all of it in memory. */
async function readBeginning(url, kind) {
  const element = await openElement(url, kind, "metadata", "loadedmetadata");
  element.removeAttribute("src"); // browsers have few players at once
  element.load();
}

async function readFilm(url) { await readBeginning(url, "film"); }

async function readSound(url, blob) {
  if (isLong(blob) || decoded > MOST_DECODED) return readBeginning(url, "sound");
  const buffer = await decode(blob);
  decoded += buffer.length * buffer.numberOfChannels * 4;
  return { buffer };
}

/** A film or sound of which this browser has read so much that it fires the event. */
function openElement(url, kind, preload = "auto", event = "canplaythrough") {
  const element = document.createElement(kind === "film" ? "video" : "audio");
  return new Promise((resolve, reject) => {
    element.addEventListener(event, () => resolve(element), { once: true });
    element.addEventListener("error", () => reject(element.error), { once: true });
    Object.assign(element, { preload, playsInline: true, src: url });
    setTimeout(resolve, SLOW_TO_ANSWER, element);
  });
}

async function begin(element) {
  const shown = new Promise((resolve) => {
    if (element.requestVideoFrameCallback) {
      element.requestVideoFrameCallback((now, { expectedDisplayTime }) => resolve(expectedDisplayTime));
    } else element.addEventListener("playing", () => resolve(performance.now()), { once: true });
  });
  await element.play();
  return shown;
}

function soundContext() { return (context ??= new AudioContext({ latencyHint: "interactive" })); }

async function allowSound(sound) {
  if (sound.state === "running") return;
  await Promise.race([sound.resume(), sleep(300)]); // does not settle while it is forbidden
  if (sound.state !== "running") await askForPress(() => sound.resume());
}

/** Do what the browser allows only when the participant has pressed a button. */
async function askForPress(action) {
  const dialog = showNotice({ name: "sound", ...WORDS.sound });
  await untilPressed(dialog);
  dialog.remove();
  return action();
}

/** Wait until the sound card's clock is there. */
async function reach(sound, time) {
  const latest = performance.now() + SLOW_TO_ANSWER;
  while (sound.currentTime < time) {
    if (performance.now() > latest) throw new Error("This browser plays no sound");
    await sleep(Math.max(1, (time - sound.currentTime) * 1000));
  }
}

/** When what is played at this time of the sound card leaves it, as performance.now() counts. */
function heardAt(sound, time) {
  const { contextTime, performanceTime } = sound.getOutputTimestamp();
  if (performanceTime > 0) return performanceTime + (time - contextTime) * 1000;
  return performance.now() + (time - sound.currentTime + (sound.outputLatency || sound.baseLatency)) * 1000;
}
