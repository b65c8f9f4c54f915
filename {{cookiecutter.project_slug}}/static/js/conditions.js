/**
 * The conditions of the study, one line each: psiTurk's condition 0 is the first line.
 *
 * They differ in how often word and colour agree. Your answer to num_conditions made this many
 * lines. When you add or remove one, set num_conds in config.txt to the new number of lines, so
 * that psiTurk assigns exactly the conditions that are listed here.
 *
 * name       stands in each row of the data
 * congruent  proportion of test trials on which the word names its own colour; a block of 20 trials
 *            cannot tell apart proportions closer than 0.05
 */
export const CONDITIONS = [
{%- set n = cookiecutter.num_conditions | int %}
{%- for i in range(n) %}
{%- set congruent = (0.75 - 0.5 * i / (n - 1)) | round(4) if n > 1 else 0.5 %}
  { name: "{{ '%g' | format((congruent * 100) | round(2)) }}% congruent", congruent: {{ '%g' | format(congruent) }} },
{%- endfor %}
];

/** The condition that psiTurk gave this participant. */
export function conditionFor(number) {
  const condition = CONDITIONS[number];
  if (condition) return condition;
  throw new Error(
    `psiTurk assigned condition ${number}, but static/js/conditions.js lists conditions 0 to `
    + `${CONDITIONS.length - 1}. Set num_conds in config.txt to ${CONDITIONS.length}, or add the missing lines.`,
  );
}
