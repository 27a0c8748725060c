import torch
from launch.experiments.smoke.path import FlowPath, draw, pick


def test_the_path_begins_at_the_noise_and_ends_at_the_frame_with_sigma_of_noise_left():
    path, noise, frame = FlowPath(sigma=0.01), torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    torch.testing.assert_close(path.position(noise, frame, torch.zeros(3)), noise)
    torch.testing.assert_close(path.position(noise, frame, torch.ones(3)), frame + 0.01 * noise)


def test_the_velocity_is_the_derivative_of_the_position():
    path = FlowPath(sigma=1e-3)
    noise, frame = torch.randn(5, 3).double(), torch.randn(5, 3).double()
    t = torch.rand(5).double()
    change = path.position(noise, frame, t + 1e-6) - path.position(noise, frame, t - 1e-6)
    torch.testing.assert_close(path.velocity(noise, frame), change / 2e-6, atol=1e-6, rtol=1e-6)


def uniform(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, count, generator=generator, dtype=torch.float64)


def test_draws_cover_all_targets_from_the_third_frame_on_and_all_earlier_contexts():
    drawn = draw(torch.full((4000,), 5), uniform(4000, 0))
    pairs = {(int(t), int(c)) for t, c in zip(drawn.target, drawn.context, strict=True)}
    assert pairs == {(t, c) for t in (2, 3, 4) for c in range(t - 1)}
    assert (drawn.reference == drawn.target - 1).all() and (drawn.distance >= 1).all()


def test_draws_keep_to_the_length_of_each_clip():
    drawn = draw(torch.tensor([3, 16] * 200), uniform(400, 3))
    assert (drawn.target[::2] == 2).all() and drawn.target[1::2].max() == 15


def test_numbers_are_in_order_of_time():
    numbers = draw(torch.full((50,), 6), uniform(50, 1)).numbers
    assert numbers.shape == (50, 3)
    assert (numbers.diff(dim=1) >= 1).all()


def test_pick_takes_one_frame_of_each_clip_or_several():
    frames = torch.arange(6).view(2, 3)
    assert pick(frames, torch.tensor([2, 0])).tolist() == [2, 3]
    assert pick(frames, torch.tensor([[2, 0], [1, 1]])).tolist() == [[2, 0], [4, 4]]
