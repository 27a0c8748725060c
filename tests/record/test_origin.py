"""Where a run comes from."""

import subprocess

from launch.record.origin import git_state, here, person


def test_a_run_comes_from_a_machine_a_commit_and_packages():
    found = here()
    assert found["host"]
    assert set(found["versions"]) >= {"python", "torch", "lightning", "hydra-core"}


def test_a_changed_tree_is_told_and_a_folder_without_git_has_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert git_state() is None
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    clean = git_state()
    assert clean is not None and len(clean["commit"]) == 40 and not clean["dirty"]
    (tmp_path / "new").touch()
    assert git_state() == clean | {"dirty": True}


def test_a_container_may_know_a_number_only(monkeypatch):
    monkeypatch.delenv("USER", raising=False)
    assert person().startswith("user ")
