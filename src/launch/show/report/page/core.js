"use strict";
// What all parts share: the content, what is chosen, and how elements are made. Text never becomes
// markup: it goes through `textContent` only.

let CONTENT = JSON.parse(document.getElementById("content").textContent);

const STATE = {
  selected: new Set(),  // folders of the runs that are overlaid
  sort: null,  // {key, down}
  filter: "",
  grouped: true,
  open: new Set(),  // groups whose seeds are shown, by the folder of the first
  shown: null,  // keys of the columns, null for those chosen by the page
  series: null,  // names of the curves, null for those chosen by the page
  smoothing: 0,
  logarithmic: false,
  full: false,  // whether pictures are as large as the page has them
  picture: null,  // iteration, null for the last
  pair: [null, null],  // folders of two runs
};

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f00"];
const MOST_CURVES = 24;

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined));
  return element;
}

/** Replaces what is in a place; the focus stays on the control with the same `data-key`. */
function fill(id, ...children) {
  const place = document.getElementById(id);
  const active = place.contains(document.activeElement) ? document.activeElement : null;
  const [key, caret] = [active?.dataset.key, active?.selectionStart];
  place.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined));
  const again = key ? place.querySelector(`[data-key="${CSS.escape(key)}"]`) : null;
  again?.focus();
  if (typeof caret === "number") again?.setSelectionRange?.(caret, caret);
  place.closest("section")?.toggleAttribute("hidden", place.childNodes.length === 0);
}

function number(value) {
  if (typeof value !== "number") return value ?? "";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return value.toExponential(2).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(5)));
}

/** A mean with the decimals that half the width of its interval supports. */
function withWidth({ mean, half_width: width }, sign = "") {
  if (width === null) return sign && mean > 0 ? sign + number(mean) : number(mean);
  if (width === 0) return `${mean > 0 ? sign : ""}${number(mean)} ± 0`;
  const decimals = Math.min(7, Math.max(0, 1 - Math.floor(Math.log10(width))));
  return `${mean > 0 ? sign : ""}${mean.toFixed(decimals)} ± ${width.toFixed(decimals)}`;
}

/** The name of a run in words; the number of a sweep's job says nothing by itself. */
function label(run) {
  return /(^|\/)\d+$/.test(run.name) && run.settings ? `${run.name} · ${run.settings} seed=${run.record.seed ?? ""}` : run.name;
}

/** What the runs of a group have in common: their settings, or their folders. */
function groupName(runs) {
  if (runs.length === 1) return label(runs[0]);
  const parts = runs.map((run) => run.name.split("/"));
  const common = parts[0].filter((part, place) => parts.every((other) => other[place] === part)).join("/");
  const seeds = new Set(runs.map((run) => run.record.seed)).size;
  return `${common || runs[0].settings || runs[0].name} (${seeds > 1 ? plural(seeds, "seed") : plural(runs.length, "run")})`;
}

function signed(value) {
  return (value > 0 ? "+" : "") + number(value);
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

function colour(run) {
  return COLOURS[[...STATE.selected].indexOf(run.folder) % COLOURS.length] ?? COLOURS[0];
}

function selectedRuns() {
  const byFolder = new Map(CONTENT.runs.map((run) => [run.folder, run]));
  return [...STATE.selected].map((folder) => byFolder.get(folder)).filter(Boolean);
}

function runButton(run, text = label(run)) {
  return h("button", { class: "plain link", "data-key": `run ${run.folder}`, title: run.folder, onclick: () => showRun(run) }, text);
}

function swatch(run) {
  return h("span", { class: "swatch", style: `background:${colour(run)}` });
}

/** The value of a CSS variable, for what is drawn on a canvas. */
function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
