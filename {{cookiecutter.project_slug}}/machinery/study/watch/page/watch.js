/**
 * The page of `study watch`: asks its server for the figures again and again, and shows them.
 *
 * The server says how long to wait. A hidden page does not ask.
 */
import { ago, bar, clock, count, find, make, none, pairs, percent, ranking } from "./build.js";
import { drawDurations, drawTimeline } from "./charts.js";
import { describePeople, listenToSearch, showPeople } from "./people.js";

const FAILED = "save-failed"; // an incident that has a place of its own
let timer;
let updated; // when figures came last
let shown; // the figures

async function refresh() {
  clearTimeout(timer);
  if (document.hidden) return;
  let seconds = 10;
  try {
    shown = await fetchJson("figures");
    ({ seconds } = shown);
    updated = new Date();
    show(shown);
    await showPeople();
    tell("");
  } catch (error) {
    tell(`${error.message} What is shown is ${updated ? `of ${clock(updated)}` : "nothing yet"}; this page tries again.`);
  }
  timer = setTimeout(refresh, 1000 * seconds);
}

/** @returns {Promise<Object>} what the server says. Rejects with an error whose message is for people. */
async function fetchJson(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("`study watch` has ended: start it again in the terminal.");
  }
  const answer = await response.json().catch(() => ({ problem: `The server answered with ${response.status}.`, remedy: "" }));
  if (!response.ok) throw new Error(`${answer.problem} ${answer.remedy}`.trim());
  return answer;
}

function show({ title, version, overview, timeline, hosting, reasons, incidents, errors, more_errors: moreErrors }) {
  find("figures").hidden = false;
  document.title = `${overview.total.finished}${of(overview.total)} · ${title}`;
  find("title").textContent = title;
  find("about").textContent = `${hosting ? hosting.app : "on this computer"} · version ${version}`;
  showServer(hosting);
  showTiles(overview);
  showConditions(overview);
  showTimeline(timeline);
  find("places").replaceChildren(hasAny(overview.places) ? ranking(overview.places, "gone") : none("Nobody has stopped yet, or the place is not known."));
  const gone = Object.fromEntries(Object.entries(overview.gone).map(([reason, number]) => [reasons[reason] ?? reason, number]));
  find("reasons").replaceChildren(hasAny(gone) ? ranking(gone, "gone") : none("Nobody is gone."));
  showDurations(overview);
  showSaving(overview, errors);
  showHosting(hosting, overview);
  showErrors(errors, moreErrors);
  showIncidents(overview.incidents, incidents);
  describePeople(overview.cells.map(({ name }) => name), reasons);
}

function showServer(hosting) {
  find("lamp").className = `lamp ${!hosting ? "" : hosting.dynos.length === 0 ? "off" : hosting.dynos.every(({ state }) => state === "up") ? "up" : "changing"}`;
  const states = hosting?.dynos.map(({ state }) => state) ?? [];
  find("server").textContent = !hosting ? "" : states.length === 0 ? "Paused" : states.every((state) => state === "up") ? "Running" : states.join(", ");
  const button = find("pause");
  button.hidden = !hosting;
  button.textContent = states.length ? "Pause the study" : "Let it go on";
}

function showTiles({ total, drop_out: dropOut, dropped_out: lost, durations, minutes, recently_arrived: arrived, recently_finished: finished, recent_minutes: recent }) {
  const tile = (label, number, note, extra = "") => make("div", { class: "tile" },
    make("p", { class: "label" }, label), make("p", { class: "figure" }, ...number), extra, make("p", { class: "note" }, note));
  const progress = total.target ? bar(total.finished / total.target, "finished") : "";
  find("tiles").replaceChildren(
    tile("Finished", [count(total.finished), make("small", {}, of(total))], `${count(finished)} in the last ${recent} minutes`, progress),
    tile("In progress", [count(total.in_progress)], `${count(arrived)} arrived in the last ${recent} minutes`),
    tile("Drop-out", [dropOut == null ? "–" : percent(dropOut)], `${count(lost)} of ${count(total.finished + lost)} who are no longer at work`),
    tile("Median duration", [durations.median == null ? "–" : `${durations.median.toFixed(1)} min`], minutes ? `the invitation says ${minutes} min` : "the invitation says nothing"),
  );
}

function of({ target }) { return target == null ? "" : ` of ${count(target)}`; }

function showConditions({ cells, total, apart, other_versions: versions }) {
  const most = Math.max(1, ...cells.map(({ finished }) => finished));
  const row = (cell, kind) => make("tr", kind ? { class: kind } : {},
    make("th", { scope: "row" }, cell.name),
    make("td", { class: "grow" }, make("span", { class: "of" }, `${count(cell.finished)}${of(cell)}`), kind ? "" : bar(cell.finished / (cell.target ?? most), cell.is_full ? "full" : "finished"), cell.is_full ? make("span", { class: "state finished" }, "full") : ""),
    make("td", { class: "number" }, count(cell.in_progress)), make("td", { class: "number" }, count(cell.gone)));
  find("conditions").tBodies[0].replaceChildren(...cells.map((cell) => row(cell, "")), row(total, "sum"));
  const tests = Object.entries(apart).map(([mode, number]) => `${count(number)} ${mode} ${number === 1 ? "run" : "runs"}`);
  const others = Object.entries(versions).map(([version, number]) => `${count(number)} who finished version ${version}`);
  find("apart").textContent = [...tests, ...others].length ? `Not counted: ${[...tests, ...others].join(", ")}.` : "";
}

function showTimeline(timeline) {
  const { seconds } = timeline;
  const [size, unit] = seconds < 3600 ? [60, "minute"] : seconds < 86400 ? [3600, "hour"] : [86400, "day"];
  const number = seconds / size;
  find("stretch").textContent = timeline.begin ? `in each ${number === 1 ? unit : `${number} ${unit}s`}` : "";
  if (timeline.begin) drawTimeline(timeline);
}

function showDurations({ durations, minutes }) {
  if (durations.median == null) return find("duration").replaceChildren(none("Nobody has finished yet."));
  const { median, quarter, three_quarters: upper } = durations;
  const compared = !minutes ? "" : median > 1.25 * minutes ? ` That is longer than the ${minutes} minutes of the invitation: correct minutes in config.txt, and what you pay.`
    : median < 0.75 * minutes ? ` That is shorter than the ${minutes} minutes of the invitation.` : ` The invitation says ${minutes}.`;
  find("duration").textContent = `Half took between ${quarter.toFixed(1)} and ${upper.toFixed(1)} minutes, the median ${median.toFixed(1)}.${compared}`;
  find("duration-key").hidden = !minutes;
  drawDurations(durations, minutes);
}

function showSaving({ last_save: save, last_finish: finish, last_arrival: arrival, incidents }, errors) {
  const failed = incidents[FAILED];
  find("saving").replaceChildren(...pairs(
    ["Last save", save && `${clock(save)}, ${ago(save)}`],
    ["Last who finished", finish && `${clock(finish)}, ${ago(finish)}`],
    ["Last arrival", arrival && `${clock(arrival)}, ${ago(arrival)}`],
    ["Failed saves", failed ? count(failed) : "none"],
    ["Browser errors", errors.length ? `${count(errors.length)} kinds, see below` : "none"],
  ));
}

function showHosting(hosting, { size, share }) {
  const megabytes = size / 1e6;
  if (!hosting) return find("host").replaceChildren(...pairs(["Server", "this computer"], ["Database", megabytes ? `${count(Math.round(megabytes))} MB` : "a file of this folder"]));
  const used = hosting.limit ? megabytes / hosting.limit : share;
  const limit = hosting.limit ? ` of ${count(hosting.limit)} MB (${percent(used)})` : " MB";
  const database = make("span", {}, `${hosting.plan || "a Postgres of your own"}: ${count(Math.round(megabytes))}${limit}`, used ? bar(used, used >= 0.8 ? "gone" : "finished") : "");
  const money = hosting.monthly == null ? "" : `${hosting.monthly} USD a month${hosting.spent_at_most == null ? "" : `, at most ${hosting.spent_at_most.toFixed(2)} so far`}`;
  find("host").replaceChildren(...pairs(
    ["Server", hosting.dynos.map(({ name, state, size: kind }) => `${name} ${state} (${kind})`).join(", ") || "off: nobody can take part"],
    ["Database", database],
    ["Cost", money && `${money} (prices of ${hosting.prices_checked})`],
    ["Pilot", hosting.is_pilot ? "every page says so. To go live: uv run study deploy" : ""],
    ["Address", make("a", { href: hosting.address, rel: "noreferrer", target: "_blank" }, hosting.address.replace("https://", ""))],
  ));
}

function showErrors(errors, more) {
  if (!errors.length) return find("errors").replaceChildren(none("None."));
  const place = ({ file, line }) => (file ? `${file}${line ? `, line ${line}` : ""}` : "");
  const rows = errors.map((error) => make("tr", {},
    make("td", { class: "number" }, count(error.participants)), make("td", { class: "grow message" }, error.message), make("td", { class: "place" }, place(error)),
    make("td", {}, error.page), make("td", {}, error.browser), make("td", {}, clock(error.last))));
  const heads = ["Participants", "Error", "File", "Page", "Browser", "Last"].map((name, index) => make("th", { scope: "col", ...(index === 0 && { class: "number" }) }, name));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
  const rest = more ? [make("p", { class: "note" }, `And ${count(more)} kinds that fewer met.`)] : [];
  find("errors").replaceChildren(make("div", { class: "scroll", tabindex: 0, role: "region", "aria-labelledby": "errors-title" }, table), ...rest);
}

function showIncidents(numbers, { days, words }) {
  const named = Object.entries(words).filter(([kind]) => numbers[kind] && kind !== FAILED).map(([kind, text]) => make("li", {}, make("span", { class: "number" }, count(numbers[kind])), ` ${text}`));
  const list = named.length ? make("ul", { class: "counts" }, ...named) : none("Nothing of the kind.");
  find("incidents").replaceChildren(make("p", { class: "note" }, `In the last ${days} days.`), list);
}

const hasAny = (numbers) => Object.keys(numbers).length > 0;

function tell(trouble) {
  find("trouble").textContent = trouble;
  find("trouble").hidden = !trouble;
}

/* ------------------------------------------------------------------------------ the pause */

find("pause").addEventListener("click", () => {
  const pauses = shown.hosting.dynos.length > 0;
  const working = shown.overview.total.in_progress;
  const people = working === 1 ? "1 person is" : `${count(working)} people are`;
  find("ask-title").textContent = pauses ? "Pause the study?" : "Let the study go on?";
  find("ask-text").textContent = pauses
    ? `Nobody can arrive, save or finish until it goes on. ${working ? `${people} at work now: what they do is kept in their browsers and sent when it goes on, if they wait. ` : ""}Pause it at the recruiter too. The server costs nothing meanwhile; the database does.`
    : "The server starts with one dyno, and people can take part again within a minute.";
  find("ask-yes").textContent = pauses ? "Pause the study" : "Let it go on";
  find("ask").returnValue = "no";
  find("ask").showModal();
});

find("ask").addEventListener("close", async () => {
  if (find("ask").returnValue !== "yes") return;
  const pauses = shown.hosting.dynos.length > 0;
  find("pause").disabled = true;
  find("server").textContent = pauses ? "Pausing …" : "Starting …";
  try {
    await fetchJson(pauses ? "pause" : "resume", { method: "POST" });
    await refresh();
  } catch (error) {
    tell(error.message);
  }
  find("pause").disabled = false;
});

/* ------------------------------------------------------------------------------ begin */

listenToSearch(fetchJson);
document.addEventListener("visibilitychange", refresh);
setInterval(() => {
  if (updated) find("updated").textContent = `Figures of ${ago(updated)}, in this computer’s time. Refreshes by itself every ${shown.seconds} s.`;
}, 1000);
refresh();
