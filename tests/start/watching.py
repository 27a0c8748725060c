"""Callbacks that tests put into a training; `LAUNCH_TARGETS=tests` allows them."""

import time
from pathlib import Path

import lightning.pytorch as pl
from torch import nn
from torch.utils.data import Dataset


class BatchNormsAtRest(pl.Callback):
    """As in an evaluation: else they see how a batch is shared, each rank its own part."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        for module in pl_module.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


class KeysRead(pl.Callback):
    """Writes `epoch index` of every training sample that any rank reads, a line each."""

    def __init__(self, file: str) -> None:
        self.file = Path(file)

    def setup(self, trainer, pl_module, stage):
        data = trainer.datamodule
        if stage == "fit":
            data.train_set = Read(data.train_set, self.file)


class Seen(pl.Callback):
    """Writes what each rank trains with, a file a rank: its seed and learning rate."""

    def on_train_start(self, trainer, pl_module):
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        path = Path(trainer.default_root_dir, f"rank-{trainer.global_rank}.txt")
        path.write_text(f"{pl_module.seed} {rate}")


class Read(Dataset):
    def __init__(self, inner, file):
        self.inner, self.file = inner, file

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, key):
        with self.file.open("a") as file:
            file.write(f"{key[0]} {key[1]}\n")
        return self.inner[key]


class Hangs(pl.Callback):
    """After some samples of `train` or `validation` reading takes for ever; `file` says when."""

    def __init__(self, part: str, after: int, file: str) -> None:
        self.part, self.after, self.file = f"{part}_set", after, Path(file)

    def setup(self, trainer, pl_module, stage):
        data = trainer.datamodule
        if stage == "fit":
            setattr(data, self.part, Hanging(getattr(data, self.part), self.after, self.file))


class Hanging(Dataset):
    def __init__(self, inner, after, file):
        self.inner, self.left, self.file = inner, after, file

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, key):
        self.left -= 1
        if self.left < 0:
            self.file.touch()
            time.sleep(3600)
        return self.inner[key]
