/** Opens the participant's record when the page is loaded, and keeps it saved from then on. */
import { Journal, acknowledge, erase, removeOld } from "./journal.js";
import { Saver, isErased, isSuperseded, loadRecord, openWindow, sendLeft } from "./sync.js";
import { TaskData } from "./record.js";
import { loadWithDialog, showConnectionState } from "./connection-ui.js";
import { post, retry } from "./server.js";
import { showLastNotice } from "./notice.js";
import { WORDS } from "./words.js";

/**
 * The server's record, with the entries that this browser still had from earlier windows. If the
 * study continues in another window, or has deleted the record, the promise never resolves.
 * @returns {Promise<TaskData>}
 */
export async function openRecord(page) {
  const releaseStartEvents = holdStartEvents();
  const { uniqueId: id, contact } = page;
  const unlessErased = (load) => loadWithDialog(() => load().catch((error) => {
    if (!isErased(error)) throw error;
    return erase(id).then(sayErased);
  }), contact);
  const { window: number, record: stored } = await unlessErased(() => openWindow(id));
  const journal = new Journal(id, number);
  const left = await journal.takeOver();
  if (!left) return goOnElsewhere();
  const record = left.length ? await unlessErased(() => complete(id, number, left)) : stored;
  if (record.begun && page.resumed === false && !page.isTestRun) {
    await reportBegun(page.uniqueId); // could not be reported before; the server decides anew who may enter
    location.reload();
    return never;
  }
  const taskdata = new TaskData(record, page, journal);
  taskdata.saver = new Saver(taskdata, journal);
  showConnectionState(taskdata.saver, () => JSON.stringify(taskdata));
  taskdata.saver.addEventListener("erased", sayErased);
  journal.takenOver.then(() => {
    taskdata.saver.supersede();
    goOnElsewhere();
  });
  taskdata.addEvent("initialized", null);
  taskdata.addEvent("window_resize", [window.innerWidth, window.innerHeight]);
  taskdata.saver.changed(); // from its first save on, nobody else can open the record
  removeOld().catch((error) => console.warn(error));
  setTimeout(releaseStartEvents); // by then, the task has registered its listeners
  return taskdata;
}

/** Send what earlier windows have left, then load the record that has it. @param {Left[]} left */
async function complete(id, number, left) {
  for (const part of left) {
    try {
      await sendLeft(id, number, part, (held) => acknowledge(id, part.window, held));
    } catch (error) {
      if (!error.isFromTheStudy || isSuperseded(error) || isErased(error)) throw error;
      console.warn("What an earlier window has left stays in this browser", error);
    }
  }
  return loadRecord(id);
}

/** Report that the task has begun, so that it cannot be started over. */
export const reportBegun = (uniqueId) => retry(() => post("/inexp", { uniqueId }));

/**
 * Hold back DOMContentLoaded and load, on which tasks written for psiturk.js start: the browser
 * would fire them before the record is loaded.
 * @returns {function(): void} fires those that were held back
 */
function holdStartEvents() {
  const held = [];
  const hold = (event) => { event.stopImmediatePropagation(); held.push(event); };
  const types = ["DOMContentLoaded", "load"];
  for (const type of types) window.addEventListener(type, hold, { capture: true });
  return () => {
    for (const type of types) window.removeEventListener(type, hold, { capture: true });
    for (const { type, bubbles } of held) {
      (bubbles ? document : window).dispatchEvent(new Event(type, { bubbles }));
    }
  };
}

function goOnElsewhere() {
  showLastNotice({ name: "newer-window", ...WORDS.otherWindow });
  return never;
}

function sayErased() {
  showLastNotice({ name: "erased", ...WORDS.erased });
  return never;
}

const never = new Promise(() => {});
