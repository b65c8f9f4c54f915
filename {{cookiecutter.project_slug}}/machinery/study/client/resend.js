/**
 * Sends the entries that an earlier window of this browser recorded but could not send. Included in
 * the pages that participants see after the experiment's window was closed, such as the page that
 * says that they cannot come back:
 *
 *     <script type="module" src="/static/js/resend.js"></script>
 */
import { acknowledge, erase, listUnsent, removeOld, unlessInUse } from "./journal.js";
import { isErased, isSetAside, sendLeft } from "./sync.js";
import { offerFile, showLine } from "./notice.js";
import { retry } from "./server.js";

const NOTICEABLE = 1500; // ms after which the participant is asked to wait

async function resend({ id, window, left }) {
  let line;
  const slow = setTimeout(() => {
    line = showLine("Some of your answers are still on their way to us. Please keep this page open.");
  }, NOTICEABLE);
  try {
    for (const part of left) {
      await retry(
        () => sendLeft(id, window, part, (held) => acknowledge(id, part.window, held)),
        (error) => error.isFromTheStudy,
      );
    }
    line?.remove();
  } catch (error) {
    line?.remove();
    if (isErased(error)) {
      await erase(id);
      return;
    }
    if (!isSetAside(error)) {
      console.warn(error);
      line = showLine("Some of your answers could not be sent. They are kept in this browser.");
      offerFile(line, () => `{"id":${JSON.stringify(id)},"left":${JSON.stringify(left)}}`);
      return;
    }
    for (const part of left) await acknowledge(id, part.window);
  } finally {
    clearTimeout(slow);
  }
}

try {
  for (const journal of await listUnsent()) await unlessInUse(journal.id, () => resend(journal));
  await removeOld();
} catch (error) {
  console.warn("This browser keeps no journal", error);
}
