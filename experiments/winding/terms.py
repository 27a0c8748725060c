"""The loss terms of a winding fit by name. Torch-free, so that a plan can be drawn fast."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """Where a loss lives, whether masks gate it, and its weight where the stages do not say."""

    loss: str
    honours_masks: bool = False
    weight: float = 0.0


TERMS: dict[str, Term] = {
    "data": Term("Data", honours_masks=True),
    "data_plain": Term("DataPlain", honours_masks=True),
    "data_grad": Term("DataGrad", honours_masks=True),
    "dir_v": Term("DirectionAlong", honours_masks=True, weight=1.0),
    "dir_conn": Term("DirectionAcross", honours_masks=True, weight=1.0),
    "gradmag": Term("GradMag", honours_masks=True),
    "step": Term("Step"),
    "smooth_x": Term("SmoothAcross"),
    "smooth_y": Term("SmoothAlong"),
    "meshoff_sy": Term("LinkChange"),
    "angle": Term("Angle"),
    "mean_pos": Term("MeanPosition"),
    "contr": Term("Contrast"),
    "mod_smooth_y": Term("ModulationSmooth", honours_masks=True),
    "z_straight": Term("SlicesStraight"),
    "z_link": Term("SlicesLinked"),
}
