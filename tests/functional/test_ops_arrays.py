"""One video on many machines, on a real moto server: submitted, followed, shown, resubmitted.

moto ends the children of an array job at once, unrun, and calls the array FAILED, as Batch does
where one child was killed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops import names
from ops.batch.job import is_child
from ops.batch.request import name_for
from tests.functional.conftest import Server
from tests.functional.operating import failing_system, ops
from tests.functional.worker_process import StartWorker
from worker.errors import Resubmit
from worker.records.job import Outcome
from worker.records.status import StatusRecord
from worker.records.team import MachineSummary

# The keeper's pauses are of minutes; a test gives the time instead.
IN_AN_HOUR = """
import datetime, ops.commands.keep as keep
class Later(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(hours=1)
keep.datetime = Later
"""
# While real workers run beside it, moto's children are to do so too.
RUNNING = """
import ops.batch.array as array, ops.batch.job as job
from dataclasses import replace
read = job.read_job
job.read_job = array.read_job = lambda detail: replace(read(detail), status="RUNNING")
"""
AUTO = ("--machines", "auto", "--within", "20m", "--length", "3h", "--price", "0.04")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A system whose jobs fail."""
    with failing_system() as server:
        yield server


def submit(server: Server, name: str, *words: str) -> str:
    locations = (f"s3://uploads/{name}.mp4", f"s3://videos/hls/{name}")
    done = ops(server, "submit", *locations, "--detach", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def describe(server: Server, *job_ids: str) -> list[dict[str, Any]]:
    found = {d["jobId"]: d for d in server.client("batch").describe_jobs(jobs=job_ids)["jobs"]}
    return [found[job_id] for job_id in job_ids]


def end(server: Server, name: str, team: str, exit_status: int = 0) -> None:
    """Write the status.json of a team whose second machine leads."""
    resubmit = Resubmit.YES if exit_status else Resubmit.NOT_NEEDED
    now = "2026-01-01T00:00:00+00:00"
    record = StatusRecord(
        job_id=f"{team}:1",
        team=team,
        state="ended",
        step="publish",
        percent=100,
        started_at=now,
        updated_at=now,
        machines=tuple(
            MachineSummary(number=index + 1, job_id=f"{team}:{index}", state="ended", segments=9)
            for index in range(3)
        ),
        outcome=Outcome(
            exit_status=exit_status,
            name="storage_unavailable" if exit_status else "published",
            message="it ended",
            resubmit=resubmit,
        ),
    )
    server.client("s3").put_object(
        Bucket="videos", Key=f"hls/{name}/status.json", Body=record.to_json()
    )


def test_a_video_on_three_machines_ends_as_its_status_json_says(server: Server) -> None:
    team = submit(server, "three", "--machines", "3", "--ladder", "720")
    array, child = describe(server, team, f"{team}:2")
    assert array["arrayProperties"]["size"] == 3
    variables = {each["name"]: each["value"] for each in child["container"]["environment"]}
    assert variables["WORKER_MACHINES"] == "3"
    assert child["parameters"]["ladder"] == "720"
    end(server, "three", team)
    followed = ops(server, "jobs", team, "--follow", "--poll", "0.1")
    assert followed.returncode == 0, followed.stderr
    assert "machine 3  " in followed.stdout
    assert "outcome    published, exit status 0 (from status.json" in followed.stdout
    shown = ops(server, "jobs", team)
    assert shown.returncode == 0, shown.stderr
    for text in ("machines   3 machines: ", "  machine 1  ", "9 segments", "published"):
        assert text in shown.stdout
    answer = json.loads(ops(server, "jobs", team, "--json").stdout)
    assert answer["result"]["exit_status"] == 0
    assert [each["number"] for each in answer["machines"]] == [1, 2, 3]
    assert answer["status_json"]["team"] == team


def test_a_list_has_one_row_for_an_array(server: Server) -> None:
    team = submit(server, "row", "--machines", "2")
    listed = ops(server, "jobs", "--name", "video-hls-row-*", "--json").stdout
    assert [json.loads(line)["job_id"] for line in listed.splitlines()] == [team]


def test_the_number_of_machines_is_chosen_and_explained(server: Server) -> None:
    locations = ("s3://uploads/auto.mp4", "s3://videos/hls/auto")
    done = ops(server, "submit", *locations, *AUTO, "--detach")
    assert done.returncode == 0, done.stderr
    assert "7 machines: about 20 min" in done.stderr
    assert describe(server, done.stdout.strip())[0]["arrayProperties"]["size"] == 7
    refused = ops(server, "submit", *locations, *AUTO[:3], "5m", *AUTO[4:])
    assert refused.returncode == 64
    assert "even 64 machines would take about 11 min" in refused.stderr


def test_a_machine_is_not_resubmitted_without_the_others(server: Server) -> None:
    team = submit(server, "child", "--machines", "2")
    done = ops(server, "jobs", "--retry", f"{team}:1")
    assert done.returncode == 64
    assert f"--retry {team}" in done.stderr


def test_the_keeper_resubmits_an_array_as_one_and_leaves_alone_what_has_published(
    server: Server,
) -> None:
    failed = submit(server, "kept", "--machines", "3", "--ladder", "720", "--vcpus", "4")
    published = submit(server, "done", "--machines", "3")
    end(server, "kept", failed, 69)
    end(server, "done", published)
    done = ops(server, "keep", "--json", before=IN_AN_HOUR)
    assert done.returncode == 0, done.stderr
    videos = {each["video"]: each for each in json.loads(done.stdout)["videos"]}
    assert videos["s3://videos/hls/done"]["is"] == "published"
    kept = videos["s3://videos/hls/kept"]
    assert (kept["is"], kept["exit_status"]) == ("resubmitted", 69)
    listed = server.client("batch").list_jobs(
        jobQueue=names.QUEUE,
        filters=[{"name": "JOB_NAME", "values": [name_for("s3://videos/hls/kept")]}],
    )
    arrays = {job["jobId"] for job in listed["jobSummaryList"] if not is_child(job["jobId"])}
    (new,) = arrays - {failed}
    array, child = describe(server, new, f"{new}:2")
    assert array["arrayProperties"]["size"] == 3
    assert array["tags"]["keeper-failed-job"] == failed
    assert child["parameters"]["ladder"] == "720"
    variables = {each["name"]: each["value"] for each in child["container"]["environment"]}
    assert variables["WORKER_MACHINES"] == "3"


def test_an_array_is_retried_by_hand_as_one(server: Server) -> None:
    failed, published = (submit(server, n, "--machines", "3") for n in ("again", "fine"))
    end(server, "again", failed, 69)
    end(server, "fine", published)
    words = ("jobs", "--retry", failed, published, "--vcpus", "4", "--json")
    done = ops(server, *words, before=IN_AN_HOUR)
    assert done.returncode == 65, done.stderr
    again, fine = (json.loads(line) for line in done.stdout.splitlines())
    assert (fine["job_id"], fine["outcome"]) == (None, "published")
    (array,) = describe(server, again["job_id"])
    assert array["arrayProperties"]["size"] == 3


def test_real_workers_as_the_children_of_an_array_are_followed_to_their_end(
    server: Server, minute_clip: Path, start_worker: StartWorker
) -> None:
    server.client().upload_file(str(minute_clip), "uploads", "real.mp4")
    team = submit(server, "real", "--machines", "2", "--ladder", "360")
    locations = ("--source", "s3://uploads/real.mp4", "--destination", "s3://videos/hls/real")
    started = []
    for index in range(2):
        environment = {
            "AWS_BATCH_JOB_ID": f"{team}:{index}",
            "WORKER_MACHINES": "2",
            "WORKER_CLOUDWATCH": "off",
        }
        given = (*locations, "--ladder", "360", "--s3-endpoint", server.endpoint)
        started.append(start_worker(*given, environment=environment))
    words = ("jobs", team, "--follow", "--poll", "0.2", "--json")
    followed = ops(server, *words, before=RUNNING, timeout_s=300)
    ended = [worker.wait() for worker in started]
    assert [each.status for each in ended] == [0, 0]
    assert followed.returncode == 0, followed.stderr
    events = [json.loads(line) for line in followed.stdout.splitlines()]
    assert {event["event"] for event in events} == {"status", "machine", "progress", "ended"}
    assert {event["machine"]["number"] for event in events if "machine" in event} == {1, 2}
    shown = json.loads(ops(server, "jobs", team, "--json").stdout)
    assert shown["result"]["exit_status"] == 0
    # However short the job was, its end lists them.
    machines = shown["status_json"]["machines"]
    assert [each["number"] for each in machines] == [1, 2]
    assert all(each["state"] in {"encoding", "waiting"} for each in machines)
    # Only the machine that published has the bytes: a month counts the video once.
    assert len([each for each in ended if "bytes" in each.final]) == 1
