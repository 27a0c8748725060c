"""Autoencoders from files: our own, and VQ, Gumbel VQ and KL models of other programs."""

import json
import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from launch.errors import ConfigError, MissingError
from launch.experiments.smoke.autoencoder import THEIRS, VQAutoencoder
from launch.experiments.smoke.ldm import LatentDiffusionAutoencoder
from launch.tools import model_files

GROUPS = 32
WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
KINDS = (
    "a checkpoint of +experiment=smoke/autoencoder, the folder of a diffusers VQModel or "
    "AutoencoderKL, or a checkpoint of a taming-transformers or latent-diffusion autoencoder"
)
PARTS = ("encoder.", "decoder.", "quantize.", "quant_conv.", "post_quant_conv.")
# from the names of diffusers to those of taming-transformers, in this order
RENAMED = (
    (r"\.mid_block\.resnets\.0\.", ".mid.block_1."),
    (r"\.mid_block\.resnets\.1\.", ".mid.block_2."),
    (r"\.mid_block\.attentions\.0\.", ".mid.attn_1."),
    (r"\.down_blocks\.(\d+)\.resnets\.", r".down.\1.block."),
    (r"\.down_blocks\.(\d+)\.attentions\.", r".down.\1.attn."),
    (r"\.down_blocks\.(\d+)\.downsamplers\.0\.", r".down.\1.downsample."),
    (r"\.up_blocks\.(\d+)\.resnets\.", r".up.\1.block."),
    (r"\.up_blocks\.(\d+)\.attentions\.", r".up.\1.attn."),
    (r"\.up_blocks\.(\d+)\.upsamplers\.0\.", r".up.\1.upsample."),
    (r"\.conv_norm_out\.", ".norm_out."),
    (r"\.conv_shortcut\.", ".nin_shortcut."),
    (r"\.group_norm\.", ".norm."),
    (r"\.(?:to_q|query)\.", ".q."),
    (r"\.(?:to_k|key)\.", ".k."),
    (r"\.(?:to_v|value)\.", ".v."),
    (r"\.(?:to_out\.0|proj_attn)\.", ".proj_out."),
)


def load_autoencoder(path: Path) -> nn.Module:
    """The autoencoder of a file or folder, with the architecture that it describes.

    Raises:
        MissingError: if there is no such file.
        ConfigError: if it is of no known kind, or its tensors do not make a whole autoencoder.
    """
    if not path.exists():
        raise MissingError(
            f"module.autoencoder: {path} does not exist; train one with "
            f"`python -m launch +experiment=smoke/autoencoder`, or give {KINDS}"
        )
    if path.is_dir():
        return _from_diffusers(path)
    content = model_files.read(path)
    if "autoencoder" in content:
        return _own(path, content)
    return _from_tensors(path, first_stage(content))


def first_stage(content: dict[str, Any]) -> dict[str, Tensor]:
    """Tensors of an autoencoder; of a whole latent-diffusion model those of its first stage."""
    state = model_files.unwrapped(content)
    prefixes = [k.removesuffix(THEIRS) for k in state if k.endswith(THEIRS)]
    best = min(prefixes, key=lambda p: ("first_stage" not in p, len(p)), default="")
    found = model_files.below(state, best)
    return {k: v for k, v in found.items() if k.startswith(PARTS)}


def _own(path: Path, content: dict[str, Any]) -> VQAutoencoder:
    autoencoder = VQAutoencoder(**content["autoencoder"])
    state, prefix = content["state_dict"], "autoencoder."
    own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    return _filled(path, autoencoder, own)


def _from_diffusers(folder: Path) -> LatentDiffusionAutoencoder:
    files = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    config = folder / "config.json"
    if not files or not config.is_file():
        raise MissingError(
            f"module.autoencoder: {folder} needs config.json and one of {', '.join(WEIGHTS)}"
        )
    settings = json.loads(config.read_text())
    kind, norm = settings.get("_class_name", "VQModel"), settings.get("norm_type", "group")
    if kind not in ("VQModel", "AutoencoderKL") or norm != "group":
        raise ConfigError(
            f"module.autoencoder: {folder} is a {kind} with {norm} norm; give {KINDS}"
        )
    state = first_stage(model_files.read(files[0]))
    return _from_tensors(folder, state, settings.get("norm_num_groups"))


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of diffusers under the names, and in the shapes, of taming-transformers."""
    levels = {m[1] for k in state if (m := re.match(r"decoder\.up_blocks\.(\d+)\.", k))}
    found = {}
    for name, tensor in state.items():
        for pattern, replacement in RENAMED:
            name = re.sub(pattern, replacement, name)  # noqa: PLW2901
        name = re.sub(r"\.up\.(\d+)", lambda m: f".up.{len(levels) - 1 - int(m[1])}", name)  # noqa: PLW2901
        linear = tensor.ndim == 2 and re.search(r"\.(q|k|v|proj_out)\.weight$", name)
        found[name] = tensor[:, :, None, None] if linear else tensor
    return found


def _from_tensors(
    path: Path, state: dict[str, Tensor], groups: int | None = None
) -> LatentDiffusionAutoencoder:
    if any(".mid_block." in name for name in state):
        state = _renamed(state)
    try:
        return _filled(path, LatentDiffusionAutoencoder(state, groups or GROUPS), state)
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"module.autoencoder: {path} is no VQ or KL autoencoder ({error} is missing or of "
            f"another shape, {len(state)} tensors found); give {KINDS}"
        ) from error


def _filled(path: Path, autoencoder: Any, state: dict[str, Tensor]) -> Any:
    """Load every tensor, none more and none less."""
    wanted = autoencoder.state_dict()
    wrong = [k for k in wanted if k not in state or state[k].shape != wanted[k].shape]
    surplus = sorted(state.keys() - wanted.keys())
    if wrong or surplus:
        raise ConfigError(
            f"module.autoencoder: {path} is of another architecture: {len(wrong)} tensors are "
            f"missing or of another shape ({', '.join(wrong[:3])}), {len(surplus)} are unknown "
            f"({', '.join(surplus[:3])})"
        )
    autoencoder.load_state_dict(state)
    return autoencoder
