import json
import os
from contextlib import suppress
from functools import reduce
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import OmegaConf
from safetensors.torch import save_file
from torch import nn

from launch.errors import ConfigError, MissingError
from launch.experiments.smoke.adapters import load_autoencoder
from launch.experiments.smoke.autoencoder import VQAutoencoder

# A VQ model of two levels in the names of taming-transformers: (name, shape of its weight)
WIDE, NARROW, EMBEDDED = 8, 4, 3


def block(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        f"{name}.norm1": (inputs,),
        f"{name}.conv1": (outputs, inputs, 3, 3),
        f"{name}.norm2": (outputs,),
        f"{name}.conv2": (outputs, outputs, 3, 3),
    }
    return shapes | ({f"{name}.nin_shortcut": (outputs, inputs, 1, 1)} if inputs != outputs else {})


def attention(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    parts = {f"{name}.{p}": (channels, channels, 1, 1) for p in ("q", "k", "v", "proj_out")}
    return {f"{name}.norm": (channels,)} | parts


def middle(name: str) -> dict[str, tuple[int, ...]]:
    return (
        block(f"{name}.mid.block_1", WIDE, WIDE)
        | attention(f"{name}.mid.attn_1", WIDE)
        | block(f"{name}.mid.block_2", WIDE, WIDE)
    )


def taming() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    shapes = {
        "encoder.conv_in": (NARROW, 3, 3, 3),
        **block("encoder.down.0.block.0", NARROW, NARROW),
        "encoder.down.0.downsample.conv": (NARROW, NARROW, 3, 3),
        **block("encoder.down.1.block.0", NARROW, WIDE),
        **attention("encoder.down.1.attn.0", WIDE),
        **middle("encoder"),
        "encoder.norm_out": (WIDE,),
        "encoder.conv_out": (EMBEDDED, WIDE, 3, 3),
        "quant_conv": (EMBEDDED, EMBEDDED, 1, 1),
        "post_quant_conv": (EMBEDDED, EMBEDDED, 1, 1),
        "decoder.conv_in": (WIDE, EMBEDDED, 3, 3),
        **middle("decoder"),
        **block("decoder.up.1.block.0", WIDE, WIDE),
        **attention("decoder.up.1.attn.0", WIDE),
        "decoder.up.1.upsample.conv": (WIDE, WIDE, 3, 3),
        **block("decoder.up.0.block.0", WIDE, NARROW),
        "decoder.norm_out": (NARROW,),
        "decoder.conv_out": (3, NARROW, 3, 3),
    }
    state = {"quantize.embedding.weight": torch.randn(16, EMBEDDED)}
    for name, shape in shapes.items():
        state[f"{name}.weight"] = torch.randn(shape) * (0.3 if len(shape) > 1 else 1.0)
        state[f"{name}.bias"] = 0.1 * torch.randn(shape[0])
    return state


DIFFUSERS = (
    ("mid.block_1.", "mid_block.resnets.0."),
    ("mid.block_2.", "mid_block.resnets.1."),
    ("mid.attn_1.", "mid_block.attentions.0."),
    ("down.0.block.", "down_blocks.0.resnets."),
    ("down.1.block.", "down_blocks.1.resnets."),
    ("down.1.attn.", "down_blocks.1.attentions."),
    ("down.0.downsample.", "down_blocks.0.downsamplers.0."),
    ("up.1.block.", "up_blocks.0.resnets."),
    ("up.0.block.", "up_blocks.1.resnets."),
    ("up.1.attn.", "up_blocks.0.attentions."),
    ("up.1.upsample.", "up_blocks.0.upsamplers.0."),
    ("norm_out.", "conv_norm_out."),
    ("nin_shortcut.", "conv_shortcut."),
    (".norm.", ".group_norm."),
    (".q.", ".to_q."),
    (".k.", ".to_k."),
    (".v.", ".to_v."),
    (".proj_out.", ".to_out.0."),
)


def diffusers_folder(folder, groups: int = 2, **settings):
    state = {}
    for original, tensor in taming().items():
        name = reduce(lambda text, pair: text.replace(*pair), DIFFUSERS, original)
        linear = any(f".{p}.weight" in name for p in ("to_q", "to_k", "to_v", "to_out.0"))
        state[name] = (tensor[:, :, 0, 0] if linear else tensor).contiguous()
    folder.mkdir()
    save_file(state, folder / "diffusion_pytorch_model.safetensors")
    config = {"_class_name": "VQModel", "norm_num_groups": groups} | settings
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def save(path, content):
    torch.save(content, path)
    return path


@pytest.fixture(autouse=True)
def two_groups(monkeypatch):
    """The published models have 32 groups, more than this one has channels."""
    monkeypatch.setattr("launch.experiments.smoke.adapters.GROUPS", 2)


def test_our_own_checkpoint_needs_nothing_but_the_file(tmp_path):
    autoencoder = VQAutoencoder(channels=8, halvings=1, latent_channels=2, codes=4)
    state = {f"autoencoder.{k}": v for k, v in autoencoder.state_dict().items()}
    content = {"state_dict": state, "autoencoder": autoencoder.settings}
    loaded = load_autoencoder(save(tmp_path / "a.ckpt", content))
    frames = torch.rand(1, 3, 8, 8)
    assert torch.equal(loaded.encode(frames), autoencoder.encode(frames))


def test_a_taming_checkpoint_loads_whole_without_its_losses(tmp_path):
    state = taming() | {"loss.discriminator.weight": torch.zeros(3)}
    vq = load_autoencoder(save(tmp_path / "t.ckpt", {"state_dict": state}))
    latent = vq.encode(torch.rand(2, 3, 16, 16))
    assert latent.shape == (2, EMBEDDED, 8, 8) and vq.factor == 2
    assert vq.decode(latent).shape == (2, 3, 16, 16)


def test_the_first_stage_of_a_latent_diffusion_checkpoint_is_taken(tmp_path):
    alone = load_autoencoder(save(tmp_path / "t.ckpt", taming()))
    state = {f"first_stage_model.{k}": v for k, v in taming().items()}
    state["model.diffusion_model.out.weight"] = torch.zeros(1)
    inside = load_autoencoder(save(tmp_path / "l.ckpt", {"state_dict": state}))
    frames = torch.rand(1, 3, 16, 16)
    assert torch.equal(alone.encode(frames), inside.encode(frames))


def test_a_diffusers_folder_is_the_same_model_under_other_names(tmp_path):
    theirs = load_autoencoder(diffusers_folder(tmp_path / "vq"))
    ours = load_autoencoder(save(tmp_path / "t.ckpt", taming()))
    frames = torch.rand(1, 3, 16, 16)
    latent = ours.encode(frames)
    torch.testing.assert_close(theirs.encode(frames), latent)
    torch.testing.assert_close(theirs.decode(latent), ours.decode(latent))


def test_latents_are_not_quantised_and_decoding_does_it(tmp_path):
    vq = load_autoencoder(save(tmp_path / "t.ckpt", taming()))
    codes = vq.quantize.embedding.weight
    nearly = codes[:4].T.reshape(1, EMBEDDED, 2, 2) + 1e-3
    exact = codes[:4].T.reshape(1, EMBEDDED, 2, 2)
    torch.testing.assert_close(vq.decode(nearly), vq.decode(exact))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("encoder.conv_out.weight"), "encoder.conv_out"),
        (lambda s: s.pop("encoder.conv_out.bias"), "1 tensors are missing"),
        (lambda s: s.update({"encoder.extra.weight": torch.zeros(2)}), "1 are unknown"),
        (lambda s: s.clear(), "no VQ or KL autoencoder"),
    ],
)
def test_a_checkpoint_of_another_shape_is_one_readable_message(tmp_path, change, said):
    state = taming()
    change(state)
    with pytest.raises(ConfigError, match=said):
        load_autoencoder(save(tmp_path / "t.ckpt", {"state_dict": state}))


def test_a_whole_model_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="0 tensors found"):
        load_autoencoder(save(tmp_path / "whole.ckpt", {"model": nn.Linear(1, 1)}))


class Malicious:
    """What unpickling would run."""

    def __init__(self, code, path):
        self.code, self.path = code, path

    def __reduce__(self):
        return self.code, (self.path,)


@pytest.mark.parametrize("code", [os.mkdir, os.system, Path.touch, exec])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_file_runs_nothing(tmp_path, code, zipped):
    made = tmp_path / "made"
    target = {os.system: f"touch {made}", exec: f"open({str(made)!r}, 'w')", Path.touch: made}
    content = {"state_dict": taming(), "x": Malicious(code, target.get(code, str(made)))}
    torch.save(content, tmp_path / "m.ckpt", _use_new_zipfile_serialization=zipped)
    with suppress(ConfigError):  # refused, or read without what is no tensor
        load_autoencoder(tmp_path / "m.ckpt")
    assert not made.exists()


def test_callbacks_and_settings_that_lightning_writes_are_passed_by(tmp_path):
    """Its early versions have the class of a callback as a key, and omegaconf's in settings."""
    content = {
        "state_dict": taming() | {"loss.logvar": torch.zeros(1)},
        "callbacks": {ModelCheckpoint: {"best_model_score": torch.tensor(1.0)}},
        "hyper_parameters": OmegaConf.create({"embed_dim": 3, "ddconfig": {"ch": [1, 2]}}),
        "epoch": 3,
    }
    vq = load_autoencoder(save(tmp_path / "l.ckpt", content))
    alone = load_autoencoder(save(tmp_path / "t.ckpt", taming()))
    frames = torch.rand(1, 3, 16, 16)
    assert torch.equal(vq.encode(frames), alone.encode(frames))


def prefixed(prefix):
    return {f"{prefix}{k}": v for k, v in taming().items()}


@pytest.mark.parametrize(
    "content",
    [
        {"model": prefixed("module.")},
        {"model_state_dict": prefixed("")},
        {"params_ema": prefixed("vqgan.")},
        {"state_dict": prefixed("first_stage_model.") | {"decoder.conv_in.weight": torch.ones(1)}},
        {"state_dict": prefixed("model.module."), "optimizer": {"state": {}}},
    ],
)
def test_containers_and_prefixes_of_training_programs_are_taken_off(tmp_path, content):
    loaded = load_autoencoder(save(tmp_path / "c.pth", content))
    assert all(torch.equal(v, taming()[k]) for k, v in loaded.state_dict().items())


def test_a_file_of_safetensors_is_enough(tmp_path):
    save_file(taming(), tmp_path / "vq.safetensors")
    assert load_autoencoder(tmp_path / "vq.safetensors").latent_channels == EMBEDDED


def test_the_latent_of_a_kl_autoencoder_is_the_mean_of_its_posterior(tmp_path):
    state = taming()
    for part in ("weight", "bias"):
        state[f"quant_conv.{part}"] = state[f"quant_conv.{part}"].repeat(
            2, *[1] * (state[f"quant_conv.{part}"].ndim - 1)
        )
    codes = state.pop("quantize.embedding.weight")
    kl = load_autoencoder(save(tmp_path / "kl.ckpt", {"state_dict": state}))
    vq = load_autoencoder(save(tmp_path / "vq.ckpt", taming()))
    frames = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(kl.encode(frames), vq.encode(frames))
    latent = codes[:4].T.reshape(1, EMBEDDED, 2, 2)
    torch.testing.assert_close(kl.decode(latent), vq.decode(latent))


def test_a_gumbel_model_decodes_the_code_of_highest_score(tmp_path):
    state = taming()
    codes = state.pop("quantize.embedding.weight")
    scores = torch.randn(16, EMBEDDED, 1, 1)
    gumbel = {"embed.weight": codes, "proj.weight": scores, "proj.bias": torch.randn(16)}
    state |= {f"quantize.{k}": v for k, v in gumbel.items()}
    model = load_autoencoder(save(tmp_path / "g.ckpt", {"state_dict": state}))
    vq = load_autoencoder(save(tmp_path / "vq.ckpt", taming()))
    latent = torch.randn(1, EMBEDDED, 4, 4)
    each = torch.einsum("kd,bdhw->bkhw", scores[..., 0, 0], latent)
    chosen = (each + gumbel["proj.bias"][:, None, None]).argmax(1)
    exact = codes[chosen].movedim(-1, 1)
    torch.testing.assert_close(model.decode(latent), vq.decode(exact))


@pytest.mark.parametrize("kind", ["AutoencoderKL", "VQModel"])
def test_models_of_diffusers_give_what_their_own_code_gives(tmp_path, kind):
    diffusers = pytest.importorskip("diffusers")
    settings = {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "block_out_channels": (8, 16),
        "latent_channels": EMBEDDED,
        "norm_num_groups": 4,
    }
    torch.manual_seed(0)
    theirs = getattr(diffusers, kind)(**settings).eval()
    theirs.save_pretrained(tmp_path / kind)
    ours = load_autoencoder(tmp_path / kind)
    frames = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        coded = theirs.encode(frames * 2 - 1)
        latent = coded.latent_dist.mean if kind == "AutoencoderKL" else coded.latents
        decoded = (theirs.decode(latent).sample + 1) / 2
        torch.testing.assert_close(ours.encode(frames), latent, atol=1e-5, rtol=0)
        torch.testing.assert_close(ours.decode(latent), decoded, atol=1e-5, rtol=0)


def test_other_models_of_diffusers_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="UNet2DModel"):
        load_autoencoder(diffusers_folder(tmp_path / "kl", _class_name="UNet2DModel"))


def test_missing_files_say_how_to_make_one(tmp_path):
    with pytest.raises(MissingError, match=r"\+experiment=smoke/autoencoder"):
        load_autoencoder(tmp_path / "none.ckpt")
    with pytest.raises(MissingError, match=r"needs config\.json"):
        load_autoencoder(tmp_path)
