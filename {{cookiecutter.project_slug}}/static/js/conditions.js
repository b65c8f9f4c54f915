/**
 * The conditions of the study, one per line: psiTurk's condition 0 is the first line.
 *
 * They differ in how often the word and its colour agree. When you add or remove a line, set
 * num_conds in config.txt to the new number of lines, so that psiTurk assigns exactly the
 * conditions listed here.
 *
 * name       is saved with every trial
 * congruent  proportion of test trials, from 0 to 1, in which the word names its own colour; with
 *            20 trials per block, use steps of 0.05
 */
export const CONDITIONS = [
{%- set n = cookiecutter.num_conditions | int %}
{%- for i in range(n) %}
{%- set congruent = (0.75 - 0.5 * i / (n - 1)) | round(4) if n > 1 else 0.5 %}
  { name: "{{ '%g' | format((congruent * 100) | round(2)) }}% congruent", congruent: {{ '%g' | format(congruent) }} },
{%- endfor %}
];

/** The condition that psiTurk assigned to this participant. */
export function conditionFor(number) {
  const condition = CONDITIONS[number];
  if (condition) return condition;
  throw new Error(
    `psiTurk assigned condition ${number}, but static/js/conditions.js lists conditions 0 to `
    + `${CONDITIONS.length - 1}. Set num_conds in config.txt to ${CONDITIONS.length}, or add the missing lines.`,
  );
}
