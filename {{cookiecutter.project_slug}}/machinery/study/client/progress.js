/**
 * Resuming a task where the participant stopped. This needs allow_resume in config.txt: without it,
 * a participant who has begun the task cannot return to it, and Progress is always empty.
 *
 *     const done = psiTurk.progress.count({ phase: "TEST", block: 1 });
 *     for (const trial of trials.slice(done)) …
 *
 * Trials in random order must come in the same order again: use psiTurk.random("…").
 */
export class Progress {
  #rows;
  #answers;

  /** @param {boolean} resumed  whether the task had begun before this page was loaded */
  constructor(resumed, record) {
    this.resumed = resumed;
    this.#rows = resumed ? record.data.map((row) => row.trialdata) : [];
    this.#answers = resumed ? { ...record.questiondata } : {};
  }

  /** The number of recorded trials that have all of these values, e.g. {phase: "PRACTICE"}. */
  count(values) {
    const wanted = Object.entries(values);
    return this.#rows.filter((row) => wanted.every(([name, value]) => row?.[name] === value)).length;
  }

  /** Whether this question has been answered (recordUnstructuredData). */
  hasAnswered(field) { return field in this.#answers; }
}

/**
 * A random number generator, from 0 up to but not including 1, seeded with a text. It is good enough
 * to shuffle and to draw, and no more: never use it for secrets.
 * @returns {function(): number} to use in place of Math.random
 */
export function randomFrom(text) {
  // FNV-1a hashes the text into three words of the state; sfc32 generates the numbers.
  const [a, b, c] = [1, 2, 3].map((salt) => {
    let hash = 0x811c9dc5 ^ salt;
    for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
    return hash;
  });
  const state = Uint32Array.of(a, b, c, 1);
  const next = () => {
    const [x, y, z, counter] = state;
    const sum = x + y + counter;
    state.set([y ^ (y >>> 9), z + (z << 3), ((z << 21) | (z >>> 11)) + sum, counter + 1]);
    return (sum >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 15; round++) next(); // so that similar texts give unrelated numbers
  return next;
}
