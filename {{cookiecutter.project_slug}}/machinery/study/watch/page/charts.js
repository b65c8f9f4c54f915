/** The two charts, drawn by Plotly in the colours of watch.css. Without Plotly they stay empty. */
/* global Plotly */
import { find } from "./build.js";

const OPTIONS = { displayModeBar: false, responsive: true, scrollZoom: false };
const dark = matchMedia("(prefers-color-scheme: dark)");
const drawn = new Map(); // what was drawn last, by the element's id

dark.addEventListener("change", () => { for (const [id, draw] of drawn) show(id, draw); });

/** Arrivals as a line above the bars of those who finished and those who are gone. */
export function drawTimeline({ begin, seconds, arrived, finished, gone }) {
  const start = begin && new Date(begin).getTime();
  const middle = arrived.map((_, index) => local(start + (index + 0.5) * 1000 * seconds));
  show("timeline", () => {
    const bars = { type: "bar", x: middle, width: 850 * seconds, hovertemplate: "%{y} %{fullData.name}<extra></extra>" };
    return [
      { ...bars, name: "finished", y: finished, marker: { color: colour("--finished") } },
      { ...bars, name: "gone", y: gone, marker: { color: colour("--gone") } },
      {
        type: "scatter", mode: "lines", name: "arrived", x: middle, y: arrived, hovertemplate: "%{y} arrived<extra></extra>",
        line: { color: colour("--arrived"), width: 2, shape: "hvh" },
      },
    ];
  }, { barmode: "stack", hovermode: "x unified", xaxis: { type: "date" } });
}

/** How many took how long, with the median and what the invitation says. */
export function drawDurations({ bins, median }, promised) {
  const tenths = Object.entries(bins).map(([tenth, number]) => [Number(tenth) / 10, number]);
  const longest = quantile(tenths, 0.99); // a few who were away for hours must not flatten the rest
  const width = [0.5, 1, 2, 5, 10, 30].find((minutes) => longest / minutes <= 40) ?? Math.ceil(longest / 40);
  const numbers = new Map();
  for (const [minutes, number] of tenths) {
    const bin = Math.floor(Math.min(minutes, longest) / width);
    numbers.set(bin, (numbers.get(bin) ?? 0) + number);
  }
  const from = [...numbers.keys()];
  const last = Math.max(...from);
  const line = (x, name) => ({ type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: colour(name), width: 2, dash: name === "--muted" ? "dot" : "solid" } });
  show("durations", () => [{
    type: "bar", x: from.map((bin) => (bin + 0.5) * width), y: [...numbers.values()], width: 0.9 * width,
    marker: { color: colour("--finished") },
    customdata: from.map((bin) => (bin < last ? `${bin * width} to ${(bin + 1) * width} min` : `${bin * width} min or longer`)),
    hovertemplate: "%{y} took %{customdata}<extra></extra>",
  }], {
    xaxis: { ticksuffix: " min", rangemode: "tozero" },
    shapes: [...(median == null ? [] : [line(median, "--text")]), ...(promised ? [line(promised, "--muted")] : [])],
  });
}

function quantile(bins, share) {
  const total = bins.reduce((sum, [, number]) => sum + number, 0);
  let passed = 0;
  for (const [minutes, number] of bins.sort(([one], [other]) => one - other)) {
    passed += number;
    if (passed >= share * total) return minutes;
  }
  return 0;
}

function show(id, draw, layout) {
  if (!("Plotly" in globalThis)) return;
  const previous = drawn.get(id);
  const kept = layout ?? previous.layout;
  drawn.set(id, Object.assign(draw, { layout: kept }));
  const axis = { gridcolor: colour("--line"), linecolor: colour("--line"), zeroline: false, fixedrange: true, tickfont: { color: colour("--muted") }, automargin: true };
  Plotly.react(find(id), draw(), {
    ...kept,
    height: 260, margin: { t: 8, r: 8, b: 28, l: 32 }, showlegend: false, bargap: 0.1,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("--text") },
    hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--text") } },
    xaxis: { ...axis, showgrid: false, tickangle: 0, ...kept.xaxis, nticks: find(id).clientWidth < 480 ? 4 : 8 },
    yaxis: { ...axis, rangemode: "tozero", tickformat: ",d", nticks: 5 },
  }, OPTIONS);
}

/** A colour of watch.css. */
function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

/** A moment as Plotly reads it, in the clock of this computer. */
function local(moment) {
  const date = new Date(moment);
  return new Date(moment - 60_000 * date.getTimezoneOffset()).toISOString().slice(0, 19);
}
