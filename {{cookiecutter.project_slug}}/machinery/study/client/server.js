/** Requests to the server that carry the study: what counts as an answer, and when to ask again. */

const PATIENCE = 20000; // ms until a request counts as lost
const SLOWEST = 10; // bytes per ms that we wait for, besides
const LONGEST_PAUSE = 30000; // ms between attempts while the server stays away

/** A request that failed; has the fields of an XMLHttpRequest that error callbacks read. */
export class ServerError extends Error {
  constructor(message, response, responseText = "") {
    super(message);
    this.name = "ServerError";
    this.status = response?.status ?? 0;
    this.statusText = response?.statusText ?? "";
    this.responseText = responseText;
  }

  /** The study's server says in a word why it refuses: "no-proof", "too-large", "newer-window" … */
  get reason() {
    try {
      return JSON.parse(this.responseText)?.reason ?? "";
    } catch {
      return "";
    }
  }

  /** A refusal stays a refusal; anything else may be better in a moment. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && ![408, 425, 429].includes(this.status);
  }

  /** A hotel's log-in page or a proxy refuses too, but it knows no reasons, and goes away. */
  get isFromTheStudy() { return this.isFinal && (this.status === 413 || this.reason !== ""); }
}

/** @returns {Promise<string>} the body of a successful answer */
export async function fetchText(url, options = {}) {
  const request = new AbortController(); // AbortSignal.any is not in browsers of 2023
  const abort = () => request.abort();
  options.signal?.addEventListener("abort", abort);
  const patience = setTimeout(abort, PATIENCE + (options.body?.length ?? 0) / SLOWEST);
  let response;
  let text = "";
  try {
    response = await fetch(url, { ...options, signal: request.signal });
    text = await response.text();
  } catch (cause) {
    throw new ServerError(`${url} could not be reached: ${cause.message}`);
  } finally {
    clearTimeout(patience);
    options.signal?.removeEventListener("abort", abort);
  }
  if (!response.ok) throw new ServerError(`${url} answered ${response.status}`, response, text);
  return text;
}

/** @returns {Promise<Object>} hotel log-in pages are answers too, but not JSON */
export async function fetchJSON(url, options = {}) {
  const text = await fetchText(url, { cache: "no-store", ...options });
  try {
    return JSON.parse(text);
  } catch {
    throw new ServerError(`${url} answered with something that is not JSON`, undefined, text);
  }
}

/** POST a form with these fields. @returns {Promise<Object>} */
export const post = (url, fields) => fetchJSON(url, { method: "POST", body: new URLSearchParams(fields) });

export const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

/** The browser has a connection again. */
export const online = () => new Promise((back) => window.addEventListener("online", back, { once: true }));

/** ms to wait after so many failures; chance keeps participants from returning all at once. */
export const pauseAfter = (failures) =>
  Math.min(LONGEST_PAUSE, 1000 * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);

/** Run `action` until it succeeds, for as long as the page lives; a final refusal is thrown. */
export async function persistently(action, isFinal = (error) => error.isFinal) {
  for (let failures = 1; ; failures++) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof ServerError) || isFinal(error)) throw error;
      console.warn(error);
      await Promise.race([sleep(pauseAfter(failures)), online()]);
    }
  }
}
