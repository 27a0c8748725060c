"""Files replace each other in one step, or not at all; a damaged one is found."""

import errno
import io
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from launch.record import storage
from launch.record.storage import StorageError

STORED = b"PK\x03\x04 any content " + b"PK\x05\x06" + bytes(18)


def sealed(path, content=STORED):
    with storage.replacing(path) as file:
        target = storage.Sealed(file)
        target.write(content[:9])
        target.write(content[9:])
        target.seal()
    return path


@pytest.fixture
def full(monkeypatch):
    """A disk on which nothing can be flushed any more."""

    def refuse(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage.os, "fsync", refuse)


def test_a_file_is_replaced_when_it_is_whole(tmp_path):
    path = tmp_path / "inner" / "table.csv"
    storage.write(path, "old")
    with storage.replacing(path, "w") as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["table.csv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupted_writer_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "picture.png"
    storage.write(path, b"good")
    with pytest.raises(error), storage.replacing(path) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"good"
    assert os.listdir(tmp_path) == ["picture.png"]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, request):
    path = tmp_path / "run.json"
    storage.write(path, "{}")
    request.getfixturevalue("full")
    with pytest.raises(OSError, match="No space left") as caught:
        storage.write(path, "{'status': 'failed'}")
    assert path.read_text() == "{}"
    assert os.listdir(tmp_path) == ["run.json"]
    told = storage.explained(caught.value)
    assert told.exit_code == 3
    assert str(path) in told.message and "MiB are free" in told.message


def test_room_is_looked_for_before_a_large_file_is_written(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    storage.write(path, bytes(1000))
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: SimpleNamespace(free=999))
    with pytest.raises(OSError, match="No space left"), storage.replacing(path):
        pytest.fail("nothing is written")


def test_the_generation_before_is_kept(tmp_path):
    last, previous = tmp_path / "last", tmp_path / "previous"
    for content in ("1", "2", "3"):
        with storage.replacing(last, "w", keep=previous) as file:
            file.write(content)
    assert (last.read_text(), previous.read_text()) == ("3", "2")
    assert sorted(os.listdir(tmp_path)) == ["last", "previous"]


def test_a_disk_that_refuses_to_flush_leaves_what_was_there(tmp_path, monkeypatch):
    path, done = tmp_path / "last", []
    path.write_bytes(b"first")

    def refuse(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(storage.os, "fsync", refuse)
    with (
        pytest.raises(OSError, match="Input/output"),
        storage.replacing(path, flush=False) as file,
    ):
        file.write(b"second")
        with storage.flushing(file):
            done.append("meanwhile")
    assert (done, path.read_bytes()) == (["meanwhile"], b"first")
    assert [*tmp_path.iterdir()] == [path]


def test_after_a_kill_between_keeping_and_replacing_nothing_is_left_over(tmp_path):
    last, previous = tmp_path / "last", tmp_path / "previous"
    last.write_bytes(b"first")
    previous.hardlink_to(last)
    with storage.replacing(last, keep=previous) as file:
        file.write(b"second")
    assert (last.read_bytes(), previous.read_bytes()) == (b"second", b"first")
    assert sorted(tmp_path.iterdir()) == [last, previous]


def test_a_disk_without_hard_links_keeps_it_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(storage.os, "link", refuse)
    test_the_generation_before_is_kept(tmp_path)


def test_side_outputs_only_warn(tmp_path, full, capsys):
    with storage.optional("a picture"):
        storage.write(tmp_path / "picture.png", b"")
    assert "warning: a picture could not be written" in capsys.readouterr().err


def test_what_killed_writers_left_is_removed_and_runs_below_are_left_alone(tmp_path):
    deep = tmp_path / "result" / "surfaces" / "x.tif.7.partial"
    left = [tmp_path / "run.json.7.partial", tmp_path / "checkpoints" / "last.ckpt.7.partial", deep]
    others = [tmp_path / "job" / "run.json.9.partial"]
    for path in (*left, *others, tmp_path / ".lock", tmp_path / "job" / ".lock"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    storage.clean(tmp_path)
    assert [path for path in (*left, *others) if path.exists()] == others


def test_every_flipped_bit_of_a_sealed_file_is_found(tmp_path):
    path = sealed(tmp_path / "last.ckpt")
    assert storage.verify(path)
    whole = path.read_bytes()
    for place in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = storage.verify(path)
        except StorageError as error:
            assert "is not what was written" in error.message
        else:
            assert not found, "a file whose zip ends in damage is nobody's, and cannot be read"


@pytest.mark.parametrize("length", range(0, len(STORED) + storage.SEAL, 5))
def test_a_file_that_is_cut_off_is_not_taken_for_a_whole_one(tmp_path, length):
    path = sealed(tmp_path / "last.ckpt")
    path.write_bytes(path.read_bytes()[:length])
    if length:
        assert not storage.verify(path)
    else:
        with pytest.raises(StorageError, match="is empty"):
            storage.verify(path)


def test_files_of_other_programs_have_no_seal(tmp_path):
    (tmp_path / "model.pth").write_bytes(STORED)
    assert storage.verify(tmp_path / "model.pth") is None


PRINTING = """
from launch.record.process import outlive_readers
outlive_readers()
import sys
for line in range(20000):
    print("line", line)
sys.stderr.write("still here")
"""


@pytest.mark.parametrize("how", ["| head -1", "> /dev/full", ">&-", ">&- 2>&- <&-"])
def test_a_process_outlives_the_readers_of_its_output(how):
    command = f'set -o pipefail; "{sys.executable}" -c "$0" {how}'
    done = subprocess.run(["bash", "-c", command, PRINTING], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == (b"" if "2>" in how else b"still here")


def test_a_sealed_file_says_what_the_disk_refused():
    class Full(io.BytesIO):
        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

    target = storage.Sealed(Full())
    with pytest.raises(OSError, match="No space"):
        target.write(b"")
    assert target.refused.errno == errno.ENOSPC
