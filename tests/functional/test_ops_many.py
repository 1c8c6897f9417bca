"""Many jobs of a real moto server at once: refused, resubmitted, terminated, as JSON."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops import names
from ops.keeper.claim import KeeperRecord
from tests.functional.conftest import Server
from tests.functional.operating import failing_system, ops
from worker.errors import Resubmit, SourceFault
from worker.messages import TEACHER_MESSAGES
from worker.records.job import MessageRecord, Outcome
from worker.records.status import StatusRecord

SENTENCE = TEACHER_MESSAGES[SourceFault.NO_VIDEO]
REFUSED = Outcome(
    exit_status=65,
    name="bad_source",
    code=SourceFault.NO_VIDEO,
    message="a.mp4 holds no video stream",
    resubmit=Resubmit.NO,
    teacher_message=MessageRecord(en=SENTENCE.en, ko=SENTENCE.ko),
)
UNAVAILABLE = Outcome(
    exit_status=69,
    name="storage_unavailable",
    message="the store does not answer",
    resubmit=Resubmit.YES,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A system whose jobs fail."""
    with failing_system() as server:
        yield server


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def end(server: Server, key: str, job_id: str, outcome: Outcome) -> None:
    """Write the status.json of a worker that has ended so."""
    now = "2026-01-01T00:00:00+00:00"
    status = StatusRecord(
        job_id=job_id, state="ended", outcome=outcome, started_at=now, updated_at=now
    )
    server.client("s3").put_object(Bucket="videos", Key=f"{key}/status.json", Body=status.to_json())


def test_nothing_is_submitted_before_all_rows_are_good(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "faulty.jsonl"
    good = {"source": "s3://uploads/a.mp4", "destination": "s3://videos/faulty/a"}
    bad = {**good, "destination": "s3://videos/faulty/b", "ladder": "x"}
    path.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n{json.dumps(good)}\n")
    done = ops(server, "submit", "--list", str(path))
    assert done.returncode == 64
    assert "2 of 3 rows cannot be used; nothing was submitted" in done.stderr
    assert "line 2: --ladder" in done.stderr
    assert "line 3: destination s3://videos/faulty/a is that of line 1 too" in done.stderr
    assert ops(server, "jobs", "--name", "video-faulty-*", "--json").stdout == ""
    skipped = ops(server, "submit", "--list", str(path), "--skip-bad", "--detach", "--json")
    assert skipped.returncode == 64
    assert events(skipped.stdout)[-1]["waiting"] == 1


def test_rows_end_with_their_reasons_and_are_resubmitted_where_that_helps(
    server: Server, tmp_path: Path
) -> None:
    s3 = server.client("s3")
    for name in ("a.mp4", "b.MOV", "deep/c.mp4", "notes.txt"):
        s3.put_object(Bucket="uploads", Key=f"term/{name}", Body=b"x")
    report = tmp_path / "report.csv"
    words = (
        *("submit", "--prefix", "s3://uploads/term/", "--destination", "s3://videos/t/{path}"),
        *("--state", str(tmp_path / "state.jsonl"), "--poll", "0.1"),
    )
    submitted = ops(server, *words, "--detach", "--json")
    assert submitted.returncode == 0, submitted.stderr
    ids = {e["destination"]: e["job_id"] for e in events(submitted.stdout) if e["event"] == "row"}
    assert set(ids) == {"s3://videos/t/a", "s3://videos/t/b", "s3://videos/t/deep/c"}
    end(server, "t/a", ids["s3://videos/t/a"], REFUSED)
    end(server, "t/b", ids["s3://videos/t/b"], UNAVAILABLE)
    ended = ops(server, *words, "--report-file", str(report))
    assert ended.returncode == 70, ended.stderr
    assert "1 refused, 2 failed" in ended.stdout
    assert f"[{SENTENCE.ko}]" in " ".join(ended.stdout.split())
    with report.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["destination"]: row for row in csv.DictReader(file)}
    assert rows["s3://videos/t/a"]["teacher_ko"] == SENTENCE.ko
    assert rows["s3://videos/t/a"]["exit_status"] == "65"
    assert rows["s3://videos/t/b"]["cost"] == "unknown"

    retry = ("jobs", "--retry", "--all-failed", "--since", "24h", "--json")
    would = [e for e in events(ops(server, *retry, "--dry-run").stdout) if not e["why_not"]]
    assert [e["failed_job"] for e in would] == [ids["s3://videos/t/b"]]
    done = events(ops(server, *retry).stdout)
    (again,) = [e for e in done if e["job_id"]]
    described = events(ops(server, "jobs", again["job_id"], "--json").stdout)[0]
    assert described["parameters"]["source"] == "s3://uploads/term/b.MOV"
    claim = json.loads(s3.get_object(Bucket="videos", Key="t/b/keeper.json")["Body"].read())
    assert (claim["failed_job"], claim["job"]) == (ids["s3://videos/t/b"], again["job_id"])
    # The new job is the row's: the list goes on with it.
    resumed = ops(server, *words, "--json")
    assert again["job_id"] in resumed.stdout
    named = ops(server, "jobs", "--retry", ids["s3://videos/t/a"])
    assert named.returncode == 65
    assert "do not resubmit" in named.stdout


def test_what_a_keeper_has_claimed_is_not_resubmitted(server: Server) -> None:
    """Nor what cannot be claimed: a keeper might submit it at the same time."""
    submit = ("submit", "s3://uploads/claimed.mp4", "s3://videos/claimed", "--detach")
    job_id = ops(server, *submit).stdout.strip()
    end(server, "claimed", job_id, UNAVAILABLE)
    now = datetime.now(UTC).isoformat()
    claim = KeeperRecord(writer="keeper", claimed_at=now, failed_job=job_id)
    put = server.client("s3").put_object
    put(Bucket="videos", Key="claimed/keeper.json", Body=claim.to_json())
    taken = ops(server, "jobs", "--retry", job_id)
    assert (taken.returncode, "was as quick" in taken.stdout) == (65, True)
    withdrawn = claim.model_copy(update={"claimed_at": None})
    put(Bucket="videos", Key="claimed/keeper.json", Body=withdrawn.to_json())
    denied = ops(server, "jobs", "--retry", job_id, before=_DENIED)
    assert (denied.returncode, "access denied" in denied.stdout) == (65, True)
    assert ops(server, "jobs", "--retry", job_id).returncode == 0


_DENIED = """
import ops.commands.jobs as jobs
from worker.errors import CannotWriteError
def refuse(*_):
    raise CannotWriteError("access denied")
jobs.open_destination = refuse
"""


def test_many_jobs_are_terminated_after_a_confirmation_only(server: Server) -> None:
    """moto's jobs end at once, so they are shown as running."""
    words = ("jobs", "--terminate", "--name", "video-many-*")
    for name in ("a", "b"):
        ops(server, "submit", f"s3://uploads/{name}.mp4", f"s3://videos/many/{name}", "--detach")
    asked = ops(server, *words, before=_RUNNING)
    assert asked.returncode == 64
    assert "2 jobs would be terminated: confirm with --yes" in asked.stderr
    dry = ops(server, *words, "--dry-run", "--json", before=_RUNNING)
    assert [e["state"] for e in events(dry.stdout)] == ["would be terminated"] * 2
    done = ops(server, *words, "--yes", "--json", before=_RUNNING)
    assert done.returncode == 0, done.stderr
    assert [e["state"] for e in events(done.stdout)] == ["terminated"] * 2


_RUNNING = """
from dataclasses import replace
import ops.bulk.select as select
select.STATUSES = ("FAILED",)
read = select.read_job
select.read_job = lambda detail: replace(read(detail), status="RUNNING")
import ops.commands.jobs as jobs
jobs._ACTIVE = ("FAILED", "RUNNING")
"""


def test_a_second_submission_and_a_foreign_bucket_are_warned_of(server: Server) -> None:
    words = ("submit", "s3://elsewhere/a.mp4", "s3://videos/twice", "--detach")
    first = ops(server, *words)
    assert first.returncode == 0
    assert "SOURCE s3://elsewhere/a.mp4 is not below s3://uploads/" in first.stderr
    second = ops(server, *words, before="import ops.commands.submit as s; s._HAS_ENDED = ()")
    assert f"job {first.stdout.strip()} (FAILED) has this name already" in second.stderr


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (("jobs", "--queue", "none"), 66, "none"),
        (("submit", "s3://uploads/a.mp4", "s3://videos/a", "--queue", "none"), 66, "none"),
        (("jobs", "--limit", "0"), 64, "--limit: write a whole number"),
        (("jobs", "--since", "yesterday", "--terminate"), 64, "--since"),
        (("jobs", "--retry"), 64, "--all-failed with --since"),
        (("submit", "--list", "none.csv"), 64, "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_with_its_own_status(
    server: Server, words: tuple[str, ...], status: int, text: str
) -> None:
    done = ops(server, *words)
    assert done.returncode == status, done.stderr
    assert text in done.stderr


def test_a_job_is_submitted_and_followed_as_json(server: Server) -> None:
    done = ops(
        server,
        *("submit", "s3://uploads/j.mp4", "s3://videos/j", "--json", "--queue", names.QUEUE),
        before="import ops.batch.follow; ops.batch.follow._LAST_LINES_S = 0",
    )
    assert done.returncode == 70
    kinds = [event["event"] for event in events(done.stdout)]
    assert kinds == ["submitted", "status", "ended"]


def test_a_month_is_added_up_from_the_log(server: Server) -> None:
    logs = server.client("logs")
    logs.create_log_stream(logGroupName=names.LOG_GROUP, logStreamName="month")
    line = {"event": "job_finished", "job_id": "1", "exit_status": 0, "duration_s": 600}
    messages = [json.dumps({**line, "academy": "a42"}), json.dumps({"event": "progress"})]
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=names.LOG_GROUP,
        logStreamName="month",
        logEvents=[{"timestamp": now, "message": message} for message in messages],
    )
    done = events(ops(server, "jobs", "--report", "month", "--json").stdout)
    assert [(e["academy"], e["jobs"], e["minutes"]) for e in done] == [
        ("a42", 1, 10),
        ("total", 1, 10),
    ]
    assert "minutes of video" in ops(server, "jobs", "--report", "month").stdout
