"""What a search has found: `search.csv`, `search.md` and a picture of history and importance."""

import csv
from collections import Counter
from pathlib import Path

import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from launch.record.storage import replacing, write
from launch.search.engine import CONSTRAINTS, ERROR, is_feasible
from launch.search.search import Search
from launch.tools.columns import markdown

SHOWN = 10
FEWEST = 4
"""Completed trials below which no importance is told."""

COLOURS = {"complete": "#0072B2", "pruned": "#E69F00", "fail": "#D55E00"}
WORDS = {"complete": "completed", "fail": "failed"}


def ranked(study: optuna.Study) -> list[FrozenTrial]:
    """Completed trials, the best first; those that violate a constraint come last."""
    sign = -1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(done, key=lambda t: (not is_feasible(t), sign * (t.value or 0.0), t.number))


def importances(study: optuna.Study) -> dict[str, float]:
    """Share of each key in what tells the best trials from the rest (PED-ANOVA, Watanabe 2023)."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(done) < FEWEST or len({t.value for t in done}) == 1:
        return {}
    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


def write_all(folder: Path, search: Search, metric: str, study: optuna.Study) -> None:
    """Write the three files; each trial as it stands now."""
    write_csv(folder, search, study)
    write(folder / "search.md", page(folder, search, metric, study))
    draw(folder, metric, study)


def write_csv(folder: Path, search: Search, study: optuna.Study) -> None:
    """A row per trial."""
    keys = list(search.space)
    with replacing(folder / "search.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("trial", "state", "value", *keys, "validations", "violation", "error"))
        for trial in study.get_trials(deepcopy=False):
            attributes = trial.user_attrs
            values = [trial.params.get(key, "") for key in keys]
            worst = max(attributes.get(CONSTRAINTS) or [""])
            told = (len(trial.intermediate_values), worst, attributes.get(ERROR, ""))
            value = "" if trial.value is None else trial.value
            writer.writerow((trial.number, word(trial), value, *values, *told))


def word(trial: FrozenTrial) -> str:
    name = str(trial.state.name).lower()
    return WORDS.get(name, name)


def page(folder: Path, search: Search, metric: str, study: optuna.Study) -> str:
    """The search as a page of Markdown."""
    counts = Counter(word(trial) for trial in study.get_trials(deepcopy=False))
    keys = list(search.space)
    rows = [
        (str(t.number), f"{t.value:.6g}", *(short(t.params[key]) for key in keys),
         "yes" if is_feasible(t) else "no", f"{folder.name}/{t.number:03d}")
        for t in ranked(study)[:SHOWN]
    ]  # fmt: skip
    shares = importances(study)
    parts = [
        f"# Search {search.name}",
        f"{counts.total()} of {search.trials} trials: "
        + ", ".join(f"{count} {state}" for state, count in sorted(counts.items())),
        markdown([("trial", metric, *keys, "constraints kept", "folder"), *rows]) if rows else "",
        markdown([("key", "importance"), *((k, f"{v:.2f}") for k, v in shares.items())])
        + "\n\nThe share of each key in what tells the best tenth of the trials from the rest."
        if shares
        else "",
        *failures(study),
        "Settings of every trial: `" + " ".join(search.shared) + "`",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def failures(study: optuna.Study) -> list[str]:
    failed = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    return [f"Trial {t.number} failed: {t.user_attrs.get(ERROR, '')}" for t in failed]


def draw(folder: Path, metric: str, study: optuna.Study) -> None:
    """Write `search.png`: value of every trial with the best so far, and importances."""
    shares = importances(study)
    figure = Figure((9 if shares else 5, 3.2), layout="constrained")
    axes = figure.subplots(1, 2 if shares else 1, squeeze=False)[0]
    history(axes[0], metric, study)
    if shares:
        names = list(reversed(shares))
        axes[1].barh(names, [shares[name] for name in names], color=COLOURS["complete"])
        axes[1].set_title("importance", fontsize=9, loc="left")
        axes[1].tick_params(labelsize=7)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    with replacing(folder / "search.png") as file:
        figure.savefig(file, format="png", dpi=130)


def history(ax: Axes, metric: str, study: optuna.Study) -> None:
    """Trials by number: completed, pruned at the value of their last validation, failed below."""
    trials = study.get_trials(deepcopy=False)
    for state in ("complete", "pruned"):
        found = {
            t.number: t.value
            for t in trials
            if t.state.name.lower() == state and t.value is not None
        }
        ax.plot([*found], [*found.values()], "o", markersize=4,
                color=COLOURS[state], label=WORDS.get(state, state))  # fmt: skip
    failed = [t.number for t in trials if t.state is TrialState.FAIL]
    for place, number in enumerate(failed):
        label = None if place else "failed"
        ax.axvline(number, color=COLOURS["fail"], linewidth=1, linestyle=":", label=label)
    ax.plot(*best_so_far(study), color="black", linewidth=1, drawstyle="steps-post", label="best")
    ax.set_xlabel("trial", fontsize=8)
    ax.set_title(metric, fontsize=9, loc="left")
    ax.tick_params(labelsize=7)
    ax.legend(fontsize=7, frameon=False)


def best_so_far(study: optuna.Study) -> tuple[list[int], list[float]]:
    """Best value among the feasible trials up to each number."""
    choose = max if study.direction == optuna.study.StudyDirection.MAXIMIZE else min
    numbers: list[int] = []
    values: list[float] = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if is_feasible(trial) and trial.value is not None:
            numbers.append(trial.number)
            values.append(choose([trial.value, *values[-1:]]))
    return numbers, values


def show(folder: Path, study: optuna.Study) -> int:
    """Print the page; returns 1 if no trial has completed, else 0."""
    print(f"\n{(folder / 'search.md').read_text()}\npicture: {folder / 'search.png'}")
    return int(not ranked(study))
