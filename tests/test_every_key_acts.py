"""Every number and switch of a configuration changes weights, metrics or files, or says why not."""

import copy
import hashlib

import pytest
import torch

from launch.record.run import Run
from launch.train import build
from launch.train.metrics_csv import read
from tests.test_experiments import composed

pytestmark = pytest.mark.slow

TINY = {
    "sr/gan_ramp": [
        "data.scenes=4", "data.size=128", "data.validation_images=1", "data.batch_size=2",
        "module.discriminator.channels=4", "module.warmup_iters=1",
        "losses.gan.start_iter=2", "losses.gan.target_iter=4", "losses.gan.loss_weight=0.01",
    ],
}  # fmt: skip

SILENT = {
    "sr/gan_ramp": {
        "trainer.max_epochs": "null, since the run is given in iterations",
        "trainer.checkpoint_every": "how often last.ckpt is replaced; its last content is the same",
        "trainer.image_every": "a run of six iterations draws its last validation only",
        "trainer.mask_every": "there are no masks",
        "trainer.threads": "read by the worker, and here no worker runs",
        "trainer.devices": "one CPU",
        "trainer.tf32": "for GPUs",
        "trainer.cudnn_benchmark": "for GPUs",
        "trainer.prefetch": "needs data.workers",
        "data.workers": "samples do not depend on who makes them",
        "module.tile": "larger than the pictures either way",
        "module.overlap": "no picture is tiled",
    },
}


def leaves(value, path=""):
    """`(path, value)` of every number and switch."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, bool | int | float) and not path.endswith("_partial_"):
        yield path, value


def other(value):
    """The opposite of a switch, twice a number."""
    return not value if isinstance(value, bool) else value * 2 or type(value)(1)


def changed(config, path):
    config = copy.deepcopy(config)
    *parents, last = path.split(".")
    node = config
    for key in parents:
        node = node[key]
    node[last] = other(node[last])
    return config


def outcome(config, folder):
    """What a training leaves: a digest of its weights, its log without the clock, its files."""
    folder.mkdir(parents=True)
    data, module = build.build_data(config), build.build_module(config)
    trainer, _ = build.build_trainer(Run(folder), config | {"logger": {}}, module)
    build.prepare_stream(module, data, 1, config["trainer"])
    trainer.fit(module, datamodule=data)
    digest = hashlib.sha256()
    tensors = [v for v in module.state_dict().values() if isinstance(v, torch.Tensor)]
    for tensor in tensors:
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    rows = [
        {name: cell for name, cell in row.items() if not name.startswith("health/")}
        for row in read(folder / "metrics.csv")
    ]
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    return digest.hexdigest(), rows, files


@pytest.mark.parametrize("experiment", TINY)
def test_every_key_acts_or_its_silence_has_a_reason(experiment, tmp_path):
    (config,) = composed(experiment, *TINY[experiment]).values()
    config["trainer"] |= {
        "accelerator": "cpu", "max_iterations": 6, "validate_every": 3, "log_every": 2,
        "image_every": 3, "checkpoint_every": 3,
    }  # fmt: skip
    parts = {name: config[name] for name in ("seed", "module", "losses", "ema", "data", "trainer")}
    before = outcome(copy.deepcopy(config), tmp_path / "as_it_is")
    silent = set()
    for path, _ in leaves(parts):
        try:
            after = outcome(changed(config, path), tmp_path / path)
        except Exception:  # refused is not silent
            continue
        silent |= {path} if after == before else set()
    unexplained = silent - SILENT[experiment].keys()
    assert not unexplained
