"""Super-resolution as a user types it."""

import pytest

from launch.record.storage import read_json
from tests.command_line import launch


@pytest.mark.slow
def test_a_gan_starts_where_the_training_before_it_was_validated(tmp_path):
    """Its averaged weights go on, and the discriminator that it lacks starts fresh."""
    short = [f"trainer.{key}=20" for key in ("max_iterations", "validate_every", "image_every")]
    code, printed = launch("+experiment=sr/static", *short, f"run_dir={tmp_path / 'a'}")
    assert code == 0, printed
    once = [f"trainer.{key}=1" for key in ("max_iterations", "validate_every", "image_every")]
    still = [*once, "module.optimizer.lr=1e-12", f"run_dir={tmp_path / 'b'}"]
    code, printed = launch("+experiment=sr/gan_ramp", f"from={tmp_path / 'a'}", *still)
    assert code == 0, printed
    assert "has no discriminators, which starts fresh" in printed
    folders = (tmp_path / "a", tmp_path / "b")
    before, after = (read_json(f / "run.json")["metrics"]["psnr_y"] for f in folders)
    assert after == pytest.approx(before, abs=0.001)
