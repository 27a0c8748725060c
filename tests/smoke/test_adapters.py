import json
from functools import reduce

import pytest
import torch
from launch.experiments.smoke.adapters import load_autoencoder
from launch.experiments.smoke.autoencoder import VQAutoencoder
from safetensors.torch import save_file
from torch import nn

from launch.errors import ConfigError, MissingError

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
        (lambda s: s.clear(), "no VQ autoencoder"),
    ],
)
def test_a_checkpoint_of_another_shape_is_one_readable_message(tmp_path, change, said):
    state = taming()
    change(state)
    with pytest.raises(ConfigError, match=said):
        load_autoencoder(save(tmp_path / "t.ckpt", {"state_dict": state}))


def test_pickled_code_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="tensors alone"):
        load_autoencoder(save(tmp_path / "evil.ckpt", {"model": nn.Linear(1, 1)}))


def test_other_models_of_diffusers_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="AutoencoderKL"):
        load_autoencoder(diffusers_folder(tmp_path / "kl", _class_name="AutoencoderKL"))


def test_missing_files_say_how_to_make_one(tmp_path):
    with pytest.raises(MissingError, match=r"\+experiment=smoke/autoencoder"):
        load_autoencoder(tmp_path / "none.ckpt")
    with pytest.raises(MissingError, match=r"needs config\.json"):
        load_autoencoder(tmp_path)
