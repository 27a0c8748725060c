// The table of runs: sorts, filters, groups seeds, marks the best, chooses what is overlaid.

const MOST_METRICS = 5;

function columns() {
  const runs = CONTENT.runs;
  const mains = [...new Set(runs.map((run) => run.main).filter(Boolean))];
  const baselines = [...new Set(runs.map((run) => run.baseline).filter(Boolean))];
  const others = [...new Set(runs.flatMap((run) => Object.keys(run.metrics)))]
    .filter((name) => !mains.includes(name) && !baselines.includes(name));
  const record = (key) => ({ key, title: key, of: (run) => run.record[key] ?? "" });
  const modes = (name) => [...new Set(runs.filter((run) => run.main === name).map((run) => run.mode))];
  const arrow = (name) => modes(name).map((mode) => (mode === "min" ? " ↓" : " ↑")).join("");
  const metric = (name) => ({
    key: `metric ${name}`, title: name + arrow(name), numeric: true, metric: name, of: (run) => run.metrics[name] ?? "",
  });
  const found = [
    ...mains.map((name) => ({ ...metric(name), always: true })),
    ...baselines.map((name) => ({ ...metric(name), always: true })),
    ...(baselines.length ? [{ key: "over baseline", title: "against baseline", numeric: true, always: true, of: overBaseline }] : []),
    { key: "status", title: "status", always: true, of: (run) => run.status },
    ...["experiment", "rung", "task", "scale"].map(record),
    ...CONTENT.columns.map((key) => ({ key: `config ${key}`, title: key, config: true, of: (run) => settingOf(run, key) })),
    { ...record("seed"), numeric: true },
    ...others.map(metric),
    { key: "best", title: "best at", numeric: true, of: (run) => run.record.best?.iteration ?? "" },
    { ...record("iteration"), numeric: true },
    { key: "time", title: "time", numeric: true, of: (run) => run.seconds ?? "", show: duration },
    { key: "data", title: "data", of: (run) => run.record.data?.fingerprint ?? run.record.data?.name ?? "" },
  ];
  return found.filter((column) => column.always || differs(column));
}

function settingOf(run, key) {
  const text = run.config[key];
  if (text === undefined) return "";
  return text !== "" && !isNaN(text) ? Number(text) : text;
}

function differs(column) {
  return CONTENT.runs.length === 1 ? column.metric : new Set(CONTENT.runs.map((run) => String(column.of(run)))).size > 1;
}

function overBaseline(run) {
  const [value, base] = [run.metrics[run.main], run.metrics[run.baseline]];
  return typeof value === "number" && typeof base === "number" ? value - base : "";
}

/** Columns to begin with: a page of 68 metrics shows the main ones and the first few. */
function shownColumns() {
  const all = columns();
  if (STATE.shown) return all.filter((column) => STATE.shown.has(column.key));
  const counts = { metric: 0, config: 0 };
  return all.filter((column) => {
    if (column.key === "data" || column.always) return column.always;
    const kind = column.metric ? "metric" : column.config ? "config" : null;
    return !kind || counts[kind]++ < MOST_METRICS + (kind === "config" ? 3 : 0);
  });
}

function rowText(run) {
  return [run.name, run.folder, run.status, ...Object.values(run.record).filter((v) => typeof v === "string"),
    ...CONTENT.columns.map((key) => `${key}=${run.config[key] ?? ""}`)].join(" ").toLowerCase();
}

function visible(run) {
  return STATE.filter.toLowerCase().split(/\s+/).every((word) => rowText(run).includes(word));
}

/** Groups with their visible runs, in the order of the table. */
function tableGroups(list) {
  const column = list.find((entry) => entry.key === STATE.sort?.key);
  const name = { of: (run) => run.name };
  const value = (run) => (STATE.sort?.key === "name" ? name : column)?.of(run);
  const compare = (a, b) => {
    const [first, second] = [a, b].map((v) => (v === "" || v === "nan" || v === undefined ? null : v));
    if (first === null || second === null) return (first === null) - (second === null);
    const order = typeof first === "number" && typeof second === "number" ? first - second : String(first).localeCompare(String(second), "en", { numeric: true });
    return STATE.sort.down ? -order : order;
  };
  const groups = CONTENT.groups
    .flatMap((group) => (STATE.grouped ? [group] : group.members.map((member) => ({ members: [member], metrics: {} }))))
    .map((group) => ({ ...group, runs: group.members.map((member) => CONTENT.runs[member]).filter(visible) }))
    .filter((group) => group.runs.length);
  if (!STATE.sort) return groups;
  for (const group of groups) group.runs.sort((a, b) => compare(value(a), value(b)));
  const head = (group) => (column?.metric && group.runs.length > 1 ? group.metrics[column.metric]?.mean ?? "" : value(group.runs[0]));
  return groups.sort((a, b) => compare(head(a), head(b)));
}

function bestFolders() {
  const contested = CONTENT.verdicts.filter((verdict) => verdict.second);
  return new Set(contested.flatMap((verdict) => verdict.members.map((member) => CONTENT.runs[member].folder)));
}

function renderTable() {
  const list = shownColumns();
  const groups = tableGroups(list);
  const best = bestFolders();
  const count = groups.reduce((total, group) => total + group.runs.length, 0);
  const seeds = CONTENT.groups.some((group) => group.members.length > 1);
  fill("table",
    h("div", { class: "bar" },
      h("label", {}, "filter", h("input", { type: "search", "data-key": "filter", value: STATE.filter, placeholder: "words, such as failed lr=0.001",
        oninput: (event) => { STATE.filter = event.target.value; renderTable(); renderSweep(); } })),
      seeds ? checkbox("group seeds", STATE.grouped, (on) => { STATE.grouped = on; renderTable(); }) : null,
      h("span", { class: "dim", role: "status" }, `${plural(count, "run")} of ${CONTENT.runs.length}; ${STATE.selected.size} chosen for curves and pictures`),
      h("button", { "data-key": "none", onclick: () => choose(CONTENT.runs, false) }, "choose none")),
    columnChooser(list),
    h("div", { class: "wide", tabIndex: 0, role: "region", "aria-label": "table of runs" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", {}, "✓"), heading({ key: "name", title: "run" }), list.map(heading))),
      h("tbody", {}, groups.map((group) => groupRows(group, list, best))))));
}

function checkbox(text, checked, change, key = text) {
  return h("label", {}, h("input", { type: "checkbox", checked, "data-key": key, onchange: (event) => change(event.target.checked) }), text);
}

function columnChooser(list) {
  const shown = new Set(list.map((column) => column.key));
  const toggle = (key) => (on) => { STATE.shown = shown; on ? shown.add(key) : shown.delete(key); renderTable(); };
  const open = document.querySelector("#table details")?.open ?? false;
  return h("details", { open }, h("summary", { "data-key": "columns" }, `columns (${list.length} of ${columns().length} that differ)`),
    h("div", { class: "choices" }, columns().map((column) => checkbox(column.title, shown.has(column.key), toggle(column.key), `column ${column.key}`))));
}

function heading(column) {
  const sorted = STATE.sort?.key === column.key ? (STATE.sort.down ? "descending" : "ascending") : "none";
  const mark = { descending: " ▼", ascending: " ▲", none: "" }[sorted];
  const first = Boolean(column.metric) && column.title.endsWith("↑");
  const sort = () => { STATE.sort = { key: column.key, down: sorted === "none" ? first : sorted === "ascending" }; renderTable(); };
  return h("th", { "aria-sort": sorted, class: column.numeric ? "number" : "" },
    h("button", { class: "plain", "data-key": `sort ${column.key}`, onclick: sort }, column.title + mark));
}

function groupRows(group, list, best) {
  if (group.runs.length === 1) return [runRow(group.runs[0], list, best, "")];
  const key = group.runs[0].folder;
  const open = STATE.open.has(key);
  const toggle = () => { open ? STATE.open.delete(key) : STATE.open.add(key); renderTable(); };
  const chosen = group.runs.every((run) => STATE.selected.has(run.folder));
  const head = h("tr", { class: "group" + (group.runs.some((run) => best.has(run.folder)) ? " best" : "") },
    h("td", {}, selector(group.runs, chosen, groupName(group.runs))),
    h("td", { class: "name" }, h("button", { class: "plain", "aria-expanded": String(open), "data-key": `open ${key}`, onclick: toggle },
      `${open ? "▾" : "▸"} ${groupName(group.runs)}`), group.runs.some((run) => best.has(run.folder)) ? " ★" : ""),
    list.map((column) => groupCell(group, column)));
  return open ? [head, group.runs.map((run) => runRow(run, list, new Set(), "seed"))] : [head];
}

function groupCell(group, column) {
  const estimate = column.metric && group.metrics[column.metric];
  if (estimate) {
    return h("td", { class: "number", title: `mean of ${estimate.count}, 95 % interval` }, withWidth(estimate));
  }
  const { main, baseline } = group.runs[0];
  const [mean, base] = [group.metrics[main]?.mean, group.metrics[baseline]?.mean];
  if (column.key === "over baseline" && mean !== undefined && base !== undefined) return h("td", { class: "number" }, signed(mean - base));
  const values = [...new Set(group.runs.map((run) => column.of(run)))];
  const text = values.length === 1 ? cellText(values[0], column) : column.numeric && column.key !== "seed" ? "" : values.join(", ");
  return h("td", { class: column.numeric ? "number" : "text", title: text }, text);
}

function runRow(run, list, best, kind) {
  return h("tr", { class: kind + (best.has(run.folder) ? " best" : ""), "data-run": run.folder },
    h("td", {}, selector([run], STATE.selected.has(run.folder), run.name)),
    h("td", { class: "name" }, runButton(run), best.has(run.folder) ? h("span", { title: "best" }, " ★") : ""),
    list.map((column) => {
      const text = cellText(column.of(run), column);
      if (column.key === "status") return h("td", {}, h("span", { class: `status ${run.status}` }, text));
      return h("td", { class: column.numeric ? "number" : "text", title: text }, text);
    }));
}

function cellText(value, column) {
  if (column.show && value !== "") return column.show(value);
  if (column.key === "over baseline" && value !== "") return signed(value);
  return String(typeof value === "number" ? number(value) : value);
}

function selector(runs, checked, name) {
  const indeterminate = !checked && runs.some((run) => STATE.selected.has(run.folder));
  return h("input", { type: "checkbox", checked, indeterminate, "aria-label": `choose ${name}`, "data-key": `choose ${runs[0].folder}`,
    onchange: (event) => choose(runs, event.target.checked) });
}

function choose(runs, on) {
  for (const run of runs) on ? STATE.selected.add(run.folder) : STATE.selected.delete(run.folder);
  renderTable();
  renderSelection();
}
