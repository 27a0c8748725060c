"""The server answers on this machine, under its own name, with what the folders hold now."""

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from launch.show.report.serve import Server
from tests.show.report.runs import make


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    make(tmp_path / "a")
    with Server(str(tmp_path), port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def get(server: Server, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request("GET", path, headers={"Host": f"{host}:{server.server_port}"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_the_page_follows_the_runs(server: Server, tmp_path: Path) -> None:
    assert server.server_address[0] == "127.0.0.1"
    status, page = get(server, "/")
    assert status == 200 and "const WATCH = true" in page
    make(tmp_path / "b")
    assert len(json.loads(get(server, "/content")[1])["runs"]) == 2
    assert len(json.loads(get(server, "/pictures")[1])) == 2


def test_other_names_and_paths_are_refused(server: Server) -> None:
    assert get(server, "/", host="evil.example")[0] == 403
    assert get(server, "/../run.json")[0] == 404


def test_a_taken_port_is_replaced(server: Server) -> None:
    with Server("runs", port=server.server_port) as other:
        assert other.server_port != server.server_port
