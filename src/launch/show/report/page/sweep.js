// Parallel coordinates: one axis for each setting that differs, the last for the main metric.

const WIDTH = 1000, HEIGHT = 300, MARGIN = { top: 40, bottom: 26, side: 70 };
const MOST_AXES = 8;

function s(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** The largest set of runs of one experiment that have a number as their main metric. */
function sweptRuns() {
  const sets = new Map();
  for (const run of CONTENT.runs.filter(visible)) {
    if (typeof run.metrics[run.main] !== "number") continue;
    const key = [run.record.experiment, run.record.rung, run.main].join(" ");
    sets.set(key, [...(sets.get(key) ?? []), run]);
  }
  return [...sets.values()].sort((a, b) => b.length - a.length)[0] ?? [];
}

function axisOf(title, runs, of) {
  const values = runs.map(of);
  const known = [...new Set(values)];
  if (values.every((value) => typeof value === "number")) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const logarithmic = low > 0 && high / low >= 50;
    const scale = logarithmic ? Math.log : (v) => v;
    const at = (value) => (high === low ? 0.5 : (scale(value) - scale(low)) / (scale(high) - scale(low)));
    const sorted = known.map(at).sort((a, b) => a - b);
    const apart = sorted.every((share, i) => !i || share - sorted[i - 1] > 0.08);
    const ticks = apart ? known : [low, high];
    return { title: title + (logarithmic ? " (log)" : ""), of, at, ticks };
  }
  const order = known.map(String).sort();
  return { title, of, at: (v) => (order.length < 2 ? 0.5 : order.indexOf(String(v)) / (order.length - 1)), ticks: order.slice(0, 12) };
}

/** History and importance of every search, and its page. */
function searchesFound() {
  return CONTENT.searches.map((search) => h("details", { open: "" },
    h("summary", { "data-key": `search ${search.folder}` }, `search ${search.folder}`),
    search.picture ? h("img", { src: search.picture, alt: "value of every trial, and what each setting matters", style: "max-width:100%" }) : null,
    h("div", { class: "wide" }, h("pre", {}, search.text))));
}

function renderSweep() {
  const runs = sweptRuns();
  const keys = CONTENT.columns.filter((key) => new Set(runs.map((run) => run.config[key])).size > 1).slice(0, MOST_AXES);
  if (runs.length < 3 || !keys.length) return fill("sweep", searchesFound());
  const metric = runs[0].main;
  const axes = [...keys.map((key) => axisOf(key, runs, (run) => settingOf(run, key))), axisOf(metric, runs, (run) => run.metrics[metric])];
  const x = (place) => MARGIN.side + (place * (WIDTH - 2 * MARGIN.side)) / (axes.length - 1);
  const y = (share) => HEIGHT - MARGIN.bottom - share * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const sign = runs[0].mode === "min" ? -1 : 1;
  const ranked = [...runs].sort((a, b) => sign * (a.metrics[metric] - b.metrics[metric]));
  fill("sweep", searchesFound(),
    h("p", { class: "dim" }, `${plural(runs.length, "run")} of ${runs[0].record.experiment ?? ""}; the better its ${metric}, the stronger a line. Enter or a click chooses a run.`),
    h("div", { class: "wide" }, s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": "parallel coordinates", style: "min-width:34rem;width:100%" },
      ...ranked.map((run, rank) => sweepLine(run, axes, x, y, rank / Math.max(1, ranked.length - 1))),
      ...axes.flatMap((axis, place) => drawnAxis(axis, x(place), y, place)))));
}

function sweepLine(run, axes, x, y, strength) {
  const path = axes.map((axis, place) => `${place ? "L" : "M"}${x(place).toFixed(1)} ${y(axis.at(axis.of(run))).toFixed(1)}`).join("");
  const chosen = STATE.selected.has(run.folder);
  const toggle = () => { choose([run], !STATE.selected.has(run.folder)); };
  return s("path", { class: "run", d: path, tabindex: "0", role: "checkbox", "aria-checked": String(chosen),
    "data-key": `sweep ${run.folder}`, "aria-label": `${run.name}: ${number(run.metrics[run.main])}`,
    stroke: chosen ? colour(run) : "currentColor", "stroke-opacity": (0.25 + 0.75 * strength ** 2).toFixed(2), onclick: toggle,
    onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); } } },
  s("title", {}, `${run.name}: ${number(run.metrics[run.main])}`));
}

function drawnAxis(axis, x, y, place) {
  const short = axis.title.length > 24 ? `…${axis.title.slice(-23)}` : axis.title;
  return [s("line", { class: "axis", x1: x, x2: x, y1: y(0), y2: y(1) }),
    s("text", { x, y: place % 2 ? 14 : 28, "text-anchor": "middle" }, short, s("title", {}, axis.title)),
    ...axis.ticks.map((tick) => s("text", { x: x + (place ? 5 : -5), y: y(axis.at(tick)) + 4, "text-anchor": place ? "start" : "end" }, String(typeof tick === "number" ? number(tick) : tick).slice(0, 16)))];
}
