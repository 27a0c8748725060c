// The first lines of the page, and what follows running jobs.

const FIRST_VERDICTS = 3;
const FIRST_CHOICE = 6;
const POLL = 3000;  // milliseconds

function renderHeader() {
  const counts = {};
  for (const run of CONTENT.runs) counts[run.status] = (counts[run.status] ?? 0) + 1;
  const states = Object.entries(counts).map(([status, count]) => `${count} ${status}`).join(", ");
  fill("facts", `${plural(CONTENT.runs.length, "run")}${states ? `: ${states}` : ""}; ${WATCH ? "followed" : "written"} ${CONTENT.written.replace("T", " ").slice(0, 19)} UTC`);
  const shown = CONTENT.verdicts.slice(0, FIRST_VERDICTS);
  const rest = CONTENT.verdicts.slice(FIRST_VERDICTS);
  fill("verdict", shown.map(verdictLine), rest.length ? h("details", {}, h("summary", { "data-key": "verdicts" }, `${rest.length} more comparisons`), rest.map(verdictLine)) : null);
  const notes = CONTENT.notes.map((note) => h("p", { class: "note" }, h("code", {}, note.where), ` ${note.what}`));
  fill("notes", notes.length > 3 ? h("details", {}, h("summary", { "data-key": "notes" }, plural(notes.length, "note")), notes) : notes);
}

/** Which is best, by how much over the second and over the baseline, and whether that shows. */
function verdictLine(verdict) {
  const run = CONTENT.runs[verdict.best];
  const members = verdict.members.map((member) => CONTENT.runs[member]);
  const better = verdict.mode === "min" ? "lower" : "higher";
  const mean = verdict.estimate.mean;
  const line = h("p", { class: "verdict" }, verdict.second ? "Best " : "", h("b", {}, verdict.metric), ` (${better} is better): `,
    runButton(run, groupName(members)), ` ${withWidth(verdict.estimate)}. `);
  if (verdict.second) line.append(leadText(verdict));
  if (verdict.baseline) {
    const gain = mean - verdict.baseline.value;
    const good = verdict.mode === "min" ? gain < 0 : gain > 0;
    line.append(h("span", { class: good ? "good" : "bad" }, `${signed(gain)} against ${verdict.baseline.name} ${number(verdict.baseline.value)}, ${good ? "better" : "not better"}. `));
  }
  if (members[0].record.rung) line.append(h("span", { class: "dim" }, `Rung ${members[0].record.rung}.`));
  return line;
}

function leadText(verdict) {
  const second = verdict.second.map((member) => CONTENT.runs[member]);
  const { mean, half_width: width } = verdict.lead;
  if (verdict.lead.mean === 0) return `The same as the second, ${groupName(second)}. `;
  const text = `${withWidth(verdict.lead, "+")} against the second, ${groupName(second)}`;
  if (width === null) return `${text} (one seed, so no interval). `;
  return Math.abs(mean) > width ? `${text}: a difference beyond the 95 % interval of the paired seeds. ` : `${text}: no difference beyond the 95 % interval of the paired seeds. `;
}

/** Runs to begin with: the best of the largest set, running ones, the second, then the first. */
function firstChoice() {
  const verdict = CONTENT.verdicts[0];
  const runs = CONTENT.runs;
  const picked = verdict ? [verdict.best, ...verdict.members, ...(verdict.second ?? [])].map((member) => runs[member]) : [];
  const alike = runs.filter((run) => !verdict || run.main === verdict.metric);
  const running = runs.filter((run) => run.status === "running");
  for (const run of [...picked.slice(0, 1), ...running, ...picked, ...alike]) {
    if (STATE.selected.size < FIRST_CHOICE) STATE.selected.add(run.folder);
  }
}

function renderSelection() {
  renderCurves();
  renderPictures();
  renderSweep();
  renderDifference();
}

function render() {
  renderHeader();
  renderTable();
  renderLadder();
  renderLineage();
  renderSelection();
}

async function follow() {
  try {
    const answer = await fetch("/content");
    const text = await answer.text();
    const fresh = JSON.parse(text);
    const changed = JSON.stringify({ ...fresh, written: "" }) !== JSON.stringify({ ...CONTENT, written: "", runs: CONTENT.runs.map(({ pictures, ...run }) => run) });
    if (changed) {
      CONTENT = fresh;
      PANELS = await (await fetch("/pictures")).json();
      if (!STATE.selected.size) firstChoice();
      render();
    } else {
      CONTENT.written = fresh.written;
      renderHeader();
    }
    document.body.dataset.followed = fresh.written;
  } catch {
    fill("facts", "The server of this page does not answer; it shows what was last known.");
  }
  setTimeout(follow, POLL);
}

if (CONTENT.verdicts[0]?.second) STATE.sort = { key: `metric ${CONTENT.verdicts[0].metric}`, down: CONTENT.verdicts[0].mode === "max" };
firstChoice();
render();
document.addEventListener("DOMContentLoaded", renderPictures);  // they come behind this script
document.body.dataset.ready = String(Math.round(performance.now()));
let resizing;
addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(renderCurves, 200); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", renderCurves);
if (WATCH) setTimeout(follow, POLL);
