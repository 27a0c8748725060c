import torch
from launch.experiments.smoke.rollout import Sampling


class Recorder:
    """A network whose velocity is known, and that remembers what it was asked."""

    def __init__(self):
        self.calls = []

    def __call__(self, x, reference, context, t, distance):
        self.calls.append((reference, context, float(t[0]), distance))
        return reference - x


def test_frames_follow_one_another_and_cost_what_is_reported():
    network, sampling = Recorder(), Sampling(method="rk4", steps=3, samples=1)
    given = torch.randn(2, 2, 4, 4, 4)
    future = sampling.rollout(network, given, 5, 1e-3)
    assert future.shape == (2, 5, 4, 4, 4)
    assert len(network.calls) == 5 * sampling.nfe == 60
    torch.testing.assert_close(network.calls[0][0], given[:, -1])
    torch.testing.assert_close(network.calls[12][0], future[:, 0])


def test_contexts_come_before_the_reference_with_their_distance():
    network, given = Recorder(), torch.arange(4.0).view(1, 4, 1, 1, 1).expand(8, -1, 2, 4, 4)
    Sampling(method="euler", steps=20).rollout(network, given, 1, 1e-3)
    seen = set()
    for _, context, _, distance in network.calls:
        numbers = context[:, 0, 0, 0]
        assert torch.equal(3 - numbers, distance.float())
        seen |= set(numbers.tolist())
    assert seen == {0.0, 1.0, 2.0}


def test_a_past_horizon_limits_the_contexts():
    network, given = Recorder(), torch.arange(6.0).view(1, 6, 1, 1, 1).expand(8, -1, 2, 4, 4)
    Sampling(method="euler", steps=20, past_horizon=2).rollout(network, given, 1, 1e-3)
    assert {x for call in network.calls for x in call[3].tolist()} == {1, 2}


def test_a_context_holds_for_all_evaluations_of_a_step():
    network = Recorder()
    Sampling(method="midpoint", steps=10).rollout(network, torch.randn(1, 9, 2, 4, 4), 1, 1e-3)
    distances = [int(call[3]) for call in network.calls]
    assert distances[::2] == distances[1::2] and len(set(distances)) > 1


def test_a_single_given_frame_is_taken_twice():
    network = Recorder()
    future = Sampling(steps=1).rollout(network, torch.randn(1, 1, 2, 4, 4), 2, 1e-3)
    assert future.shape[1] == 2
    torch.testing.assert_close(network.calls[0][0], network.calls[0][1])


def test_a_warm_start_begins_later_and_near_the_last_frame():
    network, given = Recorder(), torch.full((1, 2, 2, 4, 4), 50.0)
    Sampling(method="euler", steps=4, warm_start=0.2).rollout(network, given, 1, 1e-3)
    assert network.calls[0][2] == torch.tensor(0.2)


def test_a_seed_gives_the_same_future_and_another_another():
    given = torch.randn(1, 2, 2, 4, 4)
    first, again, other = (
        Sampling(steps=2, seed=seed).rollout(Recorder(), given, 2, 1e-3) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
