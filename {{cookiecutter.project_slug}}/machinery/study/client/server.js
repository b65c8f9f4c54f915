/** Requests to the study's server: timeouts, errors, and when to try again. */

const TIMEOUT = 20000; // ms, plus the time that the body takes on a slow connection:
const SLOWEST = 10; // bytes per ms
const LONGEST_PAUSE = 30000; // ms between attempts while the server is unreachable

/** How long to wait for an answer, in ms, given the length of the body. */
export const patienceFor = (length = 0) => TIMEOUT + length / SLOWEST;

/** A failed request, with the fields of an XMLHttpRequest that error callbacks read. */
export class ServerError extends Error {
  constructor(message, response, responseText = "") {
    super(message);
    this.name = "ServerError";
    this.status = response?.status ?? 0;
    this.statusText = response?.statusText ?? "";
    this.responseText = responseText;
  }

  /** The study's reason for a refusal: "no-proof", "too-large", "newer-window" …; or empty. */
  get reason() {
    try {
      return JSON.parse(this.responseText)?.reason ?? "";
    } catch {
      return "";
    }
  }

  /** Whether trying again is pointless. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && ![408, 425, 429].includes(this.status);
  }

  /** Proxies and hotels' log-in pages refuse requests too, but only for a while and without our reasons. */
  get isFromTheStudy() { return this.isFinal && this.reason !== ""; }
}

/** Fetch a text. @returns {Promise<string>} rejects with a ServerError */
export async function fetchText(url, options = {}) {
  const request = new AbortController();
  const timeout = setTimeout(() => request.abort(), patienceFor(options.body?.length));
  let response;
  let text = "";
  try {
    response = await fetch(url, { ...options, signal: request.signal });
    text = await response.text();
  } catch (cause) {
    throw new ServerError(`${url} could not be reached: ${cause.message}`);
  } finally {
    clearTimeout(timeout);
  }
  if (!response.ok) throw new ServerError(`${url} answered ${response.status}`, response, text);
  return text;
}

/** Fetch JSON. @returns {Promise<Object>} rejects with a ServerError, also for a hotel's log-in page */
export async function fetchJSON(url, options = {}) {
  const text = await fetchText(url, { cache: "no-store", ...options });
  try {
    return JSON.parse(text);
  } catch {
    throw new ServerError(`${url} answered with something that is not JSON`, undefined, text);
  }
}

/** POST entries, which are JSON texts. @returns {Promise<Object>} */
export const postEntries = (url, entries, options) => fetchJSON(url, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: `[${entries.join(",")}]`,
  ...options,
});

/** POST these fields as a form. @returns {Promise<Object>} */
export const post = (url, fields) => fetchJSON(url, { method: "POST", body: new URLSearchParams(fields) });

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Wait until the browser is online again. */
export const untilOnline = () =>
  new Promise((resolve) => window.addEventListener("online", resolve, { once: true }));

/** The pause after this many failures, in ms; random, so that participants do not all return at once. */
export const pauseAfter = (failures) =>
  Math.min(LONGEST_PAUSE, 1000 * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);

/** Run an action until it succeeds, for as long as the page is open. Rejects with a final refusal. */
export async function retry(action, isFinal = (error) => error.isFinal) {
  for (let failures = 1; ; failures++) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof ServerError) || isFinal(error)) throw error;
      console.warn(error);
      await Promise.race([sleep(pauseAfter(failures)), untilOnline()]);
    }
  }
}
