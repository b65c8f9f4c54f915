/**
 * Sends the entries that an earlier window of this browser recorded but could not send. Included in
 * the pages that participants see after the experiment's window was closed, such as the page that
 * says that they cannot come back:
 *
 *     <script type="module" src="/static/js/resend.js"></script>
 */
import { acknowledge, listUnsent, removeOld, unlessInUse } from "./journal.js";
import { isSuperseded, loadRecord, sendRecord } from "./sync.js";
import { mergeEntries } from "./record.js";
import { offerFile, showLine } from "./notice.js";
import { retry } from "./server.js";

const NOTICEABLE = 1500; // ms after which the participant is asked to wait

async function resend({ id, writer, entries }) {
  let record = { id, entries };
  let line;
  const slow = setTimeout(() => {
    line = showLine("Some of your answers are still on their way to us. Please keep this page open.");
  }, NOTICEABLE);
  try {
    await retry(async () => {
      record = mergeEntries(await loadRecord(id), entries);
      // The closed window numbered its saves from 1; the time in seconds is higher than any of them.
      await sendRecord(id, JSON.stringify(record), writer, Math.floor(Date.now() / 1000));
    }, (error) => error.isFromTheStudy);
    line?.remove();
  } catch (error) {
    line?.remove();
    if (!isSuperseded(error)) { // otherwise the server has set the entries aside
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
  for (const journal of await listUnsent()) await unlessInUse(journal.id, () => resend(journal));
  await removeOld();
} catch (error) {
  console.warn("This browser keeps no journal", error);
}
