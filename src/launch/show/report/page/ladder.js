// Gate verdicts of ladders as a timeline: when each run trained, and what its gates said at the end.

const VERDICTS = { true: ["●", "good", "open"], false: ["✖", "bad", "closed"], null: ["○", "dim", "not judged"] };

function below(folder, run) {
  return run.folder === folder || run.folder.startsWith(`${folder}/`);
}

/** Rules of the gate that concern a run: its own, or those that its experiment has for its rung. */
function rulesOf(run) {
  const own = run.record.gate?.rules ?? [];
  const around = CONTENT.containers.filter((container) => below(container.folder, run)).flatMap((container) => container.gate?.rules ?? []);
  return [...own, ...around.filter((rule) => !rule.job || rule.job === run.record.rung)];
}

function renderLadder() {
  const known = CONTENT.ladders.map((ladder) => ({ ...ladder, runs: CONTENT.runs.filter((run) => below(ladder.folder, run)) }));
  const inside = new Set(known.flatMap((ladder) => ladder.runs));
  const alone = CONTENT.runs.filter((run) => !inside.has(run) && rulesOf(run).length);
  const all = alone.length ? [...known, { name: "", status: "", runs: alone }] : known;
  fill("ladder", all.filter((ladder) => ladder.runs.length).map(timeline));
}

function timeline(ladder) {
  const time = (text) => (text ? Date.parse(text) : NaN);
  const runs = ladder.runs.filter((run) => time(run.record.started));
  const start = Math.min(...runs.map((run) => time(run.record.started)));
  const stop = Math.max(start + 1000, ...runs.map((run) => time(run.record.ended) || time(CONTENT.written)));
  const share = (at) => (100 * (at - start)) / (stop - start);
  const words = h("ul", { class: "tree" });
  const told = runs.flatMap((run) => rulesOf(run).map((rule) => ({ run, rule })));
  words.append(...told.map(({ run, rule }) => sentence(run, rule)));
  const open = told.some(({ rule }) => rule.passed === false);
  return h("div", {}, ladder.name ? h("h3", {}, `${ladder.name} (${ladder.status}), ${duration((stop - start) / 1000)}`) : null,
    h("div", { class: "track" }, runs.flatMap((run) => {
      const [left, right] = [share(time(run.record.started)), share(time(run.record.ended) || stop)];
      const after = right > 75 ? `right:${100 - right}%` : `left:${right}%`;
      return [h("span", { class: "label" }, runButton(run)), h("div", { class: "lane" },
        h("span", { class: "span", style: `left:${left}%;width:${right - left}%`, title: `${run.status}, ${duration(run.seconds)}` }),
        h("span", { class: "gates", style: after }, rulesOf(run).map((rule) => mark(run, rule))))];
    })),
    h("details", { open }, h("summary", { "data-key": `gates ${ladder.name}` }, plural(told.length, "verdict")), words));
}

function verdictOf(rule) {
  return VERDICTS[String(rule.passed ?? null)] ?? VERDICTS.null;
}

function sentence(run, rule) {
  const [sign, kind, word] = verdictOf(rule);
  return h("li", {}, h("span", { class: kind }, `${sign} ${word}`), ` ${run.name}, ${rule.type}: ${rule.sentence ?? ""}${rule.action ? `; ${rule.action}` : ""}`);
}

function mark(run, rule) {
  const [sign, kind, word] = verdictOf(rule);
  const text = `${rule.type} ${word}: ${rule.sentence ?? ""}`;
  return h("button", { class: kind, title: text, "aria-label": text, "data-key": `gate ${run.folder} ${text}`, onclick: () => showRun(run) }, sign);
}
