// Curves of the chosen runs over one shared axis, with the events of their schedules drawn through.

const AXIS_WIDTH = 70;
const MOST_EVENTS = 40;
const CHARTS = new Map();  // name of a panel -> uPlot

function seriesNames() {
  return [...new Set(selectedRuns().flatMap((run) => Object.keys(run.series)))].sort();
}

/** Curves to begin with: main metrics and the objective. */
function shownSeries() {
  const names = seriesNames();
  if (STATE.series) return names.filter((name) => STATE.series.has(name));
  const mains = [...new Set(selectedRuns().map((run) => run.main))].slice(0, 3);
  const found = [...mains, "loss/total"].filter((name) => names.includes(name));
  return found.length ? found : names.slice(0, 2);
}

function smoothed(ys) {
  let average = 0, weight = 0;
  const rate = STATE.smoothing;
  return ys.map((y) => {
    if (y === null || !rate) return y;
    average = rate * average + (1 - rate) * y;
    weight = rate * weight + (1 - rate);
    return average / weight;
  });
}

function lastIteration(runs) {
  const ends = runs.flatMap((run) => Object.values(run.series).map(([xs]) => xs[xs.length - 1]));
  return Math.max(1, ...ends, ...runs.filter((run) => run.status === "running").map((run) => run.length ?? 0));
}

/** Events of the runs within their common axis, merged where they say the same. */
function mergedEvents(runs, end) {
  const found = new Map();
  for (const run of runs) {
    for (const [at, text] of run.events) {
      if (at > end) continue;
      const key = `${at} ${text}`;
      if (!found.has(key)) found.set(key, { at, text, runs: [] });
      found.get(key).runs.push(run);
    }
  }
  return [...found.values()].sort((a, b) => a.at - b.at).slice(0, MOST_EVENTS);
}

function renderCurves() {
  const runs = selectedRuns().slice(0, MOST_CURVES);
  for (const chart of CHARTS.values()) chart.destroy();
  CHARTS.clear();
  if (!CONTENT.runs.length) return fill("curves");
  if (!runs.length) return fill("curves", h("p", { class: "dim" }, "Choose runs in the table."));
  const end = lastIteration(runs);
  const events = mergedEvents(runs, end);
  const lines = [...new Set(events.map((event) => event.at))];
  const names = shownSeries();
  const shown = new Set(names);
  const toggle = (name) => (on) => { on ? shown.add(name) : shown.delete(name); STATE.series = shown; renderCurves(); };
  const open = document.querySelector("#curves details")?.open ?? false;
  const places = names.map((name) => ({ name, node: h("div") }));
  const scheduled = runs.find((run) => Object.keys(run.schedule).length);
  const schedule = h("div");
  fill("curves",
    h("div", { class: "bar" },
      h("label", {}, "smoothing", h("input", { type: "range", min: "0", max: "0.98", step: "0.02", value: String(STATE.smoothing), "data-key": "smoothing",
        oninput: (event) => { STATE.smoothing = Number(event.target.value); renderCurves(); } })),
      checkbox("logarithmic", STATE.logarithmic, (on) => { STATE.logarithmic = on; renderCurves(); }),
      h("span", { class: "dim" }, "drag to zoom, double click to go back, arrow keys to read values"),
      STATE.selected.size > MOST_CURVES ? h("span", { class: "bad" }, `only the first ${MOST_CURVES} chosen runs are drawn`) : null),
    h("details", { open }, h("summary", { "data-key": "curves" }, `curves (${names.length} of ${seriesNames().length})`),
      h("div", { class: "choices" }, seriesNames().map((name) => checkbox(name, shown.has(name), toggle(name), `curve ${name}`)))),
    h("div", { class: "legend" }, runs.map((run) => h("span", {}, swatch(run), runButton(run)))),
    places.map((place) => place.node), schedule,
    events.length ? h("ol", { class: "events" }, events.map((event) => h("li", {},
      h("b", {}, String(lines.indexOf(event.at) + 1)), ` ${event.at}: ${event.text}`,
      event.runs.length < runs.length ? h("span", { class: "dim" }, ` (${event.runs.length} of ${runs.length} runs)`) : null))) : null);
  const axis = { end, lines };
  for (const { name, node } of places) {
    const drawn = runs.filter((run) => run.series[name]);
    panel(node, name, drawn.map((run) => ({ label: label(run), colour: colour(run), data: [run.series[name][0], smoothed(run.series[name][1])] })), axis);
  }
  if (scheduled) renderSchedule(schedule, scheduled, axis);
}

/** Everything that a run schedules, each between 0 and its own maximum. */
function renderSchedule(node, run, axis) {
  const lines = Object.entries(run.schedule).map(([name, [xs, ys]], place) => {
    const top = Math.max(...ys.map(Math.abs)) || 1;
    const kept = xs.map((x, i) => [x, ys[i] / top]).filter(([x]) => x <= axis.end);
    return { label: name, colour: COLOURS[place % COLOURS.length], dash: place >= COLOURS.length ? [4, 3] : undefined,
      scale: top, data: [kept.map(([x]) => x), kept.map(([, y]) => y)] };
  });
  panel(node, `schedule of ${label(run)}`, lines, axis, "share of its maximum");
  node.append(h("div", { class: "legend" }, lines.map((line) => h("span", {},
    h("span", { class: "swatch", style: `background:${line.colour}` }), `${line.label} (1 = ${number(line.scale)})`))));
}

/** Distances between marks: iterations are whole. */
const WHOLE = [1, 10, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7].flatMap((power) => [power, 2 * power, 5 * power]);

function panel(node, title, lines, axis, unit = "") {
  const readout = h("span", { class: "readout", "aria-live": "polite" }, unit);
  const holder = h("div", { tabIndex: 0, role: "img", "aria-label": `${title} over the iteration; arrow keys read values` });
  node.className = "panel";
  node.append(h("h3", {}, title, readout), holder);
  const frame = [[0, axis.end], [null, null]];  // the same axis in every panel
  const logarithmic = STATE.logarithmic && !unit;
  const positive = (ys) => (logarithmic ? ys.map((y) => (y > 0 ? y : null)) : ys);
  const data = uPlot.join([frame, ...lines.map((line) => [line.data[0], positive(line.data[1])])]);
  const draws = data.slice(2).some((ys) => ys.some((y) => y !== null && y !== undefined));
  const chart = new uPlot({
    width: Math.max(280, node.clientWidth), height: 210, legend: { show: false }, cursor: { sync: { key: "iteration" }, points: { size: 6 } },
    scales: { x: { time: false }, y: { distr: logarithmic && draws ? 3 : 1 } },
    series: [{}, { show: false }, ...lines.map((line) => ({ label: line.label, stroke: line.colour, width: 1.8, dash: line.dash,
      spanGaps: true, points: { show: line.data[0].length < 30, size: 4 } }))],
    axes: [{ stroke: css("--dim"), label: "iteration", labelSize: 16, labelFont: "11px sans-serif", incrs: WHOLE, grid: { stroke: css("--line"), width: 0.5 }, ticks: { stroke: css("--line") } },
      { stroke: css("--dim"), size: AXIS_WIDTH, grid: { stroke: css("--line"), width: 0.5 }, ticks: { stroke: css("--line") },
        values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : number(tick))) }],
    hooks: { draw: [(u) => drawEvents(u, axis.lines)], setCursor: [(u) => read(u, lines, readout)] },
  }, data, holder);
  holder.addEventListener("keydown", (event) => step(event, chart));
  CHARTS.set(title, chart);
}

/** A dashed line through the panel at each event, with its number where there is room. */
function drawEvents(u, lines) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio || 1;
  let free = -Infinity;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = css("--accent");
  ctx.lineWidth = ratio;
  ctx.setLineDash([4 * ratio, 3 * ratio]);
  ctx.textAlign = "left";
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  lines.forEach((at, place) => {
    const x = Math.round(u.valToPos(at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (x < free) return;
    ctx.fillText(String(place + 1), x + 5 * ratio, bbox.top + 11 * ratio);
    free = x + 20 * ratio;
  });
  ctx.restore();
}

/** Values at or before the cursor, one for each curve. */
function read(u, lines, readout) {
  const place = u.cursor.idx;
  if (place === null || place === undefined) return;
  const values = lines.map((line, i) => {
    for (let at = place; at >= 0; at--) {
      const value = u.data[i + 2][at];
      if (value !== null && value !== undefined) return [line, value * (line.scale ?? 1)];
    }
    return null;
  }).filter(Boolean).slice(0, 12);
  readout.replaceChildren(`${u.data[0][place]}: `, ...values.flatMap(([line, value]) => [
    h("span", { title: line.label, style: `color:${line.colour}` }, "■ "), `${number(value)} `]));
}

function step(event, chart) {
  const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (!move) return;
  event.preventDefault();
  const last = chart.data[0].length - 1;
  const place = Math.min(last, Math.max(0, (chart.cursor.idx ?? (move > 0 ? -1 : last + 1)) + move));
  chart.setCursor({ left: chart.valToPos(chart.data[0][place], "x"), top: 10 });
}
