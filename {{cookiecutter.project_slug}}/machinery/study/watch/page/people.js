/** The participants one by one: a page of a table at a time, filtered by the server. */
import { clock, count, find, make } from "./build.js";

const PER_PAGE = 25; // as in study/overview/people.py
const COLUMNS = ["Arrived", "Condition", "State", "Where", "Why", "Minutes"];

let offset = 0;
let reasons = {};
let ask; // fetches a path below the page's address
let latest = 0; // the number of the last request: an earlier answer may come after a later one

/** Begin. @param {function(string): Promise<Object>} fetchJson */
export function listenToSearch(fetchJson) {
  ask = fetchJson;
  const search = find("search");
  let typed;
  search.addEventListener("input", () => {
    offset = 0;
    find("find").hidden = !search.ids.checked;
    if (!search.ids.checked) search.worker.value = "";
    clearTimeout(typed);
    typed = setTimeout(showPeople, 200);
  });
  search.addEventListener("submit", (event) => event.preventDefault());
  find("newer").addEventListener("click", () => turn(-PER_PAGE));
  find("older").addEventListener("click", () => turn(PER_PAGE));
}

/** Offer these conditions, and use these words for why somebody is gone. */
export function describePeople(conditions, words) {
  reasons = words;
  const select = find("search").condition;
  if (select.length === conditions.length + 1) return;
  select.append(...conditions.slice(select.length - 1).map((name) => make("option", {}, name)));
}

/** Show the present page anew. */
export async function showPeople() {
  const number = ++latest;
  const found = await ask(`people?${new URLSearchParams({ ...Object.fromEntries(new FormData(find("search"))), offset })}`);
  if (number !== latest) return;
  const withIds = find("search").ids.checked;
  const columns = [...(withIds ? ["Id"] : []), ...COLUMNS, ...(found.has_flags ? ["Flags"] : [])];
  const heads = columns.map((name) => make("th", { scope: "col", ...(name === "Minutes" && { class: "number" }) }, name));
  find("people").tHead.replaceChildren(make("tr", {}, ...heads));
  const rows = found.people.map((person) => describe(person, withIds, found.has_flags));
  const empty = make("tr", {}, make("td", { colspan: columns.length, class: "none" }, "Nobody."));
  find("people").tBodies[0].replaceChildren(...(rows.length ? rows : [empty]));
  const last = offset + found.people.length;
  find("page").textContent = found.number ? `${count(offset + 1)} to ${count(last)} of ${count(found.number)}` : "";
  find("newer").disabled = offset === 0;
  find("older").disabled = last >= found.number;
}

async function turn(by) {
  offset = Math.max(0, offset + by);
  await showPeople();
}

function describe(person, withIds, hasFlags) {
  const kind = person.state.replace(" ", "-");
  const state = make("td", {}, make("span", { class: `state ${kind}` }, person.state));
  const cells = [
    make("td", {}, clock(person.arrived)), make("td", {}, person.condition), state,
    make("td", {}, person.place ?? ""), make("td", { class: "why" }, reasons[person.reason] ?? person.reason ?? ""),
    make("td", { class: "number" }, person.minutes?.toFixed(1) ?? ""),
  ];
  if (withIds) cells.unshift(make("td", { class: "id" }, person.worker ?? ""));
  if (hasFlags) cells.push(make("td", { class: "flags" }, ...person.flags.map((flag) => make("span", { class: "flag" }, flag))));
  return make("tr", {}, ...cells);
}
