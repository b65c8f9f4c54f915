/** The words and colours of the Stroop task, and balanced lists of trials. */

/** static/css/study.css defines how each colour looks (.ink-red and so on). */
export const COLOURS = ["red", "green", "blue", "purple"];

/** The key for a colour is its first letter. */
export const keyFor = (colour) => colour[0];
export const KEYS = COLOURS.map(keyFor);

/**
 * @typedef {object} Trial  a `word`, its `colour`, and whether they are `congruent`
 *
 * Make a list of trials in random order. All colours appear equally often among the congruent trials,
 * and equally often among the incongruent ones. In the incongruent trials, each colour is paired
 * with each of the other words equally often.
 *
 * @param {number} length  number of trials; a multiple of four, for the balance to be exact
 * @param {number} proportionCongruent  from 0 to 1
 * @param {function(): number} random  for example psiTurk.random("block 1"), which gives the same
 *   list again if the participant resumes the task
 * @returns {Trial[]}
 */
export function makeTrials(length, proportionCongruent, random) {
  const congruentTrials = Math.round(length * proportionCongruent);
  const colours = shuffle(COLOURS, random);
  const steps = shuffle([1, 2, 3], random); // from a colour to the word it is paired with
  const trials = Array.from({ length }, (_, i) => {
    const colour = i % colours.length;
    const congruent = i < congruentTrials;
    const round = Math.floor((i - congruentTrials) / colours.length);
    const word = congruent ? colour : (colour + steps[round % steps.length]) % colours.length;
    return { word: colours[word], colour: colours[colour], congruent };
  });
  return shuffle(trials, random);
}

/** A shuffled copy of a list (Fisher-Yates). */
export function shuffle(list, random = Math.random) {
  const copy = [...list];
  for (let last = copy.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [copy[last], copy[other]] = [copy[other], copy[last]];
  }
  return copy;
}
