"""The phase table of the requirement document against the composed experiments at full scale.

|     | A0 | A | B | C | C' | D |
the mix, epochs, crop, composites, samplers, optimizers, schedulers, losses, trainable parts
"""

import pytest

from launch.ladder.plan import trained
from tests.compositions import trainings

PHASES = ("phase_a0", "phase_a", "phase_b", "phase_c", "phase_cprime")
JOBS = ("seg", "alb", "rough", "metal", "ao", "height")
D = tuple(f"phase_d_{job}" for job in JOBS)
RUNGS = ["segformer", "albedo", "maps"]


def full(phase: str, *overrides: str):
    """Its configuration at full scale, or rung -> configuration."""
    found = trainings(f"experiment=pbr/{phase}", "scale=full", *overrides)
    plain = {name: composition.plain for name, composition in found.items()}
    return plain.get("") or plain


@pytest.fixture(scope="module")
def composed():
    return {phase: full(phase) for phase in (*PHASES, *D, "phase_a_syn")}


def rung(composed, phase: str, name: str = "segformer"):
    return composed[phase].get(name) or composed[phase]


def short(target: str) -> str:
    return target.rpartition(".")[2]


@pytest.mark.parametrize(
    ("phases", "share", "epochs"),
    [
        (["phase_a0"], 0.0, 10),
        (["phase_a"], 0.0, 35),
        (["phase_b"], 0.25, 10),
        (["phase_c"], 0.5, 10),
        (["phase_cprime"], 0.5, 2),
        (["phase_d_seg"], 1.0, 6),
        (["phase_d_alb", "phase_d_rough", "phase_d_metal", "phase_d_ao", "phase_d_height"], 1.0, 8),
    ],
)
def test_mix_and_epochs(composed, phases, share, epochs):
    for phase in phases:
        for name in RUNGS:
            config = rung(composed, phase, name)
            assert config["data"]["game_share"] == share
            assert config["trainer"]["max_epochs"] == epochs


@pytest.mark.parametrize(
    ("phase", "first", "last"),
    [
        ("phase_a0", 256, 256),
        ("phase_a", 256, 256),
        ("phase_b", 256, 512),
        ("phase_c", 512, 768),
        ("phase_cprime", None, None),
        ("phase_d_seg", None, None),
    ],
)
def test_curriculum_of_the_crop(composed, phase, first, last):
    """Linear over the epochs, then enlarged to 1 K; whole textures in C' and, at 2 K, in D."""
    data = rung(composed, phase)["data"]
    crop = data["crop"]
    if first is None:
        assert crop is None
    elif first == last:
        assert (short(crop["_target_"]), crop["value"]) == ("Constant", first)
    else:
        epochs = rung(composed, phase)["trainer"]["max_epochs"]
        assert crop["points"] == [[0, first], [epochs - 1, last]]
        assert crop["unit"] == "epoch"
    assert data["feed"] == (2048 if phase in D else 1024)


@pytest.mark.parametrize("source", ["folder", "matsynth"])
def test_files_have_the_pixels_that_a_phase_feeds(source):
    """1 K up to C'; D is at 2 K, native."""
    for phase in (*PHASES, *D):
        roots = ["data.clean.root=.", "data.game.root=."]
        config = full(phase, f"data=pbr/{source}", *roots)
        data = rung({phase: config}, phase)["data"]
        assert data["size"] == data["feed"] == (2048 if phase in D else 1024)


ADAMW, ADAM, SLOW = ("AdamW", None), ("Adam", [0.9, 0.9995]), ("AdamW", [0.9, 0.9995])


@pytest.mark.parametrize(
    ("phases", "optimizer", "rate", "scheduler", "settings"),
    [
        (["phase_a0"], ADAMW, 1e-4, "CosineAnnealingLR", {"T_max": 10}),
        (
            ["phase_a"],
            ADAMW,
            5e-5,
            "OneCycleLR",
            {"max_lr": 5e-5, "pct_start": 0.15, "div_factor": 5, "final_div_factor": 1},
        ),
        (["phase_b"], ADAMW, 1e-5, "StepLR", {"step_size": 6, "gamma": 0.5}),
        (["phase_c"], SLOW, 5e-6, "CosineAnnealingLR", {"T_max": 12}),
        (["phase_cprime"], ADAMW, 3e-6, "CosineAnnealingWarmRestarts", {"T_0": 1}),
        (["phase_d_seg"], ADAMW, 1e-6, "StepLR", {"step_size": 4, "gamma": 0.5}),
        (list(D[1:]), ADAM, 1e-6, "ExponentialLR", {"gamma": 0.9}),
    ],
)
def test_optimizers_and_schedulers(composed, phases, optimizer, rate, scheduler, settings):
    for phase in phases:
        for name in RUNGS:
            module = rung(composed, phase, name)["module"]
            used = module["optimizer"]
            assert (short(used["_target_"]), used.get("betas")) == optimizer
            assert used["lr"] == rate
            assert used.get("weight_decay") == (1e-2 if optimizer[0] == "AdamW" else None)
            assert short(module["lr_scheduler"]["_target_"]) == scheduler
            assert settings.items() <= module["lr_scheduler"].items()


@pytest.mark.parametrize(
    ("phase", "name", "geometry", "jitter", "mosaics", "photometric"),
    [
        ("phase_a0", "segformer", False, 0.0, (0.0, 0.0), (0.0, 1.0)),
        ("phase_a", "segformer", True, 0.05, (0.30, 0.15), (0.0, 1.0)),
        ("phase_a", "albedo", True, 0.05, (0.0, 0.0), (0.0, 1.0)),
        ("phase_a", "maps", True, 0.05, (0.0, 0.0), (0.0, 1.0)),
        ("phase_b", "segformer", True, 0.05, (0.30, 0.15), (0.6, 1.0)),
        ("phase_b", "maps", True, 0.05, (0.30, 0.15), (0.6, 1.0)),
        ("phase_c", "albedo", True, 0.05, (0.20, 0.10), (0.6, 1.0)),
        ("phase_cprime", "maps", False, 0.0, (0.0, 0.0), (0.0, 1.0)),
        ("phase_d_seg", "", False, 0.0, (0.0, 0.0), (0.6, 0.5)),
        ("phase_d_height", "", False, 0.0, (0.0, 0.0), (0.6, 0.5)),
    ],
)
def test_augmentation(composed, phase, name, geometry, jitter, mosaics, photometric):
    used = rung(composed, phase, name)["data"]["augmentation"]
    assert used.get("geometry", False) is geometry
    assert used.get("selective", False) is geometry
    assert used.get("jitter", 0.0) == jitter
    assert (used.get("two_crops", 0.0), used.get("four_crops", 0.0)) == mosaics
    assert (used.get("minorities", 1.0), used.get("flat_normals", 0.0)) == (
        (1.5, 0.1) if geometry else (1.0, 0.0)
    )
    strength = used.get("photometric_strength", 1.0)
    assert (used.get("photometric", 0.0), strength) == photometric


def test_balanced_sampler(composed):
    """In A, B, C and C'; not in A0 and D. A0 takes at most 144 materials of a class."""
    balanced = {phase for phase in (*PHASES, *D) if rung(composed, phase)["data"]["balanced"]}
    assert balanced == {"phase_a", "phase_b", "phase_c", "phase_cprime"}
    shares = {phase: rung(composed, phase)["data"].get("derived_share", 1) for phase in PHASES}
    assert shares == dict.fromkeys(PHASES, 1) | {"phase_c": 0.3, "phase_cprime": 0.3}
    limits = {phase: rung(composed, phase)["data"]["per_class"] for phase in PHASES}
    assert limits == dict.fromkeys(PHASES) | {"phase_a0": 144}


def weights(config) -> dict[str, float]:
    return {name: term.get("loss_weight", 1.0) for name, term in config["losses"].items()}


FOUR_MAPS = {
    "roughness_l1": 0.25,
    "roughness_ssim": 0.05 / 4,
    "metallic_bce": 0.25,
    "ao_l1": 0.25,
    "height_l1": 0.25,
    "height_tv": 0.01 / 4,
}


def test_segmentation_losses(composed):
    """Labelled pixels from A0 on, confident pseudo-labels from B on."""
    for phase in ("phase_a0", "phase_a"):
        assert weights(rung(composed, phase)) == {"ce": 1.0}
    for phase in ("phase_b", "phase_c", "phase_cprime", "phase_d_seg"):
        assert weights(rung(composed, phase)) == {"ce": 1.0, "pseudo": 1.0}
        assert rung(composed, phase)["losses"]["pseudo"]["threshold"] == 0.8


def test_albedo_losses(composed):
    assert weights(rung(composed, "phase_a0", "albedo")) == {"l1": 1.0}
    for phase in ("phase_a", "phase_b", "phase_c", "phase_cprime", "phase_d_alb"):
        assert weights(rung(composed, phase, "albedo")) == {"l1": 1.0, "ssim": 0.1, "lpips": 0.05}


def test_maps_losses(composed):
    """Masked L1 in A0; then the mean of four; in D the terms of the head alone."""
    first = weights(rung(composed, "phase_a0", "maps"))
    assert first == dict.fromkeys(("roughness_l1", "metallic_l1", "ao_l1", "height_l1"), 0.25)
    for phase in ("phase_a", "phase_b", "phase_cprime"):
        assert weights(rung(composed, phase, "maps")) == pytest.approx(FOUR_MAPS)
    joint = FOUR_MAPS | {"albedo_l1": 1.0}
    assert weights(rung(composed, "phase_c", "maps")) == pytest.approx(joint)
    heads = {job: weights(composed[f"phase_d_{job}"]) for job in JOBS[2:]}
    assert heads == {
        "rough": {"roughness_l1": 1.0, "roughness_ssim": 0.05},
        "metal": {"metallic_bce": 1.0},
        "ao": {"ao_l1": 1.0},
        "height": {"height_l1": 1.0, "height_tv": 0.01},
    }


def test_what_the_maps_network_sees(composed):
    """The true albedo in A0, for the first 5 to 10 epochs of A, then the predicted one."""
    modules = {phase: rung(composed, phase, "maps")["module"] for phase in PHASES}
    true = {phase: m.get("true_albedo_epochs", 0) for phase, m in modules.items()}
    assert true["phase_a0"] == 10
    assert 5 <= true["phase_a"] <= 10
    assert {true[phase] for phase in PHASES[2:]} == {0}
    joint = {phase: m.get("joint_epochs", 0) for phase, m in modules.items()}
    assert joint == dict.fromkeys(PHASES, 0) | {"phase_c": 4}
    assert modules["phase_c"]["joint_rate"] == 0.25


def test_trainable_parts(composed):
    assert rung(composed, "phase_a", "segformer")["trainable"] is None
    assert rung(composed, "phase_a", "albedo")["trainable"] == {"freeze": ["network.film.*"]}
    adapted = rung(composed, "phase_b")["trainable"]
    assert adapted["freeze"] == ["*"]
    assert "*.lora_*" in adapted["train"]
    assert not any("encoder" in pattern for pattern in adapted["train"])
    for name in ("albedo", "maps"):
        parts = rung(composed, "phase_b", name)["trainable"]["train"]
        assert parts == ["network.decoder.*", "network.heads.*", "network.film.*"]
    upper = rung(composed, "phase_c")["trainable"]["train"]
    assert "network.model.encoder.block[34].*" in upper
    assert rung(composed, "phase_cprime")["trainable"]["norm_only"]
    assert not rung(composed, "phase_cprime")["module"]["dropout"]
    heads = {job: composed[f"phase_d_{job}"]["trainable"]["train"] for job in JOBS[1:]}
    names = dict(alb="albedo", rough="roughness", metal="metallic", ao="ao", height="height")
    assert heads == {job: [f"network.heads.{name}.*"] for job, name in names.items()}


def test_share_of_the_parameters_that_train(composed):
    """Percent. FiLM waits for B; half of the encoders is most of them; an output convolution."""
    segmentation = [trained(rung(composed, phase)) for phase in (*PHASES, "phase_d_seg")]
    assert segmentation == [100, 100, 4.43, 88, 0.108, 3.83]
    albedo = [trained(rung(composed, phase, "albedo")) for phase in (*PHASES, "phase_d_alb")]
    assert albedo == [99.9, 99.9, 13, 94.5, 0.0781, 0.00354]
    assert trained(composed["phase_d_height"]) < 0.002


def test_what_learns_from_truth_alone_never_gets_worse_from_b_on(composed):
    """Segmentation also learns from pseudo-labels, whose worth clean materials do not show."""
    for job, phases in (
        ("segformer", D),
        ("albedo", (*PHASES[2:], *D)),
        ("maps", (*PHASES[2:], *D)),
    ):
        first = [p for p in (*PHASES, *D) if rung(composed, p, job)["module"]["validate_first"]]
        assert first == list(phases)


def test_phase_d_is_made_for_the_memory_of_a_gpu(composed):
    for phase in (*PHASES, *D):
        trainer = rung(composed, phase)["trainer"]
        assert [trainer[key] for key in ("channels_last", "compile")] == [phase in D] * 2
    assert {
        composed[p]["data"]["batch_size"] * composed[p]["trainer"]["accumulate"] for p in D
    } == {4}


def test_patience(composed):
    assert rung(composed, "phase_a", "albedo")["module"]["overfit"] == 3
    assert rung(composed, "phase_a")["module"]["patience"] == 4
    assert {composed[phase]["module"]["patience"] for phase in D} == {3}


def test_each_phase_starts_from_the_one_before(composed):
    before = dict(zip(PHASES[1:], PHASES, strict=False))
    found = {
        (p, name): rung(composed, p, name)["module"]["network"] for p in before for name in RUNGS
    }
    starts = {key: f"experiment:pbr/{before[key[0]]}/{key[1]}" for key in found}
    starts["phase_cprime", "albedo"] = "experiment:pbr/phase_c/maps"  # out of the joint pass
    assert {key: network["weights"] for key, network in found.items()} == starts
    parts = {key: network["part"] for key, network in found.items() if "part" in network}
    assert parts == {("phase_cprime", "albedo"): "albedo"}
    starts = {job: composed[f"phase_d_{job}"]["module"]["network"]["weights"] for job in JOBS}
    assert starts == {
        "seg": "experiment:pbr/phase_cprime/segformer",
        "alb": "experiment:pbr/phase_cprime/albedo",
        "rough": "experiment:pbr/phase_cprime/maps",
        "metal": "experiment:pbr/phase_d_rough",
        "ao": "experiment:pbr/phase_d_metal",
        "height": "experiment:pbr/phase_d_ao",
    }


def test_the_optional_phase_lights_clean_materials_again_for_the_albedo_alone(composed):
    config = composed["phase_a_syn"]
    data, module = config["data"], config["module"]
    assert (data["game_share"], data["relight"], data["balanced"]) == (0.0, True, True)
    assert (short(data["crop"]["_target_"]), data["crop"]["value"]) == ("Constant", 256)
    assert (data["feed"], config["trainer"]["max_epochs"]) == (1024, 15)
    used = {key: value for key, value in data["augmentation"].items() if key != "_target_"}
    extra = {"minorities": 1.5, "flat_normals": 0.1}
    assert used == {"geometry": True, "jitter": 0.05, "selective": True} | extra
    assert module["network"]["weights"] == "experiment:pbr/phase_a0/albedo"
    settings = {"lr": 5e-5, "weight_decay": 1e-2, "_partial_": True}
    assert module["optimizer"] == settings | {"_target_": "torch.optim.AdamW"}
    cycle = {"max_lr": 5e-5, "pct_start": 0.3, "div_factor": 5, "final_div_factor": 1}
    assert short(module["lr_scheduler"]["_target_"]) == "OneCycleLR"
    assert (cycle | {"epochs": 15, "steps_per_epoch": 1}).items() <= module["lr_scheduler"].items()
    assert config["trainable"] == {"freeze": ["network.film.*"]}
    assert weights(config) == {"l1": 1.0, "lpips": 0.05}
    lit = [phase for phase in composed if rung(composed, phase)["data"]["relight"]]
    assert lit == ["phase_a_syn"]


def test_a_teacher_is_the_segmentation_of_the_phase_before(composed):
    for phase, previous in (("phase_b", "a"), ("phase_c", "b"), ("phase_cprime", "c")):
        teacher = rung(composed, phase)["data"]["teacher"]["weights"]
        assert teacher == f"experiment:pbr/phase_{previous}/segformer"
    assert rung(composed, "phase_a")["data"]["teacher"] is None
