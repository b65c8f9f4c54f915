/** The last page: what the study was about, the participant's own result, and that it is saved. */

const FEWEST = 5; // right answers of each kind, below which there is no result to speak of

/** Show debriefing.html until the participant has finished reading. */
export async function debrief(psiTurk) {
  const read = psiTurk.completePage("debriefing.html");
  showEffect(measureEffect(psiTurk.getTrialData().map((row) => row.trialdata)));
  psiTurk.whenSaved().then(() => show("saved", "yes"));
  await read;
}

/**
 * A participant's own Stroop effect: the mean times of right answers in the test, in whole ms.
 * @param {Object[]} trials
 * @returns {?Object} the mean of each kind with its standard error, the difference between the two, and the
 *   margin within which chance moves it in 95 of 100 cases; null if there are too few answers
 */
export function measureEffect(trials) {
  const right = trials.filter(({ phase, correct }) => phase === "TEST" && correct);
  const timesIf = (agree) => right.filter(({ congruent }) => congruent === agree).map(({ rt }) => rt);
  const [yes, no] = [timesIf(true), timesIf(false)];
  if (Math.min(yes.length, no.length) < FEWEST) return null;
  const [congruent, incongruent] = [yes, no].map(average);
  const margin = Math.round(1.96 * Math.hypot(congruent.error, incongruent.error));
  return { congruent, incongruent, difference: incongruent.ms - congruent.ms, margin };
}

function average(times) {
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const mean = sum(times) / times.length;
  const variance = sum(times.map((time) => (time - mean) ** 2)) / (times.length - 1);
  return { ms: Math.round(mean), answers: times.length, error: Math.sqrt(variance / times.length) };
}

function showEffect(effect) {
  const result = !effect ? "none" : effect.difference > 0 ? "slower" : effect.difference < 0 ? "faster" : "same";
  show("result", result);
  if (!effect) return;
  const { congruent, incongruent, difference, margin } = effect;
  const longest = Math.max(congruent.ms, incongruent.ms);
  for (const [name, { ms, answers }] of Object.entries({ congruent, incongruent })) {
    write(`${name}-ms`, ms);
    write(`${name}-answers`, answers);
    document.querySelector(`[data-bar="${name}"]`).style.inlineSize = `${(100 * ms) / longest}%`;
  }
  write("difference", Math.abs(difference));
  write("margin", margin);
}

/** Of the elements for several cases, show those for this one: data-result="slower faster", for example. */
function show(name, which) {
  for (const element of document.querySelectorAll(`[data-${name}]`)) {
    element.hidden = !element.dataset[name].split(" ").includes(which);
  }
}

function write(name, number) {
  for (const element of document.querySelectorAll(`[data-number="${name}"]`)) element.textContent = number;
}
