"""The stream of samples: what comes at a batch depends on the batch alone."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from launch.train.data import ScheduledDataModule, StreamSampler, rng


class Ten(ScheduledDataModule):
    def load(self, stage):
        self.train_set = range(10)


def keys(batch_size, first, last, rank=0, ranks=1, seed=0):
    data = Ten(batch_size)
    data.seed, data.ranks, data.first_batch, data.last_batch = seed, ranks, first, last
    data.setup("fit")
    return list(StreamSampler(data, rank))


def test_every_epoch_is_another_permutation():
    stream = keys(batch_size=5, first=0, last=4)
    first, second = stream[:10], stream[10:]
    assert [epoch for epoch, _ in stream] == [0] * 10 + [1] * 10
    assert sorted(i for _, i in first) == sorted(i for _, i in second) == list(range(10))
    assert first != [(0, i) for _, i in second]


@pytest.mark.parametrize("stop", [1, 2, 3, 7])
def test_resuming_is_starting_further_on(stop):
    whole = keys(batch_size=3, first=0, last=8)
    assert keys(3, 0, stop) + keys(3, stop, 8) == whole


def test_another_seed_is_another_order():
    assert keys(5, 0, 2, seed=1) != keys(5, 0, 2, seed=2)


def test_ranks_share_an_epoch_without_overlap():
    parts = [keys(5, 0, 1, rank, ranks=2) for rank in range(2)]
    assert sorted(i for part in parts for _, i in part) == list(range(10))


def batches(size, first, last, ranks):
    """The samples of each batch, which so many ranks share."""
    parts = [keys(size // ranks, first, last, rank, ranks) for rank in range(ranks)]
    shares = [[part[at : at + size // ranks] for at in range(0, len(part), size // ranks)]
              for part in parts]  # fmt: skip
    return [set().union(*of_batch) for of_batch in zip(*shares, strict=True)]


@pytest.mark.parametrize(
    "course",
    [[(0, 3, 1), (3, 5, 2), (5, 9, 4), (9, 12, 1)], [(0, 1, 4), (1, 2, 2), (2, 12, 4)]],
)
def test_another_number_of_ranks_reads_the_same_batches(course):
    """(first batch, last batch, ranks), at four samples a batch over epochs of ten."""
    whole = batches(4, 0, 12, 1)
    assert [batch for part in course for batch in batches(4, *part)] == whole
    assert all(len(batch) == 4 for batch in whole)
    read = [key for batch in whole for key in batch]
    assert len(set(read)) == len(read) == 48


@pytest.mark.parametrize(("before", "after"), [(2, 4), (5, 2), (4, 1), (3, 4)])
def test_another_batch_size_deals_out_the_rest_of_the_epoch(before, after):
    """After a batch of the second epoch of ten samples."""
    first = begun(before, batches=10 // before + 1)
    read = [*StreamSampler(first)]
    later = begun(after, batches=0)
    later.load_state_dict(stopped(first))
    later.last_batch = (later.dealt_per_epoch - before) // after
    rest = [*StreamSampler(later)]
    assert {epoch for epoch, _ in rest} == {1}
    assert not {*read} & {*rest}
    assert 10 - 2 * after < before + len(rest) <= 10


def test_the_position_goes_on_over_several_changes():
    first = begun(4, batches=1)
    second = begun(3, batches=1)
    second.load_state_dict(stopped(first))
    third = begun(1, batches=3)
    third.load_state_dict(stopped(second))
    keys = [key for data in (first, second, third) for key in StreamSampler(data)]
    assert len({*keys}) == len(keys) == 10


def begun(size, batches):
    """Ten samples in batches of a size, of which some are trained on."""
    data = Ten(size)
    data.last_batch = batches
    data.setup("fit")
    return data


def stopped(data):
    """What a checkpoint keeps of data of which every batch has been trained on."""
    data.trainer = SimpleNamespace(lightning_module=SimpleNamespace(batches=data.last_batch))
    return data.state_dict()


def test_a_batch_larger_than_the_data_repeats_samples():
    assert len(keys(batch_size=16, first=0, last=2)) == 32


def test_a_sample_draws_the_same_numbers_whoever_draws():
    assert rng(1, 2, 3).random() == rng(1, 2, 3).random()
    draws = {rng(*key).random() for key in np.ndindex(3, 3, 3)}
    assert len(draws) == 27


def test_a_batch_that_stays_on_the_cpu_is_handed_on_as_it_is():
    batch = {"frames": torch.zeros(1), "names": ["a"]}
    assert Ten(5).transfer_batch_to_device(batch, torch.device("cpu"), 0) is batch
    moved = Ten(5).transfer_batch_to_device(batch, torch.device("meta"), 0)
    assert moved["frames"].device.type == "meta" and moved["names"] == ["a"]
