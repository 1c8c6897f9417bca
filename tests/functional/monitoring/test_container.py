"""How many vCPUs a job has, asked of a real HTTP server as of ECS."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.functional.conftest import free_port
from tests.functional.served import served
from tests.functional.worker_process import RunWorker
from worker.monitoring.container import METADATA_URI, read_vcpus


class Agent(HTTPServer):
    """An agent of ECS that gives its answer to everything."""

    answer = b'{"DockerId": "1", "Limits": {"CPU": 2048, "Memory": 3072}}'

    @property
    def environment(self) -> dict[str, str]:
        return {METADATA_URI: f"http://127.0.0.1:{self.server_port}/v4/1"}


class Handler(BaseHTTPRequestHandler):
    server: Agent

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: object) -> None:
        """Nothing is written into a test's output."""


@pytest.fixture
def agent() -> Iterator[Agent]:
    agent = Agent(("127.0.0.1", 0), Handler)
    with served(agent):
        yield agent


def test_the_last_line_has_the_vcpus_of_the_job(
    agent: Agent, run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    words = ("--source", small_clip, "--destination", tmp_path / "out")
    assert run_worker(*words, environment=agent.environment).final["vcpus"] == 2
    assert "vcpus" not in run_worker(*words).final


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"Limits": {}}', b'{"Limits": {"CPU": 0}}'])
def test_what_ecs_does_not_say_is_not_known(agent: Agent, answer: bytes) -> None:
    agent.answer = answer
    assert read_vcpus(agent.environment) is None


def test_an_agent_that_is_not_there_stops_no_job() -> None:
    assert read_vcpus({METADATA_URI: f"http://127.0.0.1:{free_port()}/v4/1"}) is None
    assert read_vcpus({}) is None
