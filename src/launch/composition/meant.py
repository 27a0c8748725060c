"""What a mistyped key, option or word was meant to be. Imports no torch."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from launch.composition import recipes
from launch.errors import ConfigError, LaunchError, nearest
from launch.losses import LOSSES
from launch.schedules import LOSS_WEIGHT_KEYS
from launch.source.signatures import signature

ELSEWHERE = {
    **dict.fromkeys(("learning_rate", "learningrate"), "lr"),
    **dict.fromkeys(("steps", "max_steps", "num_steps", "iters", "max_iters"), "max_iterations"),
    **dict.fromkeys(("epoch", "num_epochs"), "max_epochs"),
    **dict.fromkeys(("gpu", "gpus", "num_gpus", "ngpus"), "devices"),
    **dict.fromkeys(("device", "cuda"), "accelerator"),
    **dict.fromkeys(("batch", "bs", "batchsize"), "batch_size"),
    **dict.fromkeys(("num_workers", "n_workers"), "workers"),
    **dict.fromkeys(("ckpt", "checkpoint", "ckpt_path", "weights", "pretrained"), "from"),
    **dict.fromkeys(("output_dir", "out_dir", "save_dir", "log_dir"), "run_dir"),
    **dict.fromkeys(("fp16", "amp"), "precision"),
    "weight": "loss_weight",
}
"""What other programs call a key -> the last part of what it is called here."""

PLUGINS = {
    "hydra/launcher": ("joblib", "ray", "rq", "submitit_local", "submitit_slurm"),
    "hydra/sweeper": ("ax", "nevergrad", "optuna"),
}
"""Options that come with a package of their own, as hydra-submitit-launcher."""

AT_MOST = 12
"""Names that are listed; of more only some are named."""


# Keys


def key_meant(key: str, config: DictConfig, experiment: str) -> str:
    """A sentence on a key that is not there: what it is called, or how to get it; "" if unknown."""
    keys = sorted({*flatten(config), *recipes.groups()})
    if key.startswith("hydra."):
        below = key.rpartition(".")[0] + "."
        return like_name(key, [k for k in keys if k.startswith(below)], cutoff=0.6)
    return (
        may_be_added(key, config)
        or same_name(key, keys)
        or in_another_file(key, experiment)
        or nearest(key, keys)
        or like_name(key, keys)
    )


def same_name(key: str, keys: Iterable[str]) -> str:
    """Keys elsewhere whose last part is that of the mistyped one, or what others call it."""
    section, _, last = key.rpartition(".")
    wanted = {last, ELSEWHERE.get(last, last)}
    found = [k for k in keys if k.rpartition(".")[2] in wanted and k.split(".")[0] != "rungs"]
    near = [k for k in found if k.startswith(section)] or found
    return meant(sorted(near, key=lambda k: (k.count("."), "discriminator" in k, k))[:2])


def like_name(key: str, keys: Iterable[str], cutoff: float = 0.75) -> str:
    """The key whose last part is most like the mistyped one's."""
    lasts = {k.rpartition(".")[2]: k for k in keys}
    close = get_close_matches(key.rpartition(".")[2], lasts, n=1, cutoff=cutoff)
    return meant([lasts[name] for name in close])


def may_be_added(key: str, config: DictConfig) -> str:
    """How to add a key that a loss or a node takes but the experiment does not set."""
    parent, _, last = key.rpartition(".")
    if parent.startswith("losses.") and parent.count(".") == 1:
        loss = parent.removeprefix("losses.")
        if loss not in config.losses and loss in LOSSES:
            entry = f"'{{type: {loss}, {last}: VALUE}}'"
            return f" This experiment has no loss {loss!r}; add it with +losses.{loss}={entry}"
    node = OmegaConf.select(config, parent) if parent else None
    if node is None and parent in config:
        return f" {parent} is null here; type {parent}='{{{last}: VALUE}}'"
    return f" It can be added: +{key}=VALUE" if node is not None and last in takes(node) else ""


def takes(node: Any) -> set[str]:
    """The arguments of what a node names by `_target_`, or a loss by `type`."""
    if not isinstance(node, DictConfig):
        return set()
    target = node.get("_target_") or LOSSES.get(str(node.get("type")))
    try:
        found = signature(str(target)) if target else None
    except LaunchError:
        found = None
    weights = LOSS_WEIGHT_KEYS if "type" in node else set()
    return {*(found.arguments if found else ()), *weights}


def in_another_file(key: str, experiment: str) -> str:
    """A data set of this scenario that has the key, where the chosen one has not."""
    section, _, last = key.rpartition(".")
    if section not in ("", "data"):
        return ""
    for name in of_scenario(recipes.names("data"), experiment):
        for inner in option_keys("data", name):
            if inner.rpartition(".")[2] == last:
                return f" data={name} has it: type data={name} data.{inner}=VALUE"
    return ""


def option_keys(group: str, name: str) -> list[str]:
    """Dotted keys of an option's file."""
    for folder in recipes.folders():
        path = folder / group / f"{name}.yaml"
        if path.is_file():
            content = OmegaConf.create(recipes.load(path, path.stat().st_mtime_ns))
            return list(flatten(content)) if isinstance(content, DictConfig) else []
    return []


def flatten(config: DictConfig) -> Iterator[str]:
    """Dotted keys of a configuration, inner ones included."""
    content: Any = OmegaConf.to_container(config, resolve=False)
    yield from _flatten(content, "")


def _flatten(node: Any, prefix: str) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{prefix}{key}"
            yield from _flatten(value, f"{prefix}{key}.")


# Options


def option_meant(group: str, option: str, experiment: str) -> str:
    """A sentence on an option that no file has: what it is called, or how to get it."""
    known = recipes.names(group)
    if option in PLUGINS.get(group, ()):
        package = f"hydra-{option.partition('_')[0]}-{group.rpartition('/')[2]}"
        return f" It comes with a package of its own: pip install {package}"
    if group == "data" and option and Path(option).exists():
        folder = next((n for n in of_scenario(known, experiment) if n.endswith("/folder")), None)
        root = next((k for k in option_keys("data", str(folder)) if k.endswith("root")), "root")
        return f" Your files are data={folder} data.{root}={option}"
    above = [f for f in Path.cwd().parents if (f / "conf" / group / f"{option}.yaml").is_file()]
    if above:
        return f" It belongs to the project in {above[0]}: type cd {above[0]} first"
    below = [name for name in known if name.startswith(f"{option}/")]
    return (
        in_another_group(group, option)
        or (f" Below it there are {listed(below)}." if below else "")
        or nearest(option, of_scenario(known, experiment))
        or nearest(option, known)
        or f" Known: {listed(of_scenario(known, experiment))}."
    )


def in_another_group(group: str, option: str) -> str:
    """`ladder=pbr/phase_a` is an experiment, `experiment=pbr` is a ladder."""
    dashed = {"experiment": "+experiment", "ladder": "+ladder", "study": "-m +study"}
    others = [g for g in dashed if g != group and option in recipes.names(g)]
    return meant([f"{dashed[g]}={option}" for g in others]) if group in dashed else ""


def of_scenario(names: Iterable[str], experiment: str) -> list[str]:
    """The names that belong to the scenario of an experiment, all if there are none."""
    every = list(names)
    scenario = experiment.partition("/")[0]
    return [name for name in every if scenario and name.startswith(f"{scenario}/")] or every


def listed(names: list[str]) -> str:
    """All names if they are few, else one of each kind."""
    if len(names) <= AT_MOST:
        return ", ".join(names)
    kinds = {name.partition("/")[0]: name for name in reversed(names)}
    return f"{', '.join(sorted(kinds.values()))} and more; python -m launch lists all {len(names)}"


# Words


def refuse(arguments: list[str]) -> None:
    """
    Raises:
        ConfigError: for words that are no overrides, with what may have been meant.
    """
    words = [a for a in arguments if "=" not in a.strip("=") and not a.startswith("~")]
    if not words:
        return
    told = " ".join(words)
    if [word for word in words if word.endswith("=")] == words:
        raise ConfigError(f"{told} lacks its value; for none type {words[0]}null")
    if any(word.startswith("=") or word.endswith("=") for word in words):
        raise ConfigError(f"{told}: there are no spaces around =, as in KEY=VALUE")
    before = arguments[arguments.index(words[0]) - 1] if arguments.index(words[0]) else ""
    if before and before not in words and not word_meant(words[0]):
        raise ConfigError(f'{told}: a value with spaces takes quotes, "{before} {told}"')
    found = [guess for guess in map(word_meant, words) if guess]
    if {"help", "list", "ls"} & set(words):
        found = ["python -m launch, which lists what can be run"]
    raise ConfigError(
        f"{told}: arguments are KEY=VALUE.{meant(found[-1:], quote=str)}"
        if found
        else f"{told}: arguments are KEY=VALUE, such as +experiment=NAME; python -m launch lists "
        "what can be run"
    )


def word_meant(word: str) -> str:
    """The override that a bare word stands for; "" if it is none that is known."""
    for group, typed in (
        ("experiment", "+experiment"),
        ("ladder", "+ladder"),
        ("study", "-m +study"),
    ):
        if word in recipes.names(group):
            return f"{typed}={word}"
    tasks = ("train", "validate", "predict", "export", "inspect", "calibrate", "plan", "report")
    close = get_close_matches(word, [*tasks, "runs", "resume", "experiment", "from"], n=1)
    if close and close[0] in ("resume", "from"):
        return f"{close[0]}=RUN_DIR"
    if close:
        return "+experiment=NAME" if close[0] == "experiment" else f"task={close[0]}"
    return f"resume={word}" if (Path(word) / "run.json").is_file() else ""


def meant(found: list[str], quote: Any = repr) -> str:
    """The sentence that `launch.errors.nearest` says, of names that are found in another way."""
    return f" Did you mean {' or '.join(map(quote, found))}?" if found else ""
