"""Stores with keys of their own: source and destination apart, and no secret anywhere."""

from __future__ import annotations

from pathlib import Path

from tests.functional.conftest import ACCESS_KEY, SECRET_KEY, Server
from tests.functional.source.generated import SMALL
from tests.functional.storage.test_s3 import objects
from tests.functional.worker_process import RunWorker

# AWS's own, as of a role: no other store accepts them, and none may see them.
AWS = {"AWS_ACCESS_KEY_ID": "of-aws", "AWS_SECRET_ACCESS_KEY": "canary-of-aws"}
STORE = {"WORKER_S3_ACCESS_KEY_ID": ACCESS_KEY, "WORKER_S3_SECRET_ACCESS_KEY": SECRET_KEY}


def test_source_and_destination_are_in_two_stores_with_keys_of_their_own(
    moto: Server, rclone: Server, run_worker: RunWorker, small_clip: Path
) -> None:
    """And back: each of the two is the source once. The store with rclone checks signatures."""
    for number, (source, destination) in enumerate(((moto, rclone), (rclone, moto))):
        for store in (source, destination):
            store.make_bucket("academy")
        source.client().upload_file(str(small_clip), "academy", "in.mp4")
        environment = {
            **AWS,
            **STORE,
            "WORKER_S3_ENDPOINT": destination.endpoint,
            "WORKER_SOURCE_S3_ENDPOINT": source.endpoint,
            **{f"WORKER_SOURCE_{n.removeprefix('WORKER_')}": value for n, value in STORE.items()},
        }
        ended = run_worker(
            *("--source", "s3://academy/in.mp4", "--destination", f"s3://academy/keys{number}"),
            *(*SMALL, "--log-level", "debug"),
            environment=environment,
        )
        assert ended.status == 0, ended.stdout
        stored = objects(destination.client(), f"keys{number}/")
        assert "master.m3u8" in stored
        written = b"".join(data for key, data in stored.items() if not key.endswith(".ts"))
        for secret in (SECRET_KEY, AWS["AWS_SECRET_ACCESS_KEY"]):
            assert secret not in ended.stdout + ended.stderr
            assert secret.encode() not in written


def test_the_destinations_keys_are_not_used_for_another_store(
    moto: Server, rclone: Server, run_worker: RunWorker, small_clip: Path
) -> None:
    rclone.make_bucket("academy")
    rclone.client().upload_file(str(small_clip), "academy", "in.mp4")
    moto.make_bucket("academy")
    ended = run_worker(
        *("--source", "s3://academy/in.mp4", "--destination", "s3://academy/denied", *SMALL),
        environment={
            **AWS,
            **STORE,
            "WORKER_S3_ENDPOINT": moto.endpoint,
            "WORKER_SOURCE_S3_ENDPOINT": rclone.endpoint,
        },
    )
    assert ended.status == 66, ended.final
    assert "InvalidAccessKeyId" in ended.final["message"]


def test_one_key_serves_both_where_the_store_is_one(
    rclone: Server, run_worker: RunWorker, small_clip: Path
) -> None:
    rclone.make_bucket("academy")
    rclone.client().upload_file(str(small_clip), "academy", "in.mp4")
    ended = run_worker(
        *("--source", "s3://academy/in.mp4", "--destination", "s3://academy/one", *SMALL),
        environment={**AWS, **STORE, "WORKER_S3_ENDPOINT": rclone.endpoint},
    )
    assert ended.status == 0, ended.stdout


def test_half_a_key_is_refused(run_worker: RunWorker, small_clip: Path) -> None:
    ended = run_worker(
        *("--source", small_clip, "--destination", "s3://academy/half"),
        environment={"WORKER_S3_SECRET_ACCESS_KEY": "canary"},
    )
    assert ended.status == 64
    assert "WORKER_S3_ACCESS_KEY_ID: is needed" in ended.final["message"]
    assert "canary" not in ended.stdout
