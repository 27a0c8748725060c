"""The first job of a phase: what is each pixel made of?"""

from torch import Tensor

from launch.experiments.pbr.adapters import merged
from launch.experiments.pbr.augment import CONFIDENT
from launch.experiments.pbr.evaluation import DOMAIN, by_domain
from launch.experiments.pbr.layers import UNKNOWN
from launch.experiments.pbr.phase import Batch, Phase, image_of, those
from launch.experiments.pbr.pictures import class_tile, row, tile
from launch.train.objective import Inputs


class Segmentation(Phase):
    """Trains a SegFormer on diffuse and normal.

    Args:
        losses: `ce` on labelled pixels, `pseudo` on game pixels whose class a teacher is sure of.
        network: (N, 6, H, W) -> logits of the classes.
    """

    kind = "seg"
    columns = ("diffuse", "predicted class", "true class")

    def loss_inputs(self, batch: Batch) -> dict[str, Inputs]:
        return self.terms(self.logits(batch), batch)

    def logits(self, batch: Batch) -> Tensor:
        return self.network(image_of(batch["diffuse"], batch["normal"]))

    def terms(self, logits: Tensor, batch: Batch) -> dict[str, Inputs]:
        pseudo = batch["pseudo"].masked_fill(batch["game"][:, None, None] == 0, UNKNOWN)
        confidence = batch["confidence"][:, 0]
        return {
            "ce": (logits, batch["classes"], self.class_weights),
            "pseudo": (logits, pseudo, self.class_weights, confidence),
        }

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        for suffix, part in by_domain(batch).items():
            logits = self.logits(part)
            labelled = (part["classes"] != UNKNOWN).flatten(1).any(dim=1)
            if labelled.any():
                truth = {"ce": self.terms(logits[labelled], those(part, labelled))["ce"]}
                self.add_validation_loss(suffix, truth, len(logits[labelled]))
            pred = logits.argmax(dim=1)
            self.tally.add_classes(suffix, pred, part["classes"])
            self.compare(suffix, pred, part)
            self.probe(suffix, "seg", lambda shown: self.logits(shown).softmax(dim=1), part)
            for i in self.to_draw(suffix, len(pred)):
                classes = [class_tile(pred[i]), class_tile(part["classes"][i])]
                self.panel.append(row(DOMAIN[suffix], [tile(part["diffuse"][i]), *classes]))

    def compare(self, suffix: str, pred: Tensor, part: Batch) -> None:
        """Where a teacher is sure: how many pixels agree with it, and how often it is right."""
        says, truth = part["pseudo"], part["classes"]
        sure = (says != UNKNOWN) & (part["confidence"][:, 0] > CONFIDENT)
        self.tally.add(f"teacher_agreement_{suffix}", pred == says, sure)
        self.tally.add(f"teacher_accuracy_{suffix}", says == truth, sure & (truth != UNKNOWN))

    def on_validation_epoch_end(self) -> None:
        self.conclude(self.tally.means() | self.tally.class_metrics(self.class_names))

    def weights(self) -> dict[str, Tensor]:
        """A plain SegFormer: adapters are added to the weights they adapt."""
        return merged(self.evaluated("network").state_dict())
