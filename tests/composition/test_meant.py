"""What a mistyped key, option or word was meant to be."""

import pytest
from omegaconf import OmegaConf

from launch.composition import meant
from launch.errors import ConfigError

CONFIG = OmegaConf.create(
    {
        "seed": 0,
        "trainer": {"max_iterations": 5, "accelerator": "cpu"},
        "module": {"optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.1}},
        "losses": {"pixel": {"type": "l1"}},
        "data": {"batch_size": 4},
        "trainable": None,
    }
)


@pytest.mark.parametrize(
    "key, said",
    [
        ("lr", "'module.optimizer.lr'"),  # the last part of a key elsewhere
        ("learning_rate", "'module.optimizer.lr'"),  # what others call it
        ("max_steps", "'trainer.max_iterations'"),
        ("trainer.device", "'trainer.accelerator'"),
        ("module.optimizer.weight_decay", "It can be added: +module.optimizer.weight_decay=VALUE"),
        ("losses.pixel.start_iter", "It can be added: +losses.pixel.start_iter=VALUE"),
        ("losses.ssim.loss_weight", "+losses.ssim='{type: ssim, loss_weight: VALUE}'"),
        ("trainable.freeze", "trainable is null here; type trainable='{freeze: VALUE}'"),
        ("tainer.max_iterations", "'trainer.max_iterations'"),
        ("data.root", "data=sr/folder has it"),
        ("unheard_of", ""),
    ],
)
def test_a_key_is_found_by_what_it_may_be(key, said):
    found = meant.key_meant(key, CONFIG, "sr/static")
    assert said in found if said else found == ""


@pytest.mark.parametrize(
    "group, option, said",
    [
        ("experiment", "sr/statik", "Did you mean 'sr/static'"),
        ("experiment", "pbr", "'+ladder=pbr'"),
        ("ladder", "pbr/phase_a", "'+experiment=pbr/phase_a'"),
        ("experiment", "winding", "Below it there are winding/"),
        ("hydra/launcher", "ray", "pip install hydra-ray-launcher"),
        ("data", "zzz", "Known: sr/"),
    ],
)
def test_an_option_is_found_by_what_it_may_be(group, option, said):
    assert said in meant.option_meant(group, option, "sr/static")


def test_a_folder_of_files_is_data(tmp_path):
    said = meant.option_meant("data", str(tmp_path), "sr/static")
    assert said == f" Your files are data=sr/folder data.root={tmp_path}"


def test_a_name_of_the_project_above_is_told_where_it_is(tmp_path, monkeypatch):
    file = tmp_path / "conf" / "experiment" / "mylab" / "first.yaml"
    file.parent.mkdir(parents=True)
    file.touch()
    monkeypatch.chdir(tmp_path / "conf")
    assert f"type cd {tmp_path} first" in meant.option_meant("experiment", "mylab/first", "")


@pytest.mark.parametrize(
    "words, said",
    [
        (["seed", "=", "1"], "no spaces around ="),
        (["seed=", "1"], "no spaces around ="),
        (["+experiment=sr/static", "seed="], "seed= lacks its value; for none type seed=null"),
        (["sr/static"], "Did you mean +experiment=sr/static?"),
        (["pbr"], "Did you mean +ladder=pbr?"),
        (["validat"], "Did you mean task=validate?"),
        (["resume"], "Did you mean resume=RUN_DIR?"),
        (["help"], "python -m launch, which lists what can be run"),
        (["data.root=my", "pictures"], 'a value with spaces takes quotes, "data.root=my pictures"'),
        (["qwertz"], "arguments are KEY=VALUE, such as +experiment=NAME"),
    ],
)
def test_a_word_that_is_no_override_is_refused(words, said):
    with pytest.raises(ConfigError) as caught:
        meant.refuse(words)
    assert said in caught.value.message


def test_overrides_and_deletions_are_let_through():
    meant.refuse(["seed=1", "~losses.gan", "+experiment=sr/static"])


def test_many_names_are_told_by_one_of_each_kind():
    names = [f"{kind}/{n}" for kind in ("a", "b") for n in range(9)]
    assert meant.listed(names) == "a/0, b/0 and more; python -m launch lists all 18"
    assert meant.listed(names[:2]) == "a/0, a/1"


def test_keys_are_listed_with_those_inside():
    assert list(meant.flatten(OmegaConf.create({"a": {"b": 1}, "c": None}))) == ["a", "a.b", "c"]
