"""Opens the places a job works on: its source, its destination, its work folder."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from worker.errors import CannotWriteError
from worker.job import Job
from worker.location import HttpsLocation, LocalLocation, S3Location
from worker.store import (
    HttpsSource,
    LocalStore,
    RemoteFile,
    S3Source,
    S3Store,
    Store,
    identify_file,
    make_client,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def open_source(job: Job) -> tuple[RemoteFile | Path, str]:
    """Find the source, and name its very content.

    Raises:
        NoSourceError: it is missing, or reading it is denied.
        StorageUnavailableError: where it lies stays away.

    """
    if isinstance(job.source, LocalLocation):
        return job.source.path, identify_file(job.source.path)
    remote: RemoteFile
    if isinstance(job.source, HttpsLocation):
        remote = HttpsSource(job.source, connections=job.upload_threads)
    else:
        remote = S3Source(_client(job), job.source)
    return remote, remote.identity


def open_store(job: Job) -> Store:
    """Open the destination; nothing is asked of it yet."""
    if isinstance(job.destination, S3Location):
        return S3Store(_client(job), job.destination)
    if isinstance(job.destination, LocalLocation):
        return LocalStore(job.destination.path)
    raise TypeError("an https destination passed the parameters' validation")


def _client(job: Job) -> S3Client:
    return make_client(
        endpoint=job.s3_endpoint, region=job.s3_region, connections=job.upload_threads
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
