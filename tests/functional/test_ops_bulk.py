"""A list of uploads on a real moto server: interrupted, restarted, each row a job exactly once."""

from __future__ import annotations

import csv
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import names
from tests.functional.conftest import ROOT, Server
from tests.functional.operating import (
    FIRST,
    batch_server,
    ops,
    ops_environment,
    prepare_account,
)

ROWS = 1000
# The pace is for AWS; and moto lists a job at once.
FAST = """
import ops.batch.once, ops.bulk.upload
ops.batch.once.MAX_PER_S = 100000
ops.batch.once.SETTLE_S = ops.bulk.upload.SETTLE_S = 0.1
"""
# Killed in the worst moment: SubmitJob was answered, and the state file does not know yet.
KILLED_AFTER_SUBMITTING = """
import os, signal
from ops.bulk.state import State
add = State.add
def dies(self, row, event, **fields):
    if event == "submitted" and len(self.last) == 151:
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, row, event, **fields)
State.add = dies
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with batch_server() as server:
        account = prepare_account(server)
        done = ops(server, "deploy", "--image", FIRST, *account.parameters())
        assert done.returncode == 0, done.stderr
        yield server


def write_list(path: Path, count: int) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Source", "Destination", "Ladder", "tag.lesson"])
        for number in range(count):
            writer.writerow(
                [f"s3://uploads/{number}.mp4", f"s3://videos/hls/{number}", "720,480", number]
            )
    return path


def submitted(server: Server) -> Counter[str]:
    """How many jobs each destination has."""
    batch = server.client("batch")
    jobs = batch.list_jobs(
        jobQueue=names.QUEUE, filters=[{"name": "JOB_NAME", "values": ["video-*"]}]
    )["jobSummaryList"]
    ids = [job["jobId"] for job in jobs]
    found: Counter[str] = Counter()
    for start in range(0, len(ids), 100):
        for job in batch.describe_jobs(jobs=ids[start : start + 100])["jobs"]:
            found[job["parameters"]["destination"]] += 1
    return found


def test_a_thousand_rows_interrupted_three_times_are_each_submitted_exactly_once(
    server: Server, tmp_path: Path
) -> None:
    rows = write_list(tmp_path / "term.csv", ROWS)
    state = tmp_path / "term.csv.state.jsonl"
    words = ("submit", "--list", str(rows), "--poll", "0.1")
    died = ops(server, *words, before=FAST + KILLED_AFTER_SUBMITTING, timeout_s=300)
    assert died.returncode == -signal.SIGKILL
    assert json.loads(state.read_text().splitlines()[-1])["event"] == "submitting"
    assert len(submitted(server)) == 151
    for size in (400, 700):
        kill_at_random(server, *words, state=state, rows=size)
    report = tmp_path / "report.json"
    done = ops(server, *words, "--report-file", str(report), before=FAST, timeout_s=300)
    assert done.returncode == 0, done.stderr
    assert f"{ROWS} rows, {ROWS} published" in done.stdout
    assert submitted(server) == {f"s3://videos/hls/{n}": 1 for n in range(ROWS)}
    record = json.loads(report.read_text())
    assert record["summary"]["published"] == ROWS
    assert len({row["job_id"] for row in record["rows"]}) == ROWS
    # What has ended is not looked at again.
    again = ops(server, *words, before=FAST)
    assert again.returncode == 0, again.stderr
    assert sum(submitted(server).values()) == ROWS


def kill_at_random(server: Server, *words: str, state: Path, rows: int) -> None:
    """Start the command, and kill it some moments after it has submitted so many rows in all."""
    program = f"{FAST}\nimport sys\nfrom ops.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", program, *words, "--endpoint-url", server.endpoint],
        cwd=ROOT,
        env=ops_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while state.read_text().count('"submitted"') < rows:
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(random.uniform(0, 0.1))  # noqa: S311 (a moment, no secret)
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
