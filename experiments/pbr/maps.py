"""The third job of a phase: roughness, metallic, ambient occlusion and height."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.trainer.states import TrainerFn
from pydantic import NonNegativeInt, PositiveFloat
from torch import Tensor, nn

from launch.experiments.pbr.albedo import albedo_terms, rooted
from launch.experiments.pbr.evaluation import DOMAIN, SUFFIX, by_domain
from launch.experiments.pbr.layers import SCALARS, TARGETS
from launch.experiments.pbr.models import condition_of
from launch.experiments.pbr.phase import Batch, Phase, image_of, those, truth_mask
from launch.experiments.pbr.pictures import class_tile, row, tile, unknown
from launch.experiments.pbr.predict import Settings, convert_folder, fingerprint
from launch.experiments.pbr.render import LIGHTS, LIT, render, reproduction_error, rerender_error
from launch.experiments.pbr.rules import checked
from launch.experiments.pbr.usual import examples
from launch.losses.structural import SSIM
from launch.train.objective import Inputs

Maps = dict[str, Tensor]
NOT_PREDICTED = "not predicted"


class MapsFromAlbedo(Phase):
    """Trains a U-Net with a head per map on albedo and normal.

    The albedo it sees is the true one at first, then the predicted one, detached; in the last
    `joint_epochs` the albedo network trains along, with its own loss. Whenever its L1 is worse in a
    validation than it was before, it gets its weights of then back.

    Args:
        losses: any of `roughness_l1`, `roughness_ssim`, `metallic_l1`, `metallic_bce`, `ao_l1`,
            `height_l1`, `height_tv`, and `albedo_l1` for the joint pass.
        network: (N, 6, H, W), condition, and in a conversion `relief` -> maps; see `MapsUNet`.
        albedo: this phase's, whose predictions are the input; null for the true albedo.
        segformer: this phase's, for FiLM and the classes of pixels; null leaves both out.
        metal: index of the class metal.
        true_albedo_epochs: epochs on the true albedo.
        joint_epochs, joint_rate: the joint pass, and its share of the learning rate.
        others: as in `Phase`.
    """

    kind = "u_maps"
    columns = ("diffuse", *TARGETS, "class", *LIT)

    def __init__(
        self,
        *,
        albedo: nn.Module | None = None,
        segformer: nn.Module | None = None,
        metal: NonNegativeInt = 4,
        true_albedo_epochs: NonNegativeInt = 0,
        joint_epochs: NonNegativeInt = 0,
        joint_rate: PositiveFloat = 0.25,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.albedo, self.segformer = self.freeze(albedo), self.freeze(segformer)
        self.metal, self.true_albedo_epochs = metal, true_albedo_epochs
        self.joint_epochs, self.joint_rate = joint_epochs, joint_rate
        self.kept_albedo: dict[str, Tensor] = {}  # from the joint pass on
        self.lowest_albedo_l1 = np.inf
        self.similarity = SSIM()
        self.map_means: Tensor | None = None

    def parameter_groups(self) -> list[Any]:
        """The albedo network has a group of its own, at `joint_rate` of the learning rate."""
        trainable = set(self.trainable_parameters())
        joint = [p for p in self.albedo.parameters() if p in trainable] if self.albedo else []
        own = [p for p in self.network.parameters() if p in trainable]
        groups: list[dict[str, Any]] = [{"params": own}]
        if joint:
            rate = self.optimizer.keywords["lr"] * self.joint_rate  # type: ignore[union-attr]
            groups.append({"params": joint, "lr": rate})
        return groups

    def setup(self, stage: str) -> None:
        """The network starts from what is usual in the data of its first phase."""
        super().setup(stage)
        data = getattr(self.trainer, "datamodule", None)
        if data is None or self.map_means is not None:
            return
        self.map_means = data.map_means()
        usual = getattr(self.network, "usual", None)
        known = {name for material in data.materials for name in material.truth}
        if usual is not None and not usual.is_fitted() and not known.isdisjoint(SCALARS):
            given = examples(data.materials, len(self.class_weights))
            usual.fit(*(part.to(self.device) for part in given))

    @property
    def learns(self) -> list[str]:
        return [name for name in SCALARS if any(term.startswith(name) for term in self.losses)]

    def forward(self, batch: Batch, true_albedo: bool = False) -> tuple[Maps, Tensor]:
        """All maps with the albedo, and the classes that pixels count as."""
        image, condition, classes = self.context(batch)
        if true_albedo or self.albedo is None:
            albedo = batch["albedo"]
        else:
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.is_joint()):
                albedo = self.albedo(image, condition)
        maps = self.network(image_of(albedo, batch["normal"]), condition)
        return maps | {"albedo": albedo}, classes

    def context(self, batch: Batch) -> tuple[Tensor, Tensor | None, Tensor]:
        image = image_of(batch["diffuse"], batch["normal"])
        if self.segformer is None:
            return image, None, batch["classes"]
        with torch.no_grad():
            logits = self.segformer(image)
        return image, condition_of(logits, batch["game"]), logits.argmax(dim=1)

    def loss_inputs(self, batch: Batch) -> dict[str, Inputs]:
        pred, classes = self(batch, true_albedo=self.epoch < self.true_albedo_epochs)
        return self.terms(pred, batch, classes)

    def terms(self, pred: Maps, batch: Batch, classes: Tensor) -> dict[str, Inputs]:
        """Inputs of the terms; pixels count by their class where the map is known."""
        weights = self.pixel_weights(classes)
        known = {name: truth_mask(batch, name) for name in SCALARS}
        expected = (classes == self.metal)[:, None].float()
        values = bounded(pred)
        return {
            f"{name}_l1": (values[name], batch[name], known[name] * weights) for name in SCALARS
        } | {
            "roughness_ssim": (pred["roughness"], batch["roughness"], known["roughness"]),
            "metallic_bce": (pred["metallic"], batch["metallic"], known["metallic"], expected),
            "height_tv": (pred["height"], None, known["height"]),
            "albedo_l1": albedo_terms(pred["albedo"], batch, weights)["l1"],
        }

    # The joint pass

    def is_joint(self) -> bool:
        """Whether this epoch is one of the last, in which the albedo network trains along."""
        joint = self.albedo is not None and self.joint_epochs > 0
        return joint and self.epoch >= self.epochs - self.joint_epochs

    def train(self, mode: bool = True) -> "MapsFromAlbedo":
        """The albedo network stays in evaluation mode until it trains."""
        super().train(mode)
        if self.albedo is not None and not self.is_joint():
            self.albedo.eval()
        return self

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        if self.is_joint() and not self.kept_albedo:
            self.kept_albedo = self.albedo_state()
            self.train()

    def albedo_state(self) -> dict[str, Tensor]:
        """A copy of the albedo network's state."""
        assert self.albedo is not None
        return {name: value.clone() for name, value in self.albedo.state_dict().items()}

    def took_albedo_back(self, metrics: dict[str, float]) -> bool:
        """After an epoch of the joint pass: keep the albedo network, or take its training back."""
        found = [metrics[n] for n in (f"albedo_l1_{suffix}" for suffix in SUFFIX) if n in metrics]
        value = self.trainer.strategy.broadcast(sum(found) / max(1, len(found)))
        if not self.kept_albedo:  # it has not trained yet
            self.lowest_albedo_l1 = value
            return False
        worse = not value <= self.lowest_albedo_l1  # NaN is worse
        if worse:
            self.albedo.load_state_dict(self.kept_albedo)  # type: ignore[union-attr]
        else:
            self.kept_albedo, self.lowest_albedo_l1 = self.albedo_state(), value
        return worse

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["kept_albedo"] = self.kept_albedo
        checkpoint["lowest_albedo_l1"] = float(self.lowest_albedo_l1)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.kept_albedo = checkpoint["kept_albedo"]
        self.lowest_albedo_l1 = checkpoint["lowest_albedo_l1"]

    # Evaluation

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        for suffix, part in by_domain(batch).items():
            pred, classes = self(part)
            known = [truth_mask(part, name) for name in self.learns]
            there = torch.cat(known, dim=1).flatten(1).any(dim=1)
            if there.any():
                terms = self.terms(those(pred, there), those(part, there), classes[there])
                self.add_validation_loss(suffix, terms, int(there.sum()))
            probabilities = bounded(pred)
            if part["truth"][:, 1:].any():
                self.measure(suffix, probabilities, part, classes)
            self.probe(suffix, "maps", self.shown, part)
            material = probabilities | {"normal": part["normal"]}
            error = reproduction_error(material, part["diffuse"])
            self.tally.add(f"maps_reproduction_{suffix}", error)
            for i in self.to_draw(suffix, len(classes)):
                self.draw(suffix, probabilities, part, classes, i)

    def shown(self, batch: Batch) -> Tensor:
        """The four maps, (N, 4, H, W)."""
        maps = bounded(self(batch)[0])
        return torch.cat([maps[name] for name in SCALARS], dim=1)

    def measure(self, suffix: str, pred: Maps, part: Batch, classes: Tensor) -> None:
        for place, name in enumerate(SCALARS):
            known, target = truth_mask(part, name), part[name]
            difference = pred[name] - target
            self.tally.add(f"{name}_l1_{suffix}", difference.abs(), known)
            self.tally.add(f"{name}_rmse_{suffix}", difference.square(), known)
            if self.map_means is not None:
                mean = self.map_means.to(target)[classes.clamp(max=len(self.map_means) - 1), place]
                self.tally.add(f"{name}_l1_{suffix}_mean", (mean[:, None] - target).abs(), known)
            if (whole := known.flatten(1).all(dim=1)).any():
                unlike = self.similarity(pred[name][whole].clamp(0, 1), target[whole])
                self.tally.add(f"{name}_ssim_{suffix}", (1 - unlike).expand(int(whole.sum())))
        self.measure_together(suffix, pred, part)

    def measure_together(self, suffix: str, pred: Maps, part: Batch) -> None:
        """Metal as a decision, the look under several lights, and roughness read off brightness."""
        known = truth_mask(part, "metallic")
        self.tally.add_metal(suffix, pred["metallic"], part["metallic"], known)
        everything = part["truth"].min(dim=1, keepdim=True).values
        normal = {"normal": part["normal"]}
        error = rerender_error(pred | normal, part)
        self.tally.add(f"rerender_l1_{suffix}", error, everything)
        dark = 1 - part["diffuse"].mean(dim=1, keepdim=True)
        luma = (dark - part["roughness"]).abs()
        self.tally.add(f"roughness_l1_{suffix}_luma", luma, truth_mask(part, "roughness"))
        colour = (pred["albedo"] - part["albedo"]).abs().mean(dim=1, keepdim=True)
        self.tally.add(f"albedo_l1_{suffix}", colour, truth_mask(part, "albedo"))

    def draw(self, suffix: str, pred: Maps, part: Batch, classes: Tensor, i: int) -> None:
        """The prediction of texture i, and the truth below it where there is any."""
        named = class_tile(classes[i]) if self.segformer else unknown(NOT_PREDICTED)
        given = () if self.albedo else ("albedo",)
        self.panel.append(look(f"{DOMAIN[suffix]}\npredicted", pred, part, named, i, given))
        if part["truth"][i].any():
            missing = [name for name in TARGETS if not truth_mask(part, name)[i].any()]
            named = class_tile(part["classes"][i])
            self.panel.append(look("true", part, part, named, i, missing, "unknown"))

    def on_validation_epoch_end(self) -> None:
        metrics, training = self.measured(), {}
        if self.trainer.state.fn == TrainerFn.FITTING:
            taken_back = self.took_albedo_back(metrics)
            training = {"albedo_taken_back": float(taken_back)} if self.kept_albedo else {}
            metrics = self.measured_again() if taken_back else metrics
        self.conclude(metrics, training)

    def measured(self) -> dict[str, float]:
        return rooted(self.tally.means()) | self.tally.metal_metrics()

    def measured_again(self) -> dict[str, float]:
        """Metrics of the weights that the checkpoint of this validation will hold."""
        self.on_validation_epoch_start()
        strategy, count = self.trainer.strategy, int(sum(self.trainer.num_val_batches))
        batches: Any = self.trainer.val_dataloaders
        for i, batch in enumerate(islice(batches, count)):
            given = strategy.precision_plugin.convert_input(batch)
            strategy.validation_step(strategy.batch_to_device(given), i)
        return self.measured()

    # Use

    def weights(self) -> dict[str, Tensor]:
        return self.evaluated("network").state_dict()

    def predict(self, source: Path, destination: Path, **choices: Any) -> dict[str, float]:
        """PBR textures for the folder of a game or a mod; choices are those of `Settings`."""
        settings = checked(Settings, choices, "predict")
        return convert_folder(self, fingerprint(self), source, destination, settings)

    def game_condition(self, image: Tensor) -> Tensor | None:
        """Condition of a whole game texture, (1, 6, H, W)."""
        if self.segformer is None:
            return None
        logits = self.segformer(image.to(self.device))
        return condition_of(logits, logits.new_ones(1))

    def convert(self, image: Tensor, condition: Tensor | None, relief: Tensor) -> Tensor:
        """Diffuse and normal (N, 6, H, W) -> albedo and the four maps (N, 7, H, W).

        Args:
            relief: that of the whole texture in this part of it, (N, 1, H, W).
        """
        image = image.to(self.device)
        condition = None if condition is None else condition.to(self.device)
        albedo = self.albedo(image, condition) if self.albedo else image[:, :3]
        maps = self.network(image_of(albedo, image[:, 3:]), condition, relief.to(self.device))
        maps["metallic"] = maps["metallic"].sigmoid()
        return torch.cat([albedo, *(maps[name] for name in SCALARS)], dim=1).clamp(0, 1).cpu()


def bounded(maps: Maps) -> Maps:
    """Metallic as a probability."""
    return maps | {"metallic": maps["metallic"].sigmoid()}


def look(
    name: str,
    maps: Maps,
    part: Batch,
    named: np.ndarray,
    i: int,
    missing: Sequence[str],
    reason: str = NOT_PREDICTED,
) -> np.ndarray:
    """Diffuse, maps, a tile of the class, and what texture i looks like under a moving light.

    Args:
        missing: maps in whose place the reason stands, as in that of the look, which needs all.
    """
    material = {key: maps[key][i : i + 1] for key in TARGETS}
    tiles = [unknown(reason) if k in missing else tile(v[0]) for k, v in material.items()]
    lit = [render(material | {"normal": part["normal"][i : i + 1]}, *at)[0] for at in LIGHTS]
    looks = [unknown(reason) if missing else tile(image) for image in lit]
    return row(name, [tile(part["diffuse"][i]), *tiles, named, *looks])
