"""Recipes: which networks learn from which terms, weights of earlier rungs, health."""

from functools import partial

import pytest
import torch

from launch.errors import ConfigError, MissingError
from launch.experiments.roi.balancing import GradNorm
from launch.experiments.roi.losses import Consistency, Drop, DropToNormal, Labels, Sparsity, Volume
from launch.experiments.roi.masks import LearnedMask, RandomMask
from launch.experiments.roi.module import ClassifierTraining, MaskTraining
from launch.experiments.roi.networks import MaskNetwork, TinyClassifier
from launch.schedules import Constant, Exponential
from launch.train.objective import ScheduledLosses, Term

LABELS = ["a", "b", "c"]
TINY = partial(TinyClassifier, width=4)
DATA = {"full": Labels, "consist": Consistency, "drop": Drop, "keep": Labels}
AREA = {"sparse": Sparsity, "volume": Volume}


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(4, 1, 16, 16, generator=generator)
    return {"image": image, "labels": (torch.rand(4, 3, generator=generator) < 0.5).float()}


def objective(**terms):
    return ScheduledLosses({name: Term(loss(), Constant(1.0)) for name, loss in terms.items()})


def recipe(terms, mask=None, **settings):
    torch.manual_seed(0)
    return MaskTraining(
        losses=objective(**terms),
        optimizer=partial(torch.optim.SGD, lr=0.1),
        classifier=TINY,
        mask=mask or LearnedMask(MaskNetwork(2)),
        temperature=settings.pop("temperature", Constant(0.5)),
        labels=LABELS,
        img_size=16,
        **settings,
    )


def has_gradient(network):
    return any(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


@pytest.mark.parametrize("term", ["consist", "drop", "keep"])
def test_terms_on_logits_reach_the_mask_network(batch, term):
    module = recipe({term: DATA[term]})
    module.training_step(batch, 0).backward()
    assert has_gradient(module.mask) and has_gradient(module.classifier)


@pytest.mark.parametrize("term", ["consist", "drop", "keep"])
def test_without_straight_through_they_do_not(batch, term):
    mask = LearnedMask(MaskNetwork(2), mask_gumbel=False, straight_through=False)
    module = recipe({term: DATA[term]}, mask)
    module.training_step(batch, 0).backward()
    assert not has_gradient(module.mask) and has_gradient(module.classifier)
    module = recipe(AREA, mask)
    module.training_step(batch, 0).backward()
    assert has_gradient(module.mask)


def test_a_frozen_classifier_stands_still_in_evaluation_mode(batch):
    module = recipe(DATA | AREA, freeze_classifier=True, mask_fill="blur").train()
    assert not module.classifier.training and module.mask.training
    module.training_step(batch, 0).backward()
    assert has_gradient(module.mask) and not has_gradient(module.classifier)
    assert {id(p) for p in module.trainable_parameters()} == {
        id(p) for p in module.mask.parameters()
    }


def test_a_term_that_wants_no_full_image_makes_no_pass_over_it(batch):
    module = recipe({"drop": DropToNormal}, freeze_classifier=True)
    passes = []
    module.classifier.register_forward_hook(lambda *_: passes.append(1))
    module.training_step(batch, 0)
    assert len(passes) == 1


def test_the_step_records_area_before_and_coverage_after_projection(batch):
    module = recipe(DATA | AREA)
    module.training_step(batch, 0)
    assert module.latest["mask_coverage"].item() == pytest.approx(6 / 64)
    assert 0.2 < module.latest["mask_mean"].item() < 0.8
    assert module.latest["temperature"] == 0.5


def test_the_temperature_follows_the_epoch_also_after_a_resume():
    module = recipe(DATA, temperature=Exponential(0.7, 0.98, 0.2))
    module.batches_per_epoch = 10
    expected = {0: 0.7, 9: 0.7, 10: 0.7 * 0.98, 199: 0.7 * 0.98**19, 5000: 0.2}
    for batches, temperature in expected.items():
        module.on_load_checkpoint({"iteration": batches, "batches": batches, "state_dict": {}})
        assert module.current_temperature() == pytest.approx(temperature)


def test_an_unknown_term_is_named_with_those_there_are(batch):
    module = recipe({"sparsity": Sparsity})
    with pytest.raises(ConfigError, match=r"no term 'sparsity'; its terms are full, keep"):
        module.training_step(batch, 0)


def test_random_masks_train_the_classifier(batch):
    module = recipe({"full": Labels, "consist": Consistency}, RandomMask())
    module.training_step(batch, 0).backward()
    assert has_gradient(module.classifier)
    assert module.health() == []


def test_dynamic_weights_move_the_terms_and_can_be_left_out(batch):
    terms = ["full", "consist", "drop", "sparse"]
    for dynamic in (True, False):
        balance = GradNorm(terms, every=1)
        module = recipe(DATA | AREA, dynamic_weights=dynamic, balance=balance)
        for module.losses.iteration in (0, 1):  # it begins with the scheduled weights
            module.training_step(batch, 0).backward()
        weights = module.losses.weights()
        assert (weights["full"] != 1.0) == dynamic
        assert weights["volume"] == 1.0
        assert has_gradient(module.mask)


def test_networks_come_from_an_earlier_rung_averaged_if_there_is_an_average(tmp_path, batch):
    path = tmp_path / "best.ckpt"
    first, average = TINY(classes=3), TINY(classes=3)
    state = {f"classifier.{k}": v for k, v in first.state_dict().items()}
    torch.save({"state_dict": state}, path)
    module = recipe(DATA, classifier_weights=str(path))
    image = batch["image"]
    assert module.classifier(image).equal(first(image))
    state |= {f"ema.classifier.{k}": v for k, v in average.state_dict().items()}
    torch.save({"state_dict": state}, path)
    module = recipe(DATA, classifier_weights=str(path))
    assert module.classifier(image).equal(average(image))


def test_a_checkpoint_of_another_network_or_none_is_an_error(tmp_path):
    path = tmp_path / "best.ckpt"
    torch.save({"state_dict": {"classifier.last.weight": torch.zeros(3)}}, path)
    with pytest.raises(ConfigError, match=r"(?s)classifier_weights: .* is of another architecture"):
        recipe(DATA, classifier_weights=str(path))
    module = recipe(DATA, classifier_weights=str(tmp_path / "gone.ckpt"))
    with pytest.raises(MissingError, match=r"classifier_weights: there is no file .*gone\.ckpt"):
        module.setup("fit")


def test_the_area_that_is_evaluated_is_the_expected_one_of_the_sampled_mask(batch):
    module = recipe(DATA).train()
    saliency, settled = module.look(batch["image"])
    expected = module.area(saliency, settled).mean().item()
    drawn = [module.mask(batch["image"], 0.5).sampled.mean().item() for _ in range(50)]
    assert expected == pytest.approx(sum(drawn) / 50, abs=0.02)


def test_health_names_what_goes_wrong_quietly(batch):
    module = recipe(DATA | AREA, balance=GradNorm(["sparse"], every=1), dynamic_weights=True)
    module.training_step(batch, 0)
    module.batches, module.batches_per_epoch = 30, 10
    module.latest = {"mask_mean": torch.tensor(0.4)}
    for parameter in module.mask.parameters():
        parameter.grad = torch.zeros_like(parameter)
    module.losses.values |= {"consist": torch.tensor(1e-6), "drop": torch.tensor(0.0)}
    module.losses.balance.weights["sparse"] = 1e-3
    found = " ".join(module.health())
    for words in ("cover 0.400", "1.0e-06 together", "no gradient", "sparse are at their floor"):
        assert words in found
    module.latest = {}
    assert "cover" not in " ".join(module.health()), "nothing has been trained since it was loaded"


def test_a_classifier_learns_whole_and_hidden_images_beside_its_judge(batch):
    terms = {"full": Labels, "masked": Labels, "judge": Labels}
    optimizer = partial(torch.optim.SGD, lr=0.1)
    module = ClassifierTraining(
        losses=objective(**terms),
        optimizer=optimizer,
        classifier=TINY,
        labels=LABELS,
        img_size=16,
        judge=TINY,
    )
    module.training_step(batch, 0).backward()
    assert has_gradient(module.classifier) and has_gradient(module.judge)
    saliency, mask = module.look(batch["image"])
    assert saliency.shape == (4, 1, 16, 16)
    assert mask.projected.sum((1, 2, 3)).tolist() == [26] * 4
