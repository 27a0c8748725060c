// Pictures of the chosen runs beside each other, at one iteration that a slider moves.

const MOST_PANELS = 12;
let PANELS = null;  // pictures of each run as the server last sent them; else they are in the page

function panelsOf(run) {
  const place = CONTENT.runs.indexOf(run);
  if (PANELS) return PANELS[place] ?? [];
  const stored = document.getElementById(`pictures-${place}`);  // comes behind the script
  if (stored) run.pictures ??= JSON.parse(stored.textContent);
  return run.pictures ?? [];
}

function renderPictures() {
  const runs = selectedRuns().filter((run) => panelsOf(run).length).slice(0, MOST_PANELS);
  if (!runs.length) return fill("pictures", STATE.selected.size ? h("p", { class: "dim" }, "The chosen runs have left no pictures.") : []);
  const stops = [...new Set(runs.flatMap((run) => panelsOf(run).map(([at]) => at)))].sort((a, b) => a - b);
  const now = STATE.picture ?? stops[stops.length - 1];
  const place = Math.max(0, stops.findLastIndex((at) => at <= now));
  const move = (event) => { STATE.picture = stops[Number(event.target.value)]; renderPictures(); };
  fill("pictures",
    h("div", { class: "bar" }, h("label", { hidden: stops.length < 2 }, "over the run", h("input", { type: "range", min: "0", max: String(stops.length - 1), value: String(place),
      "data-key": "slider", "aria-valuetext": `iteration ${stops[place]}`, oninput: move })), h("output", {}, `iteration ${stops[place]}`),
    h("span", { class: "dim" }, plural(stops.length, "picture")), checkbox("full size", STATE.full, (on) => { STATE.full = on; renderPictures(); })),
    h("div", { class: STATE.full ? "panels full" : "panels" }, runs.map((run) => figure(run, stops[place]))));
}

function figure(run, iteration) {
  const all = panelsOf(run);
  const [at, source] = all.findLast(([when]) => when <= iteration) ?? all[0];
  return h("figure", {}, h("img", { src: source, alt: `${run.name} at iteration ${at}` }),
    h("figcaption", {}, swatch(run), " ", runButton(run), ` at ${at}`));
}
