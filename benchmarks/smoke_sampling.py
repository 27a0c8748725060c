"""Quality of a trained smoke run against evaluations of the network per frame (NFE).

    python benchmarks/smoke_sampling.py RUN_DIR

The best checkpoint on the run's held-out clips, with the same noise for every solver.
"""

import argparse
from pathlib import Path

import torch
import yaml
from launch.experiments.smoke.module import SmokeFlow
from launch.experiments.smoke.rollout import Sampling
from launch.experiments.smoke.samplers import Method
from rich.console import Console
from rich.table import Table

from launch.train.build import build_data, build_module
from launch.train.weights import load_weights

SOLVERS: tuple[tuple[Method, int], ...] = (
    ("euler", 2),
    ("euler", 4),
    ("euler", 8),
    ("euler", 16),
    ("midpoint", 2),
    ("midpoint", 4),
    ("midpoint", 8),
    ("rk4", 1),
    ("rk4", 2),
    ("rk4", 4),
)
METRICS = ("rmse_smoke", "crps", "background_energy", "mass_ratio", "temporal_ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--samples", type=int, default=2)
    arguments = parser.parse_args()
    config = yaml.safe_load((arguments.run / "config.yaml").read_text())
    module, data = build_module(config), build_data(config)
    assert isinstance(module, SmokeFlow)
    load_weights(module, arguments.run / "checkpoints" / "best.ckpt", with_state=True)
    module.eval()
    data.setup("validate")
    batches = list(data.val_dataloader())
    table = Table("solver", "steps", "NFE", *METRICS)
    for method, steps in SOLVERS:
        module.sampling = Sampling(method, steps, samples=arguments.samples)
        found = measured(module, batches)
        values = (f"{found[name]:.4f}" for name in METRICS)
        table.add_row(method, str(steps), str(module.sampling.nfe), *values)
    Console().print(table)


@torch.inference_mode()
def measured(module: SmokeFlow, batches: list[dict[str, torch.Tensor]]) -> dict[str, float]:
    """Metrics of one validation."""
    module.on_validation_epoch_start()
    for number, batch in enumerate(batches):
        module.validation_step(batch, number)
    module.on_validation_epoch_end()
    return module.metrics


if __name__ == "__main__":
    main()
