"""scripts/audit --repair: what it submits is what the video was made with, and makes it whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.batch.request import name_for
from tests.functional.audit.changes import Tree, both, cut, edit, flip, remove
from tests.functional.audit.conftest import BUCKET, KEY_SECRET, KEY_URI
from tests.functional.conftest import Server
from tests.functional.operating import FIRST, batch_server, ops, prepare_account
from tests.functional.worker_process import Ended, RunWorker

SOURCE = f"s3://{BUCKET}/in/clip.mp4"


@pytest.fixture(scope="module")
def system(small_clip: Path) -> Iterator[Server]:
    """A deployed system, and a bucket with an upload."""
    with batch_server() as server:
        account = prepare_account(server)
        done = ops(server, "deploy", "--image", FIRST, *account.parameters())
        assert done.returncode == 0, done.stderr
        server.make_bucket(BUCKET)
        server.client().put_object(Bucket=BUCKET, Key="in/clip.mp4", Body=small_clip.read_bytes())
        yield server


def read_tree(server: Server, prefix: str) -> Tree:
    client = server.client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{prefix}/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return {
        key.removeprefix(f"{prefix}/"): client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        for key in keys
    }


def write_tree(server: Server, prefix: str, before: Tree, after: Tree) -> None:
    client = server.client()
    for key in before.keys() - after.keys():
        client.delete_object(Bucket=BUCKET, Key=f"{prefix}/{key}")
    for key, data in after.items():
        if before.get(key) != data:
            client.put_object(Bucket=BUCKET, Key=f"{prefix}/{key}", Body=data)


def repair(server: Server, prefix: str, *words: str) -> dict[str, Any]:
    """Audit a damaged video with --repair; return what was said of its repair."""
    done = ops(server, "audit", f"s3://{BUCKET}/{prefix}", "--json", "--repair", *words)
    assert done.returncode == 1, done.stderr + done.stdout
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def work(run_worker: RunWorker, server: Server, prefix: str, options: Mapping[str, str]) -> Ended:
    words = [
        word
        for name, value in options.items()
        for word in (f"--{name.removesuffix('_s').replace('_', '-')}", value)
    ]
    ended = run_worker(
        *("--source", SOURCE, "--destination", f"s3://{BUCKET}/{prefix}"),
        *("--s3-endpoint", server.endpoint, "--preset", "ultrafast", *words),
        environment={"WORKER_KEY_SECRET": KEY_SECRET},
    )
    assert ended.status == 0, ended.stdout
    return ended


def test_each_kind_of_damage_is_repaired_by_what_is_submitted(
    system: Server, run_worker: RunWorker
) -> None:
    """One segment of the right name and size is enough for the job to be made again."""
    made_with = {"ladder": "180,144", "audio": "muxed", "loudness": "-16", "tag": "course=7"}
    work(run_worker, system, "hls/talk", made_with)
    tree = read_tree(system, "hls/talk")
    run = next(key for key in tree if key.endswith("/checkpoint.json")).partition("/")[0]
    changes = (
        flip("144p/00001.ts"),
        both(
            edit("master.m3u8", b",CODECS=", b",CODEX=", count=1),
            cut("thumbnail.jpg", 2),
            cut("180p/00000.ts"),
            remove("180p/00001.ts", "audio/index.m3u8", "storyboard/index.vtt"),
            flip("storyboard/sheet-000.jpg"),
            cut("144p/index.m3u8"),
        ),
    )
    for number, change in enumerate(changes):
        prefix, damaged = f"hls/talk-{number}", dict(tree)
        change(damaged)
        write_tree(system, prefix, {}, damaged)
        planned = repair(system, prefix, "--dry-run")
        assert (planned["source"], planned["job_id"]) == (SOURCE, None)
        assert (planned["doubts"], planned["refusal"]) == ([], None)
        assert made_with.items() <= planned["options"].items()
        ended = work(run_worker, system, prefix, planned["options"])
        assert ended.final["segments_resumed"] > 0
        done = ops(system, "audit", f"s3://{BUCKET}/{prefix}", "--deep", "--json")
        result = json.loads(done.stdout.splitlines()[0])
        assert (done.returncode, result["verdict"], result["run"]) == (0, "clean", run)
        # What viewers may still have of the damaged publication stays until the next one.
        assert {each["code"] for each in result["findings"]} <= {"superseded_files"}


def test_a_job_is_submitted_with_the_options_of_the_video_unless_there_is_a_doubt(
    system: Server, run_worker: RunWorker
) -> None:
    work(
        run_worker,
        system,
        "hls/secret",
        {"ladder": "144", "encrypt": "true", "key_uri": KEY_URI},
    )
    tree = read_tree(system, "hls/secret")
    write_tree(system, "hls/secret", tree, {k: v for k, v in tree.items() if k != "master.m3u8"})
    taken_off = repair(system, "hls/secret")
    assert taken_off["job_id"] is None
    assert "taken off on purpose" in taken_off["doubts"][0]
    done = repair(system, "hls/secret", "--doubtful")
    (job,) = system.client("batch").describe_jobs(jobs=[done["job_id"]])["jobs"]
    assert job["jobName"] == name_for(f"s3://{BUCKET}/hls/secret")
    assert job["parameters"] | {"source": SOURCE, "ladder": "144"} == job["parameters"]
    environment = {each["name"]: each["value"] for each in job["container"]["environment"]}
    assert environment["WORKER_ENCRYPT"] == "true"
    assert environment["WORKER_KEY_URI"] == KEY_URI


def test_a_video_of_a_file_on_a_machine_is_left_to_a_person(
    system: Server, trees: Mapping[str, Tree]
) -> None:
    tree = dict(trees["plain"])
    flip("144p/00001.ts")(tree)
    write_tree(system, "hls/local", {}, tree)
    said = repair(system, "hls/local")
    assert said["job_id"] is None
    assert "is a path, which a job cannot reach" in said["refusal"]
