/**
 * Going on where a participant stopped. Matters only with allow_resume in config.txt; without it,
 * psiTurk turns away who comes back after the task has begun, and here nobody has done anything yet.
 *
 *     const done = psiTurk.progress.count({ phase: "TEST", block: 1 });
 *     for (const trial of trials.slice(done)) …
 *
 * Trials in random order need the same order again: take chance from psiTurk.random("…").
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

  /** How many recorded trials have all of these values, e.g. {phase: "PRACTICE"}. */
  count(values) {
    const wanted = Object.entries(values);
    return this.#rows.filter((row) => wanted.every(([name, value]) => row?.[name] === value)).length;
  }

  /** Whether this question has been answered (recordUnstructuredData). */
  hasAnswered(field) { return field in this.#answers; }
}

/**
 * Random numbers from 0 to below 1 that are the same for the same text. Shuffles and draws need no
 * more than this; it keeps no secrets.
 * @returns {function(): number} in place of Math.random
 */
export function randomFrom(text) {
  // FNV-1a, once for each of four words of state; then sfc32, a small fast counting generator.
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
  for (let round = 0; round < 15; round++) next(); // mixes what similar texts have in common
  return next;
}
