"""What a stranger's folder, file or list may try: nothing runs, and the refusal can be read.

Every attack that gets through would leave `MARK` behind.
"""

import os
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import pytest
import torch
import yaml
from omegaconf import OmegaConf

from launch.check import configuration
from launch.composition.compose import compose, compose_saved, started
from launch.composition.typed import Typed
from launch.errors import ConfigError, LaunchError
from launch.experiments.smoke import clips
from launch.record import targets
from launch.record.expand import expanded
from launch.record.run import CONF, Run, find_runs
from launch.record.storage import read_json
from launch.tools import decoding, model_files, pictures, video
from launch.tools.names import inside
from launch.train import checkpoint_files, worker

MARK = "taken"


@pytest.fixture(autouse=True)
def untouched(tmp_path, monkeypatch):
    """After each attack nothing has been made, removed or printed that it asked for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious").write_text("still here")
    yield
    assert not (tmp_path / MARK).exists()
    assert (tmp_path / "precious").read_text() == "still here"


# What a configuration may name

NAMES = [
    *("os.system", "os.remove", "posix.system", "subprocess.run", "subprocess.Popen"),
    *("builtins.eval", "builtins.exec", "builtins.open", "builtins.__import__"),
    *("shutil.rmtree", "shutil.copyfile", "pathlib.Path.write_text", "pickle.loads", "pickle.load"),
    *("torch.load", "torch.save", "torch.hub.load", "torch.jit.load", "torch.serialization.load"),
    *("torch.utils.cpp_extension.load_inline", "torch.package.PackageImporter"),
    *("numpy.load", "numpy.save", "joblib.load", "yaml.unsafe_load", "ctypes.CDLL"),
    *("hydra.utils.get_method", "hydra.utils.instantiate"),
    *("functools.partial", "importlib.import_module"),
    *("timm.create_model", "lightning.pytorch.Trainer", "spandrel.ModelLoader"),
    # by a way round through what an allowed module imports
    *("torch.nn.modules.module.torch.load", "torch.optim.optimizer.torch.hub.load"),
    *("launch.experiments.winding.data.Path", "launch.experiments.sr.data.pictures.write"),
    *("launch.losses.files.os.system", "launch.experiments.winding.expansion.warnings.warn"),
    # functions of ours that write, which no recipe calls
    *("launch.experiments.winding.export.write_polylines", "launch.experiments.roi.recipe.share"),
    *("launch.experiments.roi.recipe.set_aside_if_foreign", "launch.python.run"),
    *("launch.experiments.winding.export.write_tiff", "torch.nn.functional.relu"),
    *("torch.nn.init.zeros_", "segmentation_models_pytorch.from_pretrained"),
    *("launch.losses.pixel.__builtins__.eval", "launch.losses.${evil}", "", "7", "torch.nn"),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_configuration_calls_it(name):
    for node in ({"_target_": name}, [{"inner": {"_target_": name, "_partial_": True}}]):
        with pytest.raises(
            ConfigError, match=r"not allowed|cannot be imported|not finished|of a kind"
        ):
            targets.require_all({"module": node})


FUNCTIONS = ("os.system", "torch.load", "launch.losses.files.os.system", "launch.python.run")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_expand_calls_no_other_function(name):
    with pytest.raises(ConfigError, match="expand: "):
        expanded({"expand": {"_target_": name}})


def test_what_recipes_name_is_allowed():
    """The other side: every target of every file that is shipped."""
    found = set()
    for path in CONF.rglob("*.yaml"):
        for node in yaml.safe_load_all(path.read_text()):
            found |= {*targets.targets(node)}
    own = {name for name in found if not name.startswith("hydra_plugins.")}
    assert len(own) > 50
    for name in own:
        if not name.startswith("launch.trackers."):  # their packages are extras
            targets.located(name)
    assert all(map(targets.is_allowed, own))


# What a run folder may hold

EVIL = {"_target_": "os.system", "command": f"touch {MARK}"}
FOLDERS = {
    "a target in the module": {"module": EVIL},
    "a target deep inside": {"data": {"a": [{"b": EVIL}]}},
    "a function to expand with": {"expand": EVIL},
    "a callback": {"callbacks": {"a": EVIL}},
    "a logger": {"logger": {"a": EVIL}},
    "an interpolation": {"module": "${oc.create:{_target_: os.system}}"},
    "the environment": {"module": {"_target_": "torch.nn.Identity", "a": "${oc.env:HOME}"}},
    "an interpolated target": {"module": {"_target_": "${evil}"}, "evil": "os.system"},
    "a key that is one": {"module": {"${oc.env:HOME}": 1}},
}


@pytest.mark.parametrize("what", FOLDERS)
def test_the_worker_runs_no_foreign_configuration(tmp_path, what, capsys):
    run = Run(tmp_path / "run")
    run.start(task="predict", identity="x")
    run.write_config({"task": "predict", "from": None, "trainer": {"threads": 1}} | FOLDERS[what])
    with run.lock():
        assert worker.whole(run) == 2
    assert "error: " in capsys.readouterr().out
    assert run.reread().record["status"] == "failed"


@pytest.fixture
def stranger(tmp_path):
    """saved({...}): a run folder whose two configurations say so."""

    def saved(written, resolved=None, **record):
        run = Run(tmp_path / "stranger")
        run.start(identity="x", task="train", **record)
        run.write_config(written if resolved is None else resolved)
        (run.folder / ".hydra").mkdir(exist_ok=True)
        OmegaConf.save(OmegaConf.create(written), run.folder / ".hydra" / "config.yaml")
        return run

    with started():
        yield saved


def test_a_foreign_folder_reads_no_environment(stranger, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "s3cret")
    run = stranger({"seed": "${oc.env:MY_TOKEN}", "name": "a"}, {"seed": 3, "name": "a"})
    assert "s3cret" not in str(compose_saved(run, Typed.read([])).plain)


@pytest.mark.parametrize("key", ["run_dir", "runs", "input", "output"])
def test_a_foreign_folder_names_no_places(stranger, tmp_path, key):
    run = stranger({key: str(tmp_path / MARK), "name": "a"})
    composition = compose_saved(run, Typed.read([]))
    assert MARK not in str(composition.plain)
    assert MARK not in str(composition.folder)


@pytest.mark.parametrize("name", ["../../home", "/etc", "a/../../b"])
def test_a_foreign_name_leads_nowhere_else(stranger, name):
    with pytest.raises(ConfigError, match="leads out of the runs folder"):
        compose_saved(stranger({"name": name}), Typed.read([]))


@pytest.mark.parametrize("key", ["defaults", "hydra"])
def test_a_foreign_folder_does_not_set_up_hydra(stranger, key):
    evil = {"defaults": [{"evil": "file"}], "hydra": {"callbacks": {"a": EVIL}}}
    composition = compose_saved(stranger({"name": "a", key: evil[key]}), Typed.read([]))
    assert "os.system" not in str(composition.whole)


def test_hydra_calls_nothing_that_a_record_asks_for():
    with started(), pytest.raises(ConfigError, match=r"os\.system is not allowed"):
        compose(["experiment=sr/static", "+hydra.callbacks.a._target_=os.system"])


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("+callbacks.a.api_key=abc123", "callbacks.a.api_key"),
        ("+predict.token=abc123", "predict.token"),
        ("+logger.a.uri='https://me:abc123@host/x'", "logger.a.uri"),
    ],
)
def test_secrets_stay_out_of_records(override, key):
    with started():
        composition = compose(["experiment=sr/static", override])
        with pytest.raises(ConfigError, match="environment variable") as caught:
            configuration.require(composition.plain, composition)
    assert key in caught.value.message


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '"text"', "\0\1\2", "null"])
def test_a_damaged_record_is_a_note_for_everybody_else(tmp_path, content, capsys):
    Run(tmp_path / "good").start(task="train")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text(content)
    assert [run.folder.name for run in find_runs(tmp_path)] == ["good"]
    assert "note: " in capsys.readouterr().err
    with pytest.raises(ConfigError, match="damaged"):
        read_json(tmp_path / "bad" / "run.json")


# What a checkpoint may hold


class Runs:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def legacy(path, content):
    path.write_bytes(pickle.dumps(content))


def zipped(path, content):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(content, 2))
        file.writestr("archive/version", "3\n")
        file.writestr("archive/byteorder", "little")


CALLS = {
    "a command": Runs(os.system, f"touch {MARK}"),
    "a process": Runs(subprocess.call, ["touch", MARK]),
    "a file": Runs(open, MARK, "w"),
    "code": Runs(eval, f"open({MARK!r}, 'w')"),
    "a removal": Runs(os.remove, "precious"),
}


@pytest.mark.parametrize("save", [legacy, zipped, torch.save])
@pytest.mark.parametrize("what", CALLS)
def test_a_checkpoint_calls_nothing(tmp_path, save, what):
    path = tmp_path / "model.ckpt"
    content = {"state_dict": {"a": CALLS[what]}, "iteration": 1}
    if save is torch.save:
        save(content, path)
    else:
        save(path, content)
    with pytest.raises(LaunchError):
        checkpoint_files.read(path)
    try:
        found = model_files.tensors(path)
    except LaunchError as error:
        assert str(path) in error.message
    else:
        pytest.fail(f"{found} came out of it")


# What a list may name


@pytest.mark.parametrize("name", ["../precious", "/etc/passwd", "a/../../precious", ".."])
def test_a_list_leads_nowhere_else(tmp_path, name):
    root = tmp_path / "frames"
    root.mkdir()
    with pytest.raises(ConfigError, match="lies outside of"):
        inside(root, name, root / "list.txt")
    (root / "train.txt").write_text(f"{name}\n")
    with pytest.raises(ConfigError, match="lies outside of"):
        clips.find_listed(root, "train")


# What a picture may say of itself


def png(width, height):
    """Zeros, a thousand times smaller than what they become."""

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(40_000, 40_000), (2**31 - 1, 1), (12_000, 12_000)])
def test_a_picture_is_refused_before_it_is_decoded(tmp_path, monkeypatch, width, height):
    monkeypatch.setattr(decoding, "LARGEST", 10_000 * 10_000)
    path = tmp_path / "bomb.png"
    path.write_bytes(png(width, height))
    with pytest.raises(pictures.UnreadableImageError, match=r"pixels|exceeds limit"):
        pictures.read(path)


def test_so_is_an_animation_and_a_slice(tmp_path, monkeypatch):
    import tifffile  # noqa: PLC0415 - as above
    from PIL import Image  # noqa: PLC0415 - to write one

    from launch.experiments.winding import volumes  # noqa: PLC0415 - as above

    monkeypatch.setattr(decoding, "LARGEST", 100)
    Image.new("L", (20, 20)).save(
        tmp_path / "a.gif", save_all=True, append_images=[Image.new("L", (20, 20), 9)]
    )
    assert video.read(tmp_path / "a.gif", np.asarray).frames == []
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 20), np.uint8))
    with pytest.raises(pictures.UnreadableImageError, match="LAUNCH_LARGEST_PICTURE"):
        volumes.read(tmp_path / "a.tif")


def test_the_size_of_pictures_is_one_setting():
    code = "from launch.tools import decoding; print(decoding.LARGEST)"
    environment = os.environ | {"LAUNCH_LARGEST_PICTURE": "1234"}
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True
    )
    assert shown.stdout.strip() == b"1234"
