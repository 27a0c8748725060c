"""Ranks that train a batch together draw and average what one rank with the whole batch does."""

import pytest
import torch
from torch import distributed

from launch.experiments.pbr.losses import BalancedBCE, CrossEntropy
from launch.experiments.roi.losses import Volume
from launch.experiments.smoke.autoencoder import any_of
from launch.losses.masked_mean import masked_mean
from launch.tools import ranks

CPU = torch.device("cpu")
SEED = 7


@pytest.fixture
def together(monkeypatch):
    """Calls a function of (rank, count) as every rank of a training batch; returns what each gives.

    Each pass knows the sums that the pass before it has found: one for every reduction that
    depends on another, and one more.
    """

    def called(function, count=2, passes=3):
        sums: list[torch.Tensor] = []
        for _ in range(passes):
            given: list[list[torch.Tensor]] = [[] for _ in range(count)]
            found = []
            for rank in range(count):
                before = iter(sums)

                def all_reduce(value, mine=given[rank], before=before):
                    mine.append(value.clone())
                    value.copy_(next(before, value))

                monkeypatch.setattr(distributed, "all_reduce", all_reduce)
                monkeypatch.setattr(ranks, "_now", ranks.Shared(rank, count, SEED))
                found.append(function(rank, count))
            sums = [torch.stack(values).sum(0) for values in zip(*given, strict=True)]
        ranks.end()
        return found

    return called


@pytest.mark.parametrize("count", [2, 4])
def test_what_belongs_to_a_sample_is_drawn_as_by_one_rank(count, together):
    def draw(rank, ranks_now):
        size = 8 // ranks_now
        return (
            ranks.uniform(size, device=CPU),
            ranks.normal(size, 3, device=CPU),
            ranks.uniform(2, size, 1, device=CPU, samples=1).transpose(0, 1),
        )

    torch.manual_seed(SEED)
    whole = draw(0, 1)
    for value, *parts in zip(whole, *together(draw, count), strict=True):
        merged = torch.stack(parts, 1).flatten(0, 1)  # rank r has every n-th sample
        torch.testing.assert_close(merged, value, rtol=0, atol=0)


def test_outside_of_a_training_batch_a_rank_stands_for_itself():
    ranks.end()
    torch.manual_seed(SEED)
    drawn = torch.rand(5)
    torch.manual_seed(SEED)
    assert torch.equal(ranks.uniform(5, device=CPU), drawn)
    assert ranks.count() == 1 and ranks.generator(CPU) is None
    assert ranks.mean(torch.tensor(3.0)) == 3


IMAGES = torch.rand(4, 1, 6, 6, generator=torch.Generator().manual_seed(0))
MASK = torch.zeros(4, 1, 6, 6)
MASK[0], MASK[1, ..., :2] = 1, 0.5  # of two ranks the first has image 0, the second image 1
CLASSES = torch.randint(0, 3, (4, 6, 6), generator=torch.Generator().manual_seed(1))
CLASSES[2], CLASSES[1, 0] = 255, 255

LOSSES = {
    "masked mean": lambda x, take: masked_mean(take(IMAGES) * x, take(MASK)),
    "mask that learns": lambda x, take: masked_mean(take(IMAGES), take(MASK) * x),
    "classes with gaps": lambda x, take: CrossEntropy()(
        torch.cat([take(IMAGES) * x, take(IMAGES), x * x * take(MASK)], 1), take(CLASSES)
    ),
    "balanced": lambda x, take: BalancedBCE()(
        take(IMAGES) * x, (take(IMAGES) > 0.7).float(), take(MASK), take(MASK)
    ),
    "volume of a batch": lambda x, take: Volume(0.3, reduce="batch")(take(IMAGES) * x),
}


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_are_the_mean_of_what_the_ranks_give(name, count, together):
    def on_rank(rank, count):
        x = torch.tensor(0.8, requires_grad=True)
        loss = LOSSES[name](x, lambda samples: samples[rank::count])
        loss.backward()
        return loss.item(), x.grad.item()

    expected = on_rank(0, 1)
    found = torch.tensor(together(on_rank, count)).mean(0).tolist()
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_all_ranks_draw_the_same_vectors_from_the_whole_batch(together):
    vectors = torch.arange(24.0).view(8, 3)  # of 4 samples with 2 cells each

    def draw(rank, count):
        own = vectors.view(4, 2, 3)[rank::count].reshape(-1, 3)
        return any_of(own, 5, cells=2)

    torch.manual_seed(SEED)
    expected = draw(0, 1)
    for found in together(draw):
        assert torch.equal(found, expected)
