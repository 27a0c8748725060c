"""Any container, any prefix: the tensors come out and fit; code that a file brings never runs."""

import json
import os
import pathlib
import pickle
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from spandrel.architectures.ESRGAN import ESRGAN
from timm import create_model
from torch import nn

from launch.errors import ConfigError, LaunchError, MissingError
from launch.tools.model_files import load, require, tensors


class Callback:
    """What a checkpoint of another program holds beside its tensors."""

    def __init__(self):
        self.best = 0.5


class Malicious:
    """A pickle that makes a file when it is loaded as Python would."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def network(seed=0, channels=3):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def zeros(state):
    return {name: torch.zeros_like(value) for name, value in state.items()}


def prefixed(prefix, state):
    return {prefix + name: value for name, value in state.items()}


CONTAINERS = {
    "bare": lambda s: s,
    "ordered": OrderedDict,
    "params": lambda s: {"params": s},
    "params_ema": lambda s: {"params": zeros(s), "params_ema": s},
    "state_dict": lambda s: {"state_dict": s, "epoch": 3, "arch": "resnet"},
    "model": lambda s: {"model": prefixed("module.", s)},
    "module": lambda s: prefixed("module.", s),
    "compiled": lambda s: prefixed("module._orig_mod.", s),
    "timm": lambda s: {"state_dict": zeros(s), "state_dict_ema": s},
    "lightning": lambda s: {
        "state_dict": prefixed("generator.", s) | {"discriminator.weight": torch.ones(1)},
        "callbacks": {Callback: {"best": 1}, "other": Callback()},
        "hyper_parameters": {"folder": pathlib.Path("data")},
    },
    "compiled, then parallel": lambda s: prefixed("_orig_mod.module.", s),
    "averages alone": lambda s: {"ema": s},
    "averages beside": lambda s: {"ema_model": s, "model": zeros(s)},
    "averages by their shadow": lambda s: {"model": zeros(s), "ema": {"decay": 0.9, "shadow": s}},
    "averages by prefix": lambda s: {
        "state_dict": prefixed("model.", zeros(s)) | prefixed("model_ema.", s)
    },
    "stochastic averages": lambda s: {"n_averaged": torch.tensor(3)} | prefixed("module.", s),
    "no averages yet": lambda s: {"params": s, "params_ema": None},
    "parameters": lambda s: {k: nn.Parameter(v, v.is_floating_point()) for k, v in s.items()},
    "double": lambda s: {k: v.double() if v.is_floating_point() else v for k, v in s.items()},
    "own": lambda s: {
        "state_dict": prefixed("network.", zeros(s)) | prefixed("ema.network.", s),
        "iteration": 7,
    },
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("old_format", [False, True])
def test_every_container_is_unwrapped(tmp_path, container, old_format):
    if old_format and container == "lightning":
        pytest.skip("no file of 2019 holds classes of today")
    original, fresh = network(0), network(1)
    content = CONTAINERS[container](original.state_dict())
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=not old_format)
    load(fresh, tmp_path / "a.pth")
    for name, value in original.state_dict().items():
        torch.testing.assert_close(fresh.state_dict()[name], value, atol=0, rtol=0)


@pytest.mark.parametrize("prefix", ["", "module.", "network.", "model.backbone."])
def test_safetensors(tmp_path, prefix):
    original, fresh = network(0), network(1)
    save_file(prefixed(prefix, original.state_dict()), tmp_path / "a.safetensors")
    load(fresh, tmp_path / "a.safetensors")
    torch.testing.assert_close(fresh.state_dict(), original.state_dict())


@pytest.mark.parametrize(("kind", "error"), [(torch.float16, 1e-3), (torch.bfloat16, 1e-2)])
def test_half_precision(tmp_path, kind, error):
    state = network(0).state_dict()
    half = {k: v.to(kind) if v.is_floating_point() else v for k, v in state.items()}
    save_file(half, tmp_path / "a.safetensors", metadata={"format": "pt", "epoch": "3"})
    fresh = network(1)
    load(fresh, tmp_path / "a.safetensors")
    assert fresh[0].weight.dtype == torch.float32
    torch.testing.assert_close(fresh.state_dict(), state, atol=error, rtol=0)


@pytest.mark.parametrize("name", ["a.SAFETENSORS", "a.pth", "a"])
def test_safetensors_are_known_by_their_content(tmp_path, name):
    state = network(0).state_dict()
    save_file(state, tmp_path / name)
    torch.testing.assert_close(tensors(tmp_path / name), dict(state))


def sharded(folder):
    """A checkpoint in two files and its index, as transformers and diffusers write large ones."""
    state = network(0).state_dict()
    parts = {name: f"model-{1 + (n > 3)}-of-2.safetensors" for n, name in enumerate(state)}
    for file in set(parts.values()):
        save_file({k: v for k, v in state.items() if parts[k] == file}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": parts}))
    return index


def test_a_checkpoint_in_several_files_is_whole(tmp_path):
    fresh = network(1)
    load(fresh, sharded(tmp_path))
    torch.testing.assert_close(fresh.state_dict(), network(0).state_dict())


def test_an_index_of_files_that_are_not_there_or_elsewhere(tmp_path):
    index = sharded(tmp_path)
    (tmp_path / "model-2-of-2.safetensors").unlink()
    with pytest.raises(MissingError, match=r"there is no model file .*model-2-of-2"):
        tensors(index)
    index.write_text(json.dumps({"weight_map": {"a": "../other.safetensors"}}))
    with pytest.raises(ConfigError, match="lies outside of"):
        tensors(index)
    for content in ("{}", "[", '{"weight_map": []}'):
        index.write_text(content)
        with pytest.raises(ConfigError, match="cannot be read as tensors alone"):
            tensors(index)


def test_a_part_of_a_file_is_named_where_it_has_several(tmp_path):
    first, second = network(0).state_dict(), network(1).state_dict()
    state = prefixed("albedo.", first) | prefixed("maps.", zeros(second))
    torch.save({"state_dict": state | prefixed("ema.maps.", second)}, tmp_path / "a.pth")
    for part, expected in (("albedo", first), ("maps", second)):
        fresh = network(2)
        load(fresh, tmp_path / "a.pth", part=part)
        torch.testing.assert_close(fresh.state_dict(), dict(expected))
    with pytest.raises(ConfigError, match="another architecture: 9 of 9 tensors"):
        load(network(2), tmp_path / "a.pth", part="normals")


# Code


@pytest.mark.parametrize("format", ["zip", "legacy"])
@pytest.mark.parametrize("place", ["value", "key", "instead"])
@pytest.mark.parametrize("function", [os.system, exec, eval, pathlib.Path.touch])
def test_nothing_in_a_file_runs(tmp_path, function, place, format):
    """Refused, or read without it: never run."""
    mark = tmp_path / "ran"
    arguments = {
        os.system: (f"touch {mark}",),
        exec: (f"open({str(mark)!r}, 'w')",),
        eval: (f"open({str(mark)!r}, 'w')",),
        pathlib.Path.touch: (mark,),
    }
    bomb = Malicious(function, *arguments[function])
    state = network().state_dict()
    content = {
        "value": {"state_dict": state, "x": bomb},
        "key": {bomb: 1, **state},
        "instead": bomb,
    }
    path = tmp_path / "a.pth"
    torch.save(content[place], path, _use_new_zipfile_serialization=format == "zip")
    try:
        load(network(1), path)
    except ConfigError as error:
        assert str(path) in error.message
    assert not mark.exists()


def test_what_is_no_model_file_is_named(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"hello")
    (tmp_path / "a.safetensors").write_bytes(b"hello")
    for name in ("a.pth", "a.safetensors"):
        with pytest.raises(ConfigError, match=f"{name} cannot be read as tensors alone"):
            tensors(tmp_path / name)
    torch.save({"epoch": 3}, tmp_path / "b.pth")
    with pytest.raises(ConfigError, match=r"b\.pth holds no tensors by name"):
        tensors(tmp_path / "b.pth")
    torch.jit.script(nn.ReLU()).save(tmp_path / "c.pth")
    with pytest.raises(ConfigError, match=r"c\.pth"):
        tensors(tmp_path / "c.pth")
    with pytest.raises(MissingError, match="there is no model file"):
        tensors(tmp_path / "d.pth")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n"
NO_TENSORS = {
    "a pointer": (POINTER, "it is a pointer of Git LFS; fetch the file itself"),
    "a page": (b"<!DOCTYPE html>", "it is cut off, no file of tensors, or asks to run code"),
    "a pickle": (pickle.dumps(Malicious(os.getcwd), 4), "no file of tensors, or asks to run code"),
    "nothing": (b"", "is empty"),
}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", NO_TENSORS)
def test_downloads_that_are_something_else_are_named(tmp_path, name, suffix):
    content, said = NO_TENSORS[name]
    (tmp_path / f"a{suffix}").write_bytes(content)
    with pytest.raises(LaunchError, match=rf"a{suffix} .*{said}"):
        tensors(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("content", [[{}], (1, {}), torch.zeros(3), {0: torch.zeros(2)}, {}])
def test_files_without_named_tensors_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ConfigError, match="holds no tensors by name"):
        tensors(tmp_path / "a.pth")


# What does not fit


def test_a_training_that_has_diverged_is_told(tmp_path):
    state = network(0).state_dict()
    state["2.bias"][1] = torch.nan
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(ConfigError, match=r"holds NaN in 1 of 9 tensors, such as 2\.bias"):
        load(network(1), tmp_path / "a.pth")


def test_another_shape_and_the_nearest_name_are_told(tmp_path):
    state = dict(network(0, channels=1).state_dict())
    state["2.weights"] = state.pop("2.weight")
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(ConfigError) as caught:
        load(network(1), tmp_path / "a.pth")
    assert "2 of 9 tensors do not fit" in caught.value.message
    assert "0.weight: the network has (4, 3, 3, 3), the file (4, 1, 3, 3)" in caught.value.message
    assert "2.weight: the network has (2, 4, 1, 1), the file nothing." in caught.value.message
    assert "'2.weights'" in caught.value.message


# Names of other programs


def test_old_names_are_translated_by_spandrel(tmp_path):
    """ESRGAN's of 2021 (`body.0.rdb1.conv1`) for a network with those of 2018."""
    torch.manual_seed(0)
    original = ESRGAN(num_filters=8, num_blocks=1)
    state = original.state_dict()
    names = {"model.0.": "conv_first.", "model.1.sub.1.": "conv_body.", "model.3.": "conv_up1."}
    names |= {"model.6.": "conv_up2.", "model.8.": "conv_hr.", "model.10.": "conv_last."}
    new = {}
    for name, value in state.items():
        for old, current in names.items():
            name = name.replace(old, current) if name.startswith(old) else name  # noqa: PLW2901
        for i in (1, 2, 3):
            name = name.replace(f"model.1.sub.0.RDB{i}.", f"body.0.rdb{i}.")  # noqa: PLW2901
        new[name.replace(".0.weight", ".weight").replace(".0.bias", ".bias")] = value
    torch.save({"params_ema": new}, tmp_path / "a.pth")
    fresh = ESRGAN(num_filters=8, num_blocks=1)
    load(fresh, tmp_path / "a.pth")
    torch.testing.assert_close(fresh.state_dict(), state)


def test_names_of_a_paper_are_translated_by_timm(tmp_path):
    """ConvNeXt as its authors publish it: `downsample_layers`, `dwconv`, `pwconv1`."""
    torch.manual_seed(0)
    options = {"depths": (1, 1, 1, 1), "dims": (4, 8, 8, 8), "num_classes": 3}
    original = create_model("convnext_tiny", **options)
    theirs = {}
    for name, value in original.state_dict().items():
        for ours, paper in (
            ("stem.", "downsample_layers.0."),
            (".downsample.", ".DOWN."),
            (".conv_dw.", ".dwconv."),
            (".mlp.fc1.", ".pwconv1."),
            (".mlp.fc2.", ".pwconv2."),
            ("head.norm.", "norm."),
            ("head.fc.", "head."),
            (".blocks.", "."),
        ):
            name = name.replace(ours, paper)  # noqa: PLW2901
        stage = name.split(".")[1] if ".DOWN." in name else ""
        theirs[name.replace(f"stages.{stage}.DOWN.", f"downsample_layers.{stage}.")] = value
    torch.save({"model": theirs}, tmp_path / "a.pth")
    fresh = create_model("convnext_tiny", **options)
    load(fresh, tmp_path / "a.pth")
    torch.testing.assert_close(fresh.state_dict(), original.state_dict())


OTHER_NUMBERS = {
    "sparse": (lambda w: w.to_sparse(), "sparse or quantised tensors, such as 2.weight"),
    "rows": (lambda w: w.flatten(1).to_sparse_csr(), "sparse or quantised tensors"),
    "quantised": (
        lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8), "sparse or quantised tensors",
    ),
    "integers": (lambda w: (w * 127).to(torch.int8), "int8 in 1 of 9 tensors, such as 2.w"),
    "complex": (lambda w: w.to(torch.complex64), "torch.complex64 in 1 of 9 tensors"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*[Ss]parse.*", "ignore:.*quantiz.*")
@pytest.mark.parametrize("name", OTHER_NUMBERS)
def test_numbers_of_another_kind_are_refused_by_name(tmp_path, name):
    change, said = OTHER_NUMBERS[name]
    state = dict(network().state_dict())
    state["2.weight"] = change(state["2.weight"])
    torch.save({"state_dict": state}, tmp_path / "a.pth")
    with pytest.raises(ConfigError, match=rf"a\.pth holds .*{said}"):
        load(network(1), tmp_path / "a.pth")


def test_eight_bits_of_floating_point_are_read(tmp_path):
    state = {k: v.to(torch.float8_e4m3fn) if "2.w" in k else v
             for k, v in network().state_dict().items()}  # fmt: skip
    save_file(state, tmp_path / "a.safetensors")
    fresh = network(1)
    load(fresh, tmp_path / "a.safetensors")
    torch.testing.assert_close(fresh[2].weight, network()[2].weight, atol=0.04, rtol=0)


def test_norms_of_files_that_do_not_count_batches(tmp_path):
    state = dict(network().state_dict())
    del state["1.num_batches_tracked"]
    torch.save(state, tmp_path / "a.pth")
    fresh = network(1)
    load(fresh, tmp_path / "a.pth")
    assert fresh[1].num_batches_tracked == 0
    torch.testing.assert_close(fresh[1].weight, network()[1].weight)


def test_nan_where_a_network_has_none_is_refused_and_one_for_unknown_is_not(tmp_path):
    path, whole, spoilt = tmp_path / "last.ckpt", torch.ones(3), torch.tensor([1, torch.nan, 1])
    with pytest.raises(ConfigError, match=r"holds NaN in 1 of 1 tensors, such as w: .* diverged"):
        require(path, {"w": spoilt}, {"w": whole})
    require(path, {"seen": spoilt}, {"seen": torch.full((3,), torch.nan)})
