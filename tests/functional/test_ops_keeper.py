"""The keeper against a real moto server: its Batch and its S3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops import names
from ops.batch.request import name_for
from tests.functional.conftest import ROOT, Server
from tests.functional.operating import FIRST, batch_server, ops, prepare_account
from worker.errors import Resubmit
from worker.layout import KEEPER, md5_of
from worker.records.job import JobRecord, Outcome
from worker.records.manifest import ManifestRecord, PartRecord
from worker.records.status import StatusRecord

# The pauses are of minutes; a test gives the time instead, an hour from now.
LATER = """
import datetime, ops.commands.keep as keep
class Later(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(hours=1)
keep.datetime = Later
"""
IN_TEN_DAYS = LATER.replace("hours=1", "days=10")
# Runs, as they are named.
LIVE, BEFORE, ORPHAN = "a" * 16, "b" * 16, "c" * 16


@pytest.fixture(scope="module")
def failing() -> Iterator[Server]:
    """A system whose jobs fail."""
    with batch_server(jobs_fail=True) as server:
        account = prepare_account(server)
        done = ops(server, "deploy", "--image", FIRST, *account.parameters())
        assert done.returncode == 0, done.stderr
        yield server


def fail(server: Server, name: str, exit_status: int) -> str:
    """Submit a job that fails, and write what its worker would have written."""
    destination = f"s3://videos/hls/{name}"
    words = ("submit", f"s3://uploads/{name}.mp4", destination, "--detach", "--ladder", "720")
    job_id = ops(server, *words).stdout.strip()
    outcome = Outcome(
        exit_status=exit_status, name="ended", message="it ended", resubmit=Resubmit.YES
    )
    now = "2026-01-01T00:00:00+00:00"
    status = StatusRecord(
        job_id=job_id, state="ended", outcome=outcome, started_at=now, updated_at=now
    )
    server.client("s3").put_object(
        Bucket="videos", Key=f"hls/{name}/status.json", Body=status.to_json()
    )
    deadline = time.monotonic() + 60
    while _job(server, job_id)["status"] != "FAILED":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return job_id


def keep(server: Server, *words: str, before: str = LATER) -> dict[str, Any]:
    done = ops(server, "keep", "--json", *words, before=before)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_failed_job_is_resubmitted_once_and_the_rest_is_reported(failing: Server) -> None:
    again, person = fail(failing, "again", 71), fail(failing, "person", 65)
    tried = keep(failing, "--dry-run")
    assert {v["video"]: v["is"] for v in tried["videos"]} == {
        "s3://videos/hls/again": "resubmitted",
        "s3://videos/hls/person": "person",
    }
    assert len(_jobs(failing)) == 2
    assert KEEPER not in str(failing.client("s3").list_objects_v2(Bucket="videos"))
    topic = failing.client("sns").list_topics()["Topics"][0]["TopicArn"]
    keep(failing, "--topic", topic)
    (new,) = _jobs(failing) - {again, person}
    job = _job(failing, new)
    assert job["tags"] == {
        "keeper-attempt": "1",
        "keeper-causes": "encoder_killed",
        "keeper-failed-job": again,
    }
    assert job["jobName"] == name_for("s3://videos/hls/again")
    assert job["parameters"]["source"] == "s3://uploads/again.mp4"
    assert job["parameters"]["ladder"] == "720"
    stored = failing.client("s3").get_object(Bucket="videos", Key=f"hls/again/{KEEPER}")
    record = json.loads(stored["Body"].read())
    assert (record["failed_job"], record["job"], record["number"]) == (again, new, 1)
    stored = failing.client("s3").get_object(Bucket="videos", Key=f"hls/person/{KEEPER}")
    assert json.loads(stored["Body"].read())["reported_jobs"] == [person]
    # Of the new job nothing says why it failed: its status.json is the old one's.
    last = keep(failing, "--topic", topic)
    assert {v["is"] for v in last["videos"]} <= {"person", "active"}
    assert len(_jobs(failing)) == 3


def test_a_table_for_people_and_a_faulty_command_line(failing: Server) -> None:
    fail(failing, "shown", 65)
    done = ops(failing, "keep", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "message and what to do" in done.stdout.splitlines()[0]
    assert "s3://videos/hls/shown" in done.stdout
    assert "for a person" in done.stdout.splitlines()[-1]
    assert ops(failing, "keep", "--attempts", "-1", "--hours", "0").returncode == 64


@pytest.fixture
def folders(failing: Server) -> Server:
    """Published folders with all that may be deleted, and all that may not."""
    publish(failing, "clean/one/talk", source="talk.mp4", orphan=True)
    publish(failing, "clean/two", source="changed.mp4", identity="s3 uploads changed.mp4 x 1")
    publish(failing, "clean/three", source="partial.mp4", missing_rungs=("1080p",))
    # Of two parts one was replaced since.
    same, another = f"s3 uploads first.mp4 {md5_of(b'upload')} 6", "s3 uploads x 1"
    publish(failing, "clean/five", source="second.mp4", parts=parts(first=same, second=another))
    publish(failing, "clean/five", source="first.mp4", parts=parts(first=same, second=another))
    # A destination that is named as runs are.
    publish(failing, f"clean/four/{ORPHAN}", source="four.mp4", published_at=_in_a_year())
    put(failing, "clean/foreign/master.m3u8", b"#EXTM3U\nindex.m3u8\n")
    for name in (LIVE, ORPHAN):
        put(failing, f"clean/foreign/{name}/0.ts", b"theirs")
    # A job was killed there, and another one may go on with its run.
    status = StatusRecord(job_id="x", run=BEFORE, started_at=_now(), updated_at=_now())
    put(failing, "clean/killed/status.json", status.to_json())
    put(failing, f"clean/killed/{BEFORE}/0.ts", b"kept")
    put(failing, f"clean/killed/{ORPHAN}/0.ts", b"orphan")
    return failing


def test_only_what_nothing_names_is_deleted_and_in_steps(folders: Server) -> None:
    words = ("--below", "s3://videos/clean", "--attempts", "0")
    both = (*words, "--delete-runs-after", "7", "--delete-uploads-after", "7")
    stored = _stored(folders)
    young = (*words, "--delete-runs-after", "30", "--delete-uploads-after", "30")
    assert keep(folders, *young, "--dry-run", before=IN_TEN_DAYS)["deleted"] == []
    tried = keep(folders, *both, "--dry-run", before=IN_TEN_DAYS)
    assert [line.partition(" ")[0] for line in tried["deleted"]] == [
        "s3://uploads/first.mp4",
        f"s3://videos/clean/killed/{ORPHAN}/",
        f"s3://videos/clean/one/talk/{ORPHAN}/",
        "s3://uploads/talk.mp4",
    ]
    assert any("clean/foreign is left as it is" in note for note in tried["notes"])
    assert _stored(folders) == stored
    deleted: list[str] = []
    runs = 0
    while True:
        report = keep(folders, *both, "--max-requests", "20", before=IN_TEN_DAYS)
        deleted += report["deleted"]
        runs += 1
        if not any("--max-requests" in note for note in report["notes"]):
            break
        assert runs < 10
    assert runs > 1
    assert deleted == tried["deleted"]
    gone = stored - _stored(folders)
    assert gone == {
        f"videos/clean/killed/{ORPHAN}/0.ts",
        f"videos/clean/one/talk/{ORPHAN}/0.ts",
        "uploads/first.mp4",
        "uploads/talk.mp4",
    }
    # The next walk is tomorrow's.
    put(folders, f"clean/killed/{ORPHAN}/0.ts", b"orphan")
    assert keep(folders, *both, before=IN_TEN_DAYS)["deleted"] == []


def test_the_image_runs_the_keeper() -> None:
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["sh", str(ROOT / "entrypoint.sh"), "keep", "--help"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: scripts/keep")


def publish(
    server: Server,
    destination: str,
    *,
    source: str,
    orphan: bool = False,
    identity: str | None = None,
    **fields: Any,
) -> None:
    answer = server.client("s3").put_object(Bucket="uploads", Key=source, Body=b"upload")
    etag = answer["ETag"].strip('"')
    described: dict[str, Any] = {
        "run": LIVE,
        "previous_run": BEFORE,
        "request": "r",
        "source": f"s3://uploads/{source}",
        "source_identity": identity or f"s3 uploads {source} {etag} 6",
        "job_id": "j",
        "published_at": _now(),
        "worker": "1",
        "ffmpeg": "7",
        "job": JobRecord(),
        "duration_s": 1.0,
        "frame_rate": "25",
        "presets": (),
        "missing_rungs": (),
        "renditions": (),
        **fields,
    }
    put(server, f"{destination}/manifest.json", ManifestRecord(**described).to_json())
    put(server, f"{destination}/master.m3u8", f"#EXTM3U\n{LIVE}/720p/index.m3u8\n".encode())
    for run in (LIVE, BEFORE, *((ORPHAN,) if orphan else ())):
        put(server, f"{destination}/{run}/0.ts", b"segment")


def parts(**identities: str) -> tuple[PartRecord, ...]:
    return tuple(
        PartRecord(source=f"s3://uploads/{name}.mp4", name=name, identity=identity)
        for name, identity in identities.items()
    )


def put(server: Server, key: str, data: bytes) -> None:
    server.client("s3").put_object(Bucket="videos", Key=key, Body=data)


def _stored(server: Server) -> set[str]:
    store = server.client("s3")
    return {
        f"{bucket}/{item['Key']}"
        for bucket in ("videos", "uploads")
        for item in store.list_objects_v2(Bucket=bucket).get("Contents", ())
    }


def _in_a_year() -> str:
    return (datetime.now(UTC) + timedelta(days=365)).isoformat()


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _jobs(server: Server) -> set[str]:
    listed = server.client("batch").list_jobs(
        jobQueue=names.QUEUE, filters=[{"name": "JOB_NAME", "values": ["*"]}]
    )
    return {job["jobId"] for job in listed["jobSummaryList"]}


def _job(server: Server, job_id: str) -> Any:  # noqa: ANN401 (as boto3 has it)
    return server.client("batch").describe_jobs(jobs=[job_id])["jobs"][0]
