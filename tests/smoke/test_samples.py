"""What is shown of clips before a training."""

from launch.experiments.smoke.data import SimulatedSmoke


def test_inspection_shows_what_is_simulated(tmp_path):
    data = SimulatedSmoke(
        clips=2, validation_clips=1, clip_frames=4, size=16, frames=4, cache=str(tmp_path / "c")
    )
    assert data.inspect(tmp_path / "sheets") == [
        "train: 2 clips of 4 frames, made by the program",
        "validation: 1 clips of 4 frames, made by the program",
    ]
    assert {p.name for p in (tmp_path / "sheets").iterdir()} == {"train.png", "validation.png"}
