"""CloudWatch gets each log line once, stdout its own, and neither changes the exit status."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.conftest import Server, free_port
from tests.functional.worker_process import RunWorker

GROUP = "/aws/batch/academy-video-worker"


@pytest.fixture
def group(moto: Server) -> str:
    client = moto.client("logs")
    names = [g["logGroupName"] for g in client.describe_log_groups()["logGroups"]]
    if GROUP not in names:
        client.create_log_group(logGroupName=GROUP)
    return GROUP


def delivered(moto: Server, stream: str) -> list[dict[str, object]]:
    events = moto.client("logs").get_log_events(
        logGroupName=GROUP, logStreamName=stream, startFromHead=True
    )["events"]
    return [json.loads(event["message"]) for event in events]


def test_in_batch_each_line_is_delivered_once(
    moto: Server, group: str, run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    """stdout: the first line and the last; CloudWatch: everything between, in order."""
    ended = run_worker(
        *("--source", small_clip, "--destination", tmp_path / "out", "--log-group", group),
        environment={
            "AWS_BATCH_JOB_ID": "job-1:7",
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": moto.endpoint,
            "WORKER_ACADEMY": "a42",
        },
    )
    assert ended.status == 0
    assert [e["event"] for e in ended.events] == ["worker_started", "job_finished"]
    lines = delivered(moto, "job-1/7")
    steps = [
        event.get("step", event["event"])
        for event in lines
        if event["event"] in {"step_started", "planned", "job_finished"}
    ]
    assert steps == ["probe", "planned", "encode", "verify", "publish", "end"]
    assert {event["job_id"] for event in lines + ended.events} == {"job-1:7"}
    last = ended.events[-1]
    assert (last["academy"], last["outcome"], last["jobs"]) == ("a42", "published", 1)
    assert last["minutes"] == round(last["duration_s"] / 60, 3)
    # FFmpeg's seconds are among them.
    assert last["cpu_s"] > 0.5
    assert last["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "AcademyVideoWorker"


def test_a_failure_is_also_on_stdout(
    moto: Server, group: str, run_worker: RunWorker, tmp_path: Path
) -> None:
    ended = run_worker(
        *("--source", tmp_path / "missing.mp4", "--destination", tmp_path / "out"),
        *("--cloudwatch", "on", "--log-group", group, "--job-id", "failing"),
        environment={"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": moto.endpoint},
    )
    assert ended.status == 66
    assert ended.final["level"] == "error"


def test_without_a_log_group_all_lines_go_to_stdout_with_a_warning(
    moto: Server, run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    ended = run_worker(
        *("--source", small_clip, "--destination", tmp_path / "out", "--cloudwatch", "on"),
        *("--log-group", "/no/such/group"),
        environment={"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": moto.endpoint},
    )
    assert ended.status == 0
    (warning,) = ended.named("cloudwatch_unavailable")
    assert "/no/such/group" in warning["reason"]
    assert ended.named("planned")


class Gate:
    """Forwards to moto until it is shut; then it accepts connections and never answers."""

    def __init__(self, port: int) -> None:
        self.is_shut = False
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._open += [client, server]
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    def _copy(self, a: socket.socket, b: socket.socket) -> None:
        try:
            while data := a.recv(65_536):
                # After the stream is made, the gate shuts at the first log lines.
                self.is_shut = self.is_shut or b"PutLogEvents" in data
                if not self.is_shut:
                    b.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        self._listener.close()
        for one in self._open:
            one.close()


@pytest.fixture
def gate(moto: Server) -> Iterator[Gate]:
    gate = Gate(int(moto.endpoint.rpartition(":")[2]))
    yield gate
    gate.close()


def test_a_blocked_cloudwatch_delays_the_end_by_seconds_and_loses_no_line(
    gate: Gate, group: str, run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    """What cannot be delivered is on stdout before the last line."""
    started_s = time.monotonic()
    ended = run_worker(
        *("--source", small_clip, "--destination", tmp_path / "out", "--cloudwatch", "on"),
        *("--log-group", group, "--job-id", "blocked"),
        environment={"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": gate.endpoint},
    )
    assert ended.status == 0
    assert gate.is_shut
    assert ended.named("planned")
    assert len(ended.named("step_started")) == 5
    assert ended.events[-1]["event"] == "job_finished"
    elapsed_s = ended.final["elapsed_s"]
    print(f"exited {time.monotonic() - started_s - elapsed_s:.1f} s after the end of the job")
    assert time.monotonic() - started_s - elapsed_s < 30, "it waits for CloudWatch"


def test_an_unreachable_cloudwatch_does_not_delay_the_job(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    ended = run_worker(
        *("--source", small_clip, "--destination", tmp_path / "out", "--cloudwatch", "on"),
        environment={"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": f"http://127.0.0.1:{free_port()}"},
    )
    assert ended.status == 0
    assert ended.named("cloudwatch_unavailable")
