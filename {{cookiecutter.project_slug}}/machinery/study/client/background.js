/**
 * Requests that a worker makes: fetch() takes 10 ms of a slow computer's main thread, in which a stimulus
 * could not be drawn. Where there is no worker, the page makes them itself.
 */
import { ServerError, patienceFor, postEntries } from "./server.js";

const GRACE = 5000; // ms for which a worker may be late with the end of its own patience

let worker;
let number = 0;
const open = new Map(); // number of a request: {resolve, reject, timeout}

/** Start the worker, so that the first save need not. */
export function startWorker() {
  try {
    worker = new Worker(new URL("./background-worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => settle(data);
    worker.onerror = (event) => giveUp(event.message);
  } catch (error) {
    console.warn("This page has no worker", error);
  }
}

/** Do as postEntries does. */
export function postInBackground(url, entries) {
  if (!worker) return postEntries(url, entries);
  return new Promise((resolve, reject) => {
    number += 1;
    const patience = patienceFor(entries.reduce((length, entry) => length + entry.length, 0));
    const timeout = setTimeout(() => giveUp("it does not answer"), patience + GRACE);
    open.set(number, { resolve, reject, timeout });
    worker.postMessage({ number, url, entries });
  });
}

function settle({ number: done, answer, error }) {
  const { resolve, reject, timeout } = open.get(done);
  open.delete(done);
  clearTimeout(timeout);
  if (error) reject(Object.assign(new ServerError(error.message), error));
  else resolve(answer);
}

/** Go on without the worker. What it was sending is sent again, and the server stores it once. */
function giveUp(reason) {
  console.warn(`The page goes on without its worker: ${reason}`);
  worker.terminate();
  worker = undefined;
  for (const done of [...open.keys()]) settle({ number: done, error: { message: "The worker has ended" } });
}
