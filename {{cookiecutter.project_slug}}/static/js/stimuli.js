/**
 * The colours of the Stroop task, and balanced lists of trials.
 *
 * The list is the one place for words, keys and inks: instructions, questions, buttons, feedback and
 * trials are made from it (pages.js). To use another colour, change its line.
 *
 * name  the word, which is shown and saved
 * key   the key to press, a letter or digit of its own
 * ink   how it looks, as CSS writes colours. Choose inks that are about equally dark, each with a
 *       contrast of at least 4.5:1 on white
 */
export const COLOURS = [
  { name: "red", key: "r", ink: "#cc1421" },
  { name: "green", key: "g", ink: "#16803a" },
  { name: "blue", key: "b", ink: "#1257d6" },
  { name: "purple", key: "p", ink: "#96219e" },
];

export const KEYS = COLOURS.map(({ key }) => key);

/** The key for the colour of this name. */
export const keyFor = (name) => findColour(name).key;

export const findColour = (name) => COLOURS.find((colour) => colour.name === name);

/** The example in the instructions and in the question about them: this word, printed in this colour. */
const [first, second, third = first] = COLOURS;
export const EXAMPLE = { word: second, colour: third };

/**
 * @typedef {object} Trial  a `word`, its `colour`, and whether they are `congruent`
 *
 * Make a list of trials in random order. All colours appear equally often among the congruent trials,
 * and equally often among the incongruent ones. In the incongruent trials, each colour is paired
 * with each of the other words equally often.
 *
 * @param {number} length  number of trials; a multiple of the number of colours, for the balance to
 *   be exact
 * @param {number} proportionCongruent  from 0 to 1
 * @param {function(): number} random  for example psiTurk.random("block 1"), which gives the same
 *   list again if the participant resumes the task
 * @returns {Trial[]}
 */
export function makeTrials(length, proportionCongruent, random) {
  const congruentTrials = Math.round(length * proportionCongruent);
  const colours = shuffle(COLOURS, random);
  const steps = shuffle(colours.map((_, i) => i).slice(1), random); // from a colour to the word it is paired with
  const trials = Array.from({ length }, (_, i) => {
    const colour = i % colours.length;
    const congruent = i < congruentTrials;
    const round = Math.floor((i - congruentTrials) / colours.length);
    const word = congruent ? colour : (colour + steps[round % steps.length]) % colours.length;
    return { word: colours[word].name, colour: colours[colour].name, congruent };
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

/** Throw an error that names the first line of COLOURS that cannot be used. */
export function checkColours() {
  const place = "COLOURS in static/js/stimuli.js";
  if (COLOURS.length < 2) throw new Error(`${place} needs at least two colours.`);
  COLOURS.forEach((colour, index) => {
    const problem = findProblem(colour, COLOURS.slice(0, index));
    if (problem) throw new Error(`${place}, colour ${index + 1}, ${JSON.stringify(colour)}: ${problem}.`);
  });
}

function findProblem({ name = "", key = "", ink = "" }, earlier) {
  if (!/^[\p{L}\p{M}-]+$/u.test(name)) return 'its name must be one word, as in name: "orange"';
  if (!/^[\p{Ll}\p{Lo}\d]$/u.test(key)) return 'its key must be one small letter or digit, as in key: "o"';
  if (!CSS.supports("color", ink)) return 'its ink must be a colour of CSS, as in ink: "#b84a00"';
  const sameName = earlier.some((other) => other.name === name);
  const sameKey = earlier.find((other) => other.key === key);
  if (sameName) return "this name is there twice";
  return sameKey && `the key "${key}" is the key of ${sameKey.name} already`;
}
