"""A run keeps the checkpoints that it starts from."""

from dataclasses import asdict

import pytest

from launch.errors import MissingError
from launch.record.checksum import sha256
from launch.record.parents import Parent, held, keep, place, recorded
from launch.record.run import Run


@pytest.fixture
def parent(tmp_path):
    """A finished run whose best checkpoint is recorded."""
    run = Run(tmp_path / "parent")
    run.best.parent.mkdir(parents=True)
    run.best.write_text("weights")
    run.note("end", identity="abc", best={"sha256": sha256(run.best)})
    return run


@pytest.fixture
def child(tmp_path, parent):
    """A run that was started from it by reference, and from nothing by another."""
    run = Run(tmp_path / "child")
    run.folder.mkdir()
    found = asdict(Parent.of(parent, parent.best))
    run.note("end", parents=[{"reference": "rung:maps", **found}, {"reference": "rung:later"}])
    return run


def test_a_parent_is_named_by_its_content_and_identity(parent):
    found = Parent.of(parent, parent.best)
    assert found == Parent(str(parent.folder), str(parent.best), sha256(parent.best), "abc")


def test_a_checkpoint_without_a_run_is_its_own_identity(tmp_path):
    path = tmp_path / "other.ckpt"
    path.write_text("weights")
    assert Parent.of(Run(tmp_path), path).identity == sha256(path)


def test_a_best_checkpoint_that_was_exchanged_is_refused(parent):
    parent.best.write_text("other weights")
    with pytest.raises(MissingError, match=r"not the file that its run recorded .* train .* again"):
        Parent.of(parent, parent.best)


def test_its_own_copy_outlives_the_parent(child, parent):
    assert held(child) == recorded(child)
    keep(child, recorded(child))
    own = place(child, "rung:maps")
    assert own.samefile(parent.best)
    parent.best.unlink()
    assert held(child)["rung:maps"].checkpoint == str(own)
    assert held(child)["rung:later"] is None
    keep(child, recorded(child))  # the parent is gone, the copy stays
    assert own.read_text() == "weights"


def test_what_only_the_start_reads_is_not_kept(child):
    keep(child, {"from": recorded(child)["rung:maps"]})
    assert not (child.folder / "parents").exists()


def test_a_copy_is_named_by_its_reference(child):
    own = place(child, "experiment:pbr/phase_a/maps")
    assert own == child.folder / "parents" / "experiment-pbr-phase_a-maps.ckpt"
