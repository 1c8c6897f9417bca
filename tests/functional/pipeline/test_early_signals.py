"""A stop signal at any moment from the first line on: status 143, and an outcome."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from tests.functional.conftest import wait_for
from tests.functional.pipeline.outcomes import assert_failed
from tests.functional.worker_process import Running, RunWorker, StartWorker

# Sends the worker a signal when this name is called or imported.
AT_IMPORT = """
import builtins, os
real, sent = builtins.__import__, []
def importing(name, *args, **kwargs):
    if name == {at!r} and not sent:
        sent.append(name)
        os.kill(os.getpid(), {number})
    return real(name, *args, **kwargs)
builtins.__import__ = importing
"""
AT_CALL = """
import os, {module} as module
real = module.{name}
signals = [{number}]
def calling(*args, **kwargs):
    # A second signal would ask for a faster end.
    if signals:
        os.kill(os.getpid(), signals.pop())
    return real(*args, **kwargs)
module.{name} = calling
"""
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def catches(running: Running, number: signal.Signals) -> bool:
    for line in Path(f"/proc/{running.process.pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("at", ["worker.entry", "structlog", "worker.pipeline"])
def test_143_a_signal_during_imports(
    number: signal.Signals, at: str, run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    ended = run_worker(
        *("--source", small_clip, "--destination", tmp_path),
        before=AT_IMPORT.format(at=at, number=int(number)),
    )
    assert_failed(ended, tmp_path, 143, number.name)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("worker.config.cli", "parse_job"),
        ("worker.monitoring.logs", "stream_name"),
        ("worker.storage.open", "open_store"),
    ],
)
def test_143_a_signal_before_the_destination_is_claimed(
    number: signal.Signals,
    module: str,
    name: str,
    run_worker: RunWorker,
    small_clip: Path,
    tmp_path: Path,
) -> None:
    ended = run_worker(
        *("--source", small_clip, "--destination", tmp_path, "--cloudwatch", "on"),
        before=AT_CALL.format(module=module, name=name, number=int(number)),
        environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "ap-northeast-2"},
    )
    assert_failed(ended, tmp_path, 143, number.name)


def test_143_an_early_signal_leaves_time_to_record_it_in_a_slow_store(
    run_worker: RunWorker, small_clip: Path, tmp_path: Path
) -> None:
    slow = (
        "import time, worker.storage.local as local\nget = local.LocalStore.get\n"
        "def late(self, key):\n    time.sleep(0.5)\n    return get(self, key)\n"
        "local.LocalStore.get = late\n"
    )
    early = AT_CALL.format(module="worker.storage.open", name="open_store", number=15)
    ended = run_worker("--source", small_clip, "--destination", tmp_path, before=f"{slow}{early}")
    assert_failed(ended, tmp_path, 143, "SIGTERM")


@pytest.mark.parametrize("delay_s", [0, 0.05, 0.2, 0.5])
def test_143_a_signal_as_soon_as_one_is_handled(
    delay_s: float, start_worker: StartWorker, small_clip: Path, tmp_path: Path
) -> None:
    running = start_worker("--source", small_clip, "--destination", tmp_path)
    wait_for(lambda: catches(running, signal.SIGTERM), what="handler")
    time.sleep(delay_s)
    running.process.send_signal(signal.SIGTERM)
    assert_failed(running.wait(60), tmp_path, 143, "SIGTERM")


def test_143_while_cloudwatch_does_not_answer(
    start_worker: StartWorker, small_clip: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.listen(50)
        running = start_worker(
            *("--source", small_clip, "--destination", tmp_path, "--cloudwatch", "on"),
            environment={
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
                "AWS_REGION": "ap-northeast-2",
            },
        )
        connection, _ = silent.accept()
        started_s = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert_failed(running.wait(60), tmp_path, 143, "SIGTERM")
        assert time.monotonic() - started_s < 15
        connection.close()
