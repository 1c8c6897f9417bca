"""Jobs on a store that fails: their options, and what must hold when they have ended."""

from __future__ import annotations

from typing import TypeAlias

from tests.functional.worker_process import FAST_LEASE, Ended
from tests.published import Shape, shape
from worker.storage.s3 import S3Store

JobOptions: TypeAlias = tuple[str, ...]

BUCKET = "faulty"
OPTIONS = ("--ladder", "180,120", "--segment", "2", "--preset", "veryfast")


def with_patience(seconds: float) -> str:
    """Code that makes the worker wait a second for an answer, and retry for so many seconds."""
    return (
        f"{FAST_LEASE}\nimport worker.storage.s3 as s3, worker.storage.retrying as retrying\n"
        f"s3.ANSWER_S = lease.ANSWER_S = 1\nretrying.PATIENCE_S = {seconds}"
    )


def assert_published_whole(ended: Ended, destination: S3Store, reference: Shape) -> None:
    """What was published is what a job without faults publishes."""
    assert ended.status == 0, ended.stdout
    assert shape(destination) == reference


def assert_ended(ended: Ended, status: int, *words: str) -> None:
    assert ended.status == status, ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    for word in words:
        assert word in ended.final["message"]
