/** The words and colours of the Stroop task, and balanced lists of trials. */

/** How each colour looks is set in static/css/study.css (.ink-red and so on). */
export const COLOURS = ["red", "green", "blue", "purple"];

/** The key for each colour is its first letter. */
export const keyFor = (colour) => colour[0];
export const KEYS = COLOURS.map(keyFor);

/**
 * @typedef {object} Trial  its ``word``, its ``colour``, and whether they are ``congruent``
 *
 * Colours are dealt like cards, so that each comes equally often, among the congruent trials and
 * among the others. Words that disagree with their colour are balanced in the same way.
 *
 * @param {number} length  a multiple of four, for perfect balance
 * @param {number} proportionCongruent  from 0 to 1
 * @param {function(): number} random  such as psiTurk.random("block 1"), which gives the same list again
 * @returns {Trial[]} in random order
 */
export function makeTrials(length, proportionCongruent, random) {
  const congruentTrials = Math.round(length * proportionCongruent);
  const colours = shuffle(COLOURS, random);
  const steps = shuffle([1, 2, 3], random); // from a colour to the word that disagrees with it
  const trials = Array.from({ length }, (_, i) => {
    const colour = i % colours.length;
    const congruent = i < congruentTrials;
    const round = Math.floor((i - congruentTrials) / colours.length);
    const word = congruent ? colour : (colour + steps[round % steps.length]) % colours.length;
    return { word: colours[word], colour: colours[colour], congruent };
  });
  return shuffle(trials, random);
}

/** A shuffled copy (Fisher and Yates). */
export function shuffle(list, random = Math.random) {
  const copy = [...list];
  for (let last = copy.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [copy[last], copy[other]] = [copy[other], copy[last]];
  }
  return copy;
}
