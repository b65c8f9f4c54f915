/** What participants are asked: whether they understood the task, and about themselves at the end. */
import { EXAMPLE } from "./stimuli.js";

const RIGHT_ANSWERS = { what_counts: "colour", which_key: EXAMPLE.colour.key }; // to comprehension.html

/** Ask about the instructions and save the answers. @returns {Promise<boolean>} whether all are right */
export async function checkComprehension(psiTurk, attempt) {
  const answers = await psiTurk.completePage("comprehension.html");
  const passed = Object.entries(RIGHT_ANSWERS).every(([name, right]) => answers[name] === right);
  psiTurk.recordTrialData({ phase: "COMPREHENSION", attempt, ...answers, passed });
  psiTurk.recordUnstructuredData("comprehension_attempts", attempt);
  return passed;
}

/** Save each answer to the questionnaire under the name of its field. */
export async function askQuestions(psiTurk) {
  const answers = await psiTurk.completePage("questionnaire.html");
  for (const [name, answer] of Object.entries(answers)) psiTurk.recordUnstructuredData(name, answer);
}
