/**
 * Sends what an earlier window of this browser recorded and could not send: on pages that people see
 * after the experiment's window was closed, such as the one that says that they cannot come back.
 *
 *     <script type="module" src="/static/js/deliver.js"></script>
 */
import { acknowledge, forgetOthers, leftBehind, unlessInUse } from "./journal.js";
import { isSuperseded, loadRecord, sendRecord } from "./sync.js";
import { merged } from "./record.js";
import { offerFile, showLine } from "./notice.js";
import { persistently } from "./server.js";

const A_MOMENT = 1500; // ms that nobody minds

async function deliver({ id, writer, entries }) {
  let record = { id, entries };
  let line;
  const slow = setTimeout(() => {
    line = showLine("Some of your answers are still on their way to us. Please keep this page open.");
  }, A_MOMENT);
  try {
    await persistently(async () => {
      record = merged(await loadRecord(id), entries);
      // That window counted its saves from 1 and is closed: the seconds are far above any count.
      await sendRecord(id, JSON.stringify(record), writer, Math.floor(Date.now() / 1000));
    }, (error) => error.isFromTheStudy);
    line?.remove();
  } catch (error) {
    line?.remove();
    if (!isSuperseded(error)) { // else the server has put them aside
      console.warn(error);
      line = showLine("Some of your answers could not be sent. They are kept in this browser.");
      offerFile(line, () => JSON.stringify(record));
      return;
    }
  } finally {
    clearTimeout(slow);
  }
  await acknowledge(id, record.windows);
}

try {
  for (const journal of await leftBehind()) await unlessInUse(journal.id, () => deliver(journal));
  await forgetOthers();
} catch (error) {
  console.warn("This browser keeps no journal", error);
}
