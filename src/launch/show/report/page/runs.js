// One run in full, two runs against each other, and where runs come from.

function showRun(run) {
  const record = run.record;
  const code = (text) => (text ? h("code", {}, text) : null);
  const command = record.command ? h("div", {}, h("pre", {}, record.command), h("button", { onclick: (event) => copy(event, record.command) }, "copy")) : null;
  const data = Object.entries(record.data ?? {}).map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ");
  const commit = record.git ? `${String(record.git.commit).slice(0, 12)}${record.git.dirty ? " with changes" : ""}` : null;
  const facts = {
    status: h("span", { class: `status ${run.status}` }, run.status), error: run.status === "completed" ? null : record.error,
    repeat: command, resume: ["interrupted", "failed"].includes(run.status) ? code(`python -m launch resume=${run.folder}`) : null,
    folder: code(run.folder), experiment: [record.experiment, record.rung].filter(Boolean).join(" / "), seed: record.seed,
    iteration: record.iteration, time: duration(run.seconds), started: record.started, scale: record.scale, data,
    "best checkpoint": record.best ? `iteration ${record.best.iteration}, ${number(record.best.value)}` : null,
    "started from": run.parents.length ? run.parents.map((folder) => h("div", {}, parentName(folder))) : null,
    gates: rulesOf(run).length ? h("ul", { class: "tree" }, rulesOf(run).map((rule) => sentence(run, rule))) : null,
    commit: code(commit), versions: Object.entries(record.versions ?? {}).map(([name, version]) => `${name} ${version}`).join(", "),
    metrics: h("dl", {}, Object.entries(run.metrics).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(number(value)))])),
  };
  const dialog = document.getElementById("run");
  dialog.replaceChildren(h("form", { method: "dialog" }, h("h2", { id: "run-name", style: "border:0;margin:0;padding:0" }, label(run)), h("button", {}, "close")),
    h("dl", {}, Object.entries(facts).filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value instanceof Node || Array.isArray(value) ? value : String(value))])));
  if (!dialog.open) dialog.showModal();
}

async function copy(event, text) {
  const button = event.target;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(button.previousSibling);
    button.textContent = "selected";
  }
}

function parentName(folder) {
  const run = CONTENT.runs.find((other) => other.folder === folder);
  return run ? runButton(run) : h("code", {}, folder);
}

function renderDifference() {
  const runs = CONTENT.runs;
  if (runs.length < 2) return fill("difference");
  const contest = CONTENT.verdicts.find((verdict) => verdict.second);
  const first = contest ? [contest.best, contest.second[0]] : [0, 1];  // the best and the second
  const pair = first.map((place, i) => runs.find((run) => run.folder === STATE.pair[i]) ?? runs[place]);
  const pick = (i) => h("select", { "data-key": `pair ${i}`, "aria-label": `run ${i + 1}`, onchange: (event) => { STATE.pair = pair.map((run) => run.folder); STATE.pair[i] = event.target.value; renderDifference(); } },
    runs.map((run) => h("option", { value: run.folder, selected: run === pair[i] }, label(run))));
  const [left, right] = pair;
  const keys = [...new Set([...Object.keys(left.config), ...Object.keys(right.config)])].filter((key) => left.config[key] !== right.config[key]);
  const metrics = [...new Set([...Object.keys(left.metrics), ...Object.keys(right.metrics)])];
  const change = (name) => { const [a, b] = [left.metrics[name], right.metrics[name]]; return typeof a === "number" && typeof b === "number" ? signed(b - a) : ""; };
  fill("difference", h("div", { class: "bar" }, pick(0), pick(1)),
    h("details", { open: true }, h("summary", { "data-key": "settings" }, keys.length === 1 ? "1 setting differs" : `${keys.length} settings differ`), h("div", { class: "wide" }, h("table", {},
      h("thead", {}, h("tr", {}, ["setting", label(left), label(right)].map((text) => h("th", {}, text)))),
      h("tbody", {}, keys.map((key) => h("tr", {}, h("td", { class: "name" }, key), h("td", { class: "text", title: left.config[key] ?? "" }, left.config[key] ?? "–"), h("td", { class: "text", title: right.config[key] ?? "" }, right.config[key] ?? "–"))))))),
    h("details", { open: true }, h("summary", { "data-key": "metrics" }, plural(metrics.length, "metric")), h("div", { class: "wide" }, h("table", {},
      h("thead", {}, h("tr", {}, ["metric", label(left), label(right), "change"].map((text) => h("th", {}, text)))),
      h("tbody", {}, metrics.map((name) => h("tr", {}, h("td", { class: "name" }, name), [left, right].map((run) => h("td", { class: "number" }, String(number(run.metrics[name])))), h("td", { class: "number" }, change(name)))))))));
}

/** Every run that started from another, below the last of those it started from. */
function renderLineage() {
  const runs = new Map(CONTENT.runs.map((run) => [run.folder, run]));
  const children = new Map();
  for (const run of CONTENT.runs.filter((run) => run.parents.length)) {
    const over = run.parents[run.parents.length - 1];
    children.set(over, [...(children.get(over) ?? []), run]);
  }
  const roots = [...children.keys()].filter((folder) => !runs.get(folder)?.parents.length);
  const seen = new Set();
  const branch = (folder) => {
    if (seen.has(folder)) return null;
    seen.add(folder);
    const run = runs.get(folder);
    const value = run && typeof run.metrics[run.main] === "number" ? ` ${run.main} ${number(run.metrics[run.main])}` : "";
    const also = run && run.parents.length > 1 ? h("span", { class: "dim" }, " also from ", run.parents.slice(0, -1).map((parent) => [parentName(parent), " "])) : null;
    const under = (children.get(folder) ?? []).map((child) => branch(child.folder)).filter(Boolean);
    return h("li", {}, parentName(folder), h("span", { class: "dim" }, value), also, under.length ? h("ul", {}, under) : null);
  };
  fill("lineage", roots.length ? h("ul", { class: "tree" }, roots.map(branch)) : []);
}
