"""Benchmarks that need a card run through at small sizes on a CPU."""

import os
import subprocess
import sys

import pytest

from launch.record.run import REPOSITORY


@pytest.mark.slow
def test_what_a_card_does_is_measured_within_its_limits_and_kept_under_its_name(tmp_path):
    command = [sys.executable, "benchmarks/device.py", "--tiny", "--into", str(tmp_path)]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    [path] = tmp_path.glob("CPU-*-tiny.md")
    rows = [line.split("|")[1:-1] for line in path.read_text().splitlines() if "|" in line][2:]
    assert {row[0].strip() for row in rows} == {"sr", "pbr 1K", "smoke"}
    assert len(rows) == 12
    for _, _, milliseconds, samples, waits, reads in rows:
        if "no time" not in milliseconds:
            assert float(milliseconds) > 0 and float(samples) > 0
            assert 0 <= int(waits.strip().rstrip("%")) <= 100
            assert reads.strip() == "-"
