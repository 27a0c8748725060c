import numpy as np
import torch
from launch.experiments.smoke.windows import Windows


def clip(length: int) -> np.ndarray:
    frames = np.zeros((length, 3, 2, 4), np.uint8)
    frames[:, :, :, 0] = np.arange(length)[:, None, None] + 1
    return frames


def mirrored(sample: dict) -> bool:
    return sample["names"][0].endswith("mirrored")


def test_windows_stay_within_their_clip():
    windows = Windows([clip(6), clip(5)], frames=4, stride=2)
    starts = [int(windows[i]["frames"][0, 0, 0, 0]) for i in range(len(windows))]
    assert starts == [1, 3, 1]
    assert all(windows[i]["length"] == 4 for i in range(3))


def test_a_short_clip_repeats_its_last_frame_and_tells_its_length():
    sample = Windows([clip(3)], frames=5, stride=1)[0]
    assert sample["length"] == 3
    assert sample["frames"][:, 0, 0, 0].tolist() == [1, 2, 3, 3, 3]


def test_a_training_key_gives_a_context_a_reference_and_the_target_after_it():
    windows = Windows([clip(7)], frames=5, stride=2)
    for number, start in ((0, 0), (1, 2)):
        for epoch in range(20):
            sample = windows[epoch, number]
            numbers = (sample["frames"][:, 0, 0, 0] - 1).tolist()
            assert sample["names"] == [f"0 {n}" for n in numbers]
            assert numbers[2] == numbers[1] + 1 and numbers[1] - numbers[0] == sample["distance"]
            assert start <= numbers[0] and numbers[2] < start + 5


def test_a_training_key_of_a_single_frame_gives_that_frame():
    sample = Windows([clip(3)], frames=1, stride=1, flip=True)[0, 2]
    assert sample["frames"].shape == (1, 3, 2, 4)
    assert sample["frames"].max() == 3


def test_targets_of_a_short_clip_are_real_frames():
    windows = Windows([clip(3)], frames=5, stride=1)
    assert windows[0, 0]["names"] == ["0 0", "0 1", "0 2"]


def test_half_of_the_windows_are_mirrored_whole_by_seed_epoch_and_number():
    windows = Windows([clip(3)] * 40, frames=3, stride=3, seed=1, flip=True)
    flipped = [mirrored(windows[0, i]) for i in range(40)]
    assert 10 < sum(flipped) < 30
    for i in range(40):
        lit = windows[0, i]["frames"][:, 0, 0, 3 if flipped[i] else 0]
        assert lit.tolist() == [1, 2, 3]
    assert flipped == [mirrored(windows[0, i]) for i in range(40)]
    assert flipped != [mirrored(windows[1, i]) for i in range(40)]


def test_grey_clips_have_three_channels_and_validation_keys_are_never_mirrored():
    windows = Windows([clip(4)[:, :1]] * 9, frames=4, stride=4, flip=True)
    for number in range(9):
        frames = windows[number]["frames"]
        assert frames.shape == (4, 3, 2, 4) and frames.dtype == torch.uint8
        assert frames[:, 0, 0, 0].tolist() == [1, 2, 3, 4]


def test_velocities_come_with_their_clip():
    velocity = np.ones((1, 4, 2, 2, 4), np.float16)
    assert Windows([clip(4)], 4, 4, velocity=velocity)[0]["velocity"].dtype == torch.float32
