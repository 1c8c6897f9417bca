"""Opens the places a job works on: its source, its destination, its work folder."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from worker.budget import Budget
from worker.color import TABLE_NAME, color_table, plan_conversion
from worker.errors import CannotWriteError
from worker.job import Job
from worker.location import HttpsLocation, LocalLocation, S3Location
from worker.media import VideoStream
from worker.store import (
    LocalStore,
    RemoteFile,
    SteadyStore,
    ask,
    identify_file,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def open_source(job: Job, budget: Budget) -> tuple[RemoteFile | Path, str]:
    """Find the source, and name its very content.

    Raises:
        NoSourceError: it is missing, or reading it is denied.
        StorageUnavailableError: where it lies stays away.
        WorkerError: the budget's reason to stop.

    """
    place = job.source
    if isinstance(place, LocalLocation):
        return place.path, ask(lambda: identify_file(place.path), budget)
    remote: RemoteFile
    if isinstance(place, HttpsLocation):
        from worker.store.https import HttpsSource

        remote = ask(
            lambda: HttpsSource(
                place, connections=job.upload_threads, allow_private=job.allow_private_sources
            ),
            budget,
        )
    else:
        from worker.store.s3 import S3Source

        remote = ask(lambda: S3Source(_client(job), place), budget)
    return remote, remote.identity


def open_store(job: Job, budget: Budget) -> SteadyStore:
    """Open the destination; nothing is asked of it yet."""
    if isinstance(job.destination, S3Location):
        from worker.store.s3 import S3Store

        return SteadyStore(S3Store(_client(job), job.destination), budget)
    if isinstance(job.destination, LocalLocation):
        return SteadyStore(LocalStore(job.destination.path, is_leased=True), budget)
    raise TypeError("an https destination passed the parameters' validation")


def _client(job: Job) -> S3Client:
    from worker.store.s3 import make_client

    return make_client(
        endpoint=job.s3_endpoint,
        region=job.s3_region or job.aws_region,
        connections=job.upload_threads,
    )


@contextlib.contextmanager
def work_folder(job: Job) -> Iterator[Path]:
    """Make a folder for this job alone, and remove it with all that is in it.

    Raises:
        CannotWriteError: it cannot be made.

    """
    try:
        if job.work_dir is not None:
            job.work_dir.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="academy-video-worker-", dir=job.work_dir))
    except OSError as error:
        raise CannotWriteError(
            f"the work folder cannot be made: {error}; name a writable one with --work-dir"
        ) from error
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_color_table(video: VideoStream, folder: Path) -> None:
    """Put the table by which FFmpeg converts the source's colours, if it needs one, in a folder."""
    conversion = plan_conversion(video)
    if conversion is not None:
        (folder / TABLE_NAME).write_text(color_table(conversion))
