"""A large file is stored in parts: whole, from where an attempt broke off, or not at all."""

from __future__ import annotations

import hashlib
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import Server
from worker.config.location import S3Location
from worker.errors import StorageUnavailableError, TerminatedError
from worker.layout import LargeFile, download_file
from worker.runtime.budget import Budget
from worker.storage import s3_parts
from worker.storage.base import Parts, StoredObject
from worker.storage.retrying import RetryingStore
from worker.storage.s3 import S3Store

# S3 takes no smaller parts, but for the last.
PART = 5 << 20
BUCKET = "parts"


@pytest.fixture(params=["moto", "rclone", "ceph"])
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(s3_parts, "PART_BYTES", PART)
    server: Server = request.getfixturevalue(request.param)
    server.make_bucket(BUCKET)
    return server


@pytest.fixture
def large(tmp_path: Path) -> LargeFile:
    """A file of three parts."""
    path = tmp_path / "in.mp4"
    path.write_bytes(random.Random(1).randbytes(2 * PART + 1000))  # noqa: S311
    md5 = hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324
    return download_file("run", "mp4", path, size=path.stat().st_size, md5=md5, title="talk")


class Faulty(S3Store):
    """A store of which a client call fails, once; `lost` ones are made all the same."""

    def __init__(self, server: Server, call: str, *, at: int, lost: bool = False) -> None:
        client = server.client()
        super().__init__(client, S3Location(bucket=BUCKET, key="out"))
        self.calls = 0
        real = getattr(client, call)

        def fail(**values: Any) -> Any:  # noqa: ANN401 (as the client)
            self.calls += 1
            if self.calls == at:
                if lost:
                    real(**values)
                raise StorageUnavailableError("no answer")
            return real(**values)

        setattr(client, call, fail)


def put(store: S3Store, file: LargeFile, budget: Budget | None = None) -> str:
    budget = budget or Budget(time_limit_s=100, clock=time.monotonic)
    return RetryingStore(store, budget).put_large(file, Parts()).etag


def unfinished(server: Server) -> list[Any]:
    uploads: list[Any] = server.client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    return uploads


def stored(server: Server, file: LargeFile) -> dict[str, Any]:
    answer: dict[str, Any] = server.client().get_object(Bucket=BUCKET, Key=f"out/{file.key}")
    return answer


@pytest.mark.parametrize(
    ("call", "at", "lost"),
    [
        ("upload_part", 0, False),
        ("upload_part", 2, False),
        ("complete_multipart_upload", 1, False),
        ("complete_multipart_upload", 1, True),
    ],
)
def test_it_is_whole_and_no_part_is_sent_twice(
    s3: Server, large: LargeFile, call: str, at: int, *, lost: bool
) -> None:
    store = Faulty(s3, call, at=at, lost=lost)
    etag = put(store, large)
    answer = stored(s3, large)
    assert answer["Body"].read() == large.path.read_bytes()
    if s3.name != "rclone":
        # It lists another ETag than it answered, and keeps no such header.
        assert answer["ETag"] == f'"{etag}"'
        assert answer["ContentDisposition"] == 'attachment; filename="talk.mp4"'
    if call == "upload_part":
        assert store.calls == 3 + (at > 0)


@pytest.mark.parametrize("s3", ["moto"], indirect=True)
def test_nothing_is_left_of_one_that_is_given_up(s3: Server, large: LargeFile) -> None:
    budget = Budget(time_limit_s=100, clock=time.monotonic)

    class Stopped(Faulty):
        def put_large(self, file: LargeFile, parts: Parts) -> StoredObject:
            try:
                return super().put_large(file, parts)
            finally:
                budget.stop(TerminatedError("SIGTERM"))

    with pytest.raises(TerminatedError):
        put(Stopped(s3, "complete_multipart_upload", at=1), large, budget)
    assert unfinished(s3) == []
