/** What participants see while the study's server cannot be reached, or refuses their answers. */
import { offerFile, showLine, showNotice, untilPressed } from "./notice.js";
import { pauseAfter, sleep, untilOnline } from "./server.js";
import { WORDS } from "./words.js";

const NOTICEABLE = 800; // ms after which a message says that answers are being saved
const WORRYING = 20000; // ms after which a failure needs a message, or a way to keep the answers
const IGNORED_FAILURES = 2; // at the start, before a message

/** Load the record, however long it takes: without it, participants could not resume the task. */
export function loadWithDialog(load, contact) {
  let isRefused = false;
  const action = () => {
    if (!isRefused) return load();
    location.reload(); // which sets the cookie
    return new Promise(() => {});
  };
  return retryWithDialog(action, contact, (error, failures) => {
    isRefused = error.isFromTheStudy;
    if (error.reason === "no-proof") return { name: "no-proof", ...WORDS.noCookies };
    return (isRefused || failures > IGNORED_FAILURES) && { name: "load-failed", ...WORDS.cannotLoad };
  });
}

/** Save everything, however long it takes. @param {function(): string} json  gives the answers */
export async function saveWithDialog(save, contact, json) {
  let dialog;
  const slow = setTimeout(() => { dialog = showNotice({ name: "saving", ...WORDS.saving }); }, NOTICEABLE);
  const stopWaiting = () => {
    clearTimeout(slow);
    dialog?.remove();
  };
  await retryWithDialog(save, contact, (error) => {
    stopWaiting();
    if (error.isFromTheStudy) return { name: "save-refused", ...WORDS.refused };
    return { name: "save-failed", ...WORDS.notSavedYet };
  }, json);
  stopWaiting();
}

/** Tell participants, without interrupting the task, that saves have been failing for a while. */
export function showConnectionState(saver, json) {
  let line;
  let timer;
  const removeLine = () => {
    line?.remove();
    line = undefined;
  };
  saver.addEventListener("change", () => {
    clearTimeout(timer);
    if (saver.isOver || saver.failingSince === null) removeLine();
    else if (saver.refusal) {
      removeLine();
      line = showLine(WORDS.keptHere);
      offerFile(line, json);
    } else if (!line) {
      const delay = saver.failingSince + WORRYING - performance.now();
      timer = setTimeout(() => { line = showLine(WORDS.unreachable); }, delay);
    }
  });
}

/** Run an action until it succeeds; `describe` chooses the dialog for a failure, if any. */
async function retryWithDialog(action, contact, describe, json) {
  let dialog;
  let offer;
  for (let failures = 1; ; failures++) {
    try {
      const answer = await action();
      dialog?.remove();
      clearTimeout(offer);
      return answer;
    } catch (error) {
      console.warn(error);
      const notice = describe(error, failures);
      if (notice && dialog?.dataset.notice !== notice.name) {
        dialog?.remove();
        clearTimeout(offer);
        dialog = showNotice({ ...notice, contact });
        if (json) offer = setTimeout(offerFile, error.isFromTheStudy ? 0 : WORRYING, dialog, json);
      }
      const signals = [untilOnline()];
      if (dialog) signals.push(untilPressed(dialog));
      if (!error.isFromTheStudy) signals.push(sleep(pauseAfter(failures)));
      await Promise.race(signals);
    }
  }
}
