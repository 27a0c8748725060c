"""What each part of the network that predicts maps is worth: every one added to those before.

    python benchmarks/pbr_parts.py --clean MATERIALS --segformer CHECKPOINT

The maps job of phase A at demo scale from the start, with a quarter of procedural game textures, on
the true albedo. Held-out materials and game textures, whole; the mean over the seeds with the least
and the most. Prints a table; `--out` keeps the runs, with their pictures.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from launch.compose import finalise

from launch.record.run import CONF, Run
from launch.train import worker

BEFORE = {"detail": 0, "padding": "zeros", "relief": False}
PARTS: dict[str, dict[str, Any]] = {
    "as it was": BEFORE,
    "+ branch at full resolution": BEFORE | {"detail": 16},
    "+ torus": BEFORE | {"detail": 16, "padding": "circular"},
    "+ relief": {"detail": 16, "padding": "circular", "relief": True},
    "+ usual for the class": {"detail": 16, "padding": "circular", "relief": True},
}
METRICS = (
    "roughness_l1",
    "metal_iou",
    "ao_l1",
    "height_l1",
    "rerender_l1",
    "maps_roll",
    "maps_seam",
)


def main() -> None:
    arguments = parsed()
    print(
        f"| | {' | '.join(f'{name} {domain}' for name in METRICS for domain in ('mat', 'sky'))} |"
    )
    print(f"|---|{2 * len(METRICS) * '---|'}")
    for place, (part, settings) in enumerate(PARTS.items()):
        if part.endswith("class") and not arguments.segformer:
            continue
        segformer = arguments.segformer if part.endswith("class") else None
        runs = []
        for seed in range(arguments.seeds):
            folder = arguments.out / f"{place}_{seed}"
            config = configured(arguments, settings, segformer, seed, folder)
            runs.append(trained(folder, config))
        print(f"| {part} | {' | '.join(cells(runs))} |", flush=True)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--clean", type=Path, help="folder of materials; procedural ones without it"
    )
    parser.add_argument("--segformer", help="checkpoint of phase A, for what is usual for a class")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=240)
    parser.add_argument("--out", type=Path, default=Path("runs/pbr_parts"))
    return parser.parse_args()


def configured(
    arguments: argparse.Namespace,
    settings: dict[str, Any],
    segformer: str | None,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """The maps job of phase A, on its own, with the given parts."""
    source = ["data=pbr/folder", f"data.clean.root={arguments.clean}"] if arguments.clean else []
    with initialize_config_dir(str(CONF), version_base=None):
        procedural = compose("launch", ["data=pbr/synthetic"]).data.game
        typed = ["+experiment=pbr/phase_a", f"run_dir={folder}", f"seed={seed}", *source]
        typed += ["data.game.root=."] if arguments.clean else []
        config = finalise(compose("launch", typed), typed)["rungs"]["maps"]
    data, module, trainer = config["data"], config["module"], config["trainer"]
    data |= {"game": {key: procedural[key] for key in procedural}, "game_share": 0.25}
    module["network"] |= {"weights": None, **settings}
    module["albedo"] = None
    module["segformer"] = None
    if segformer is not None:
        network = {"_target_": "launch.experiments.pbr.models.SegFormer", "encoder": "mit_b0"}
        module["segformer"] = network | {"weights": segformer}
    module["lr_scheduler"]["epochs"] = -(-arguments.updates * data["batch_size"] // 256)
    trainer |= {"threads": 1, "max_epochs": None, "max_iterations": arguments.updates}
    trainer["validate_every"] = arguments.updates
    return config


def trained(folder: Path, config: dict[str, Any]) -> dict[str, float]:
    """Its metrics at the end; a run that is there already is not made again."""
    run = Run(folder)
    if run.status != "completed":
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(json.dumps(config))
        if worker.work(run, config):
            raise SystemExit(f"{folder} failed")
    return run.record["metrics"]


def cells(runs: list[dict[str, float]]) -> list[str]:
    """Mean with the least and the most."""
    found = []
    for name in (f"{metric}_{domain}" for metric in METRICS for domain in ("mat", "sky")):
        values = [run[name] for run in runs if name in run]
        middle = sum(values) / max(1, len(values))
        found.append(f"{middle:.3f} ({min(values):.3f}-{max(values):.3f})" if values else "-")
    return found


if __name__ == "__main__":
    main()
