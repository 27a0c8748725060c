"""Callbacks that tests of ranks put into a training; `LAUNCH_TARGETS=tests` allows them."""

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
