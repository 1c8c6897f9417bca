"""Opens what a location names: the destination of a job, a source, a published folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from pydantic import SecretStr

from worker.config.job import Job
from worker.config.location import HttpsLocation, LocalLocation, Location, S3Location
from worker.config.sources import joined_identity, part_name
from worker.config.values import StoreKeys
from worker.runtime.budget import Budget
from worker.runtime.threads import run_in_thread
from worker.storage.base import RemoteFile, Store, naming_part
from worker.storage.local import LocalStore
from worker.storage.local_source import LocalFile, LocalSource
from worker.storage.retrying import RetryingStore, retry_in_thread

# What stands for AWS where a URL names another store.
_AWS = "aws"
# After a stop: without a client, a job could not find out who has the destination, nor record that
# it was stopped.
_OPEN_GRACE_S = 8.0


def open_store(
    job: Job, budget: Budget, *, answer_s: float | None = None, is_shared: bool = False
) -> RetryingStore:
    """Open the destination; no request to it is made yet, but its credentials are fetched.

    A store's answer is waited for `answer_s` seconds; None: as long as is usual. `is_shared`: other
    processes write there, too.

    Raises:
        StorageUnavailableError: the provider of the credentials did not answer for two minutes.
        WorkerError: the credentials' configuration cannot be used; the budget's reason to stop.

    """
    location = job.destination
    if isinstance(location, S3Location):
        from worker.storage.s3 import S3Store, make_client

        client = retry_in_thread(
            lambda: make_client(location, **_client_options(job), answer_s=answer_s),
            budget,
            grace_s=_OPEN_GRACE_S,
        )
        return RetryingStore(S3Store(client, location, denied_is_missing=True), budget)
    if isinstance(location, LocalLocation):
        return RetryingStore(LocalStore(location.path, is_leased=not is_shared), budget)
    raise TypeError("an https destination passed the parameters' validation")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedSource:
    """A file of the upload: where it is read, and the name of its very content.

    `check_unchanged` raises NoSourceError if a local file is no longer the one that was opened. A
    remote one is compared while it is downloaded.
    """

    location: Location
    content: RemoteFile | Path
    identity: str
    check_unchanged: Callable[[], None] = lambda: None

    @property
    def name(self) -> str:
        """What people know it by."""
        return part_name(self.location)


@dataclass(frozen=True, slots=True)
class OpenedParts:
    """The files that are joined to one lecture, in order; mostly one."""

    parts: tuple[OpenedSource, ...]

    @property
    def identity(self) -> str:
        """The name of their content: another order is another name."""
        return joined_identity([part.identity for part in self.parts])

    def check_unchanged(self) -> None:
        """Compare local files with those that were opened.

        Raises:
            NoSourceError: one is another by now; the message names it.

        """
        for number, part in enumerate(self.parts, start=1):
            with naming_part(number, len(self.parts)):
                part.check_unchanged()


def open_sources(job: Job, budget: Budget) -> OpenedParts:
    """Find all parts of the source, and name their very content.

    Raises:
        NoSourceError: one is missing, reading it is denied, or it was changed while it was hashed;
            the message names it.
        StorageUnavailableError: its store does not answer.
        WorkerError: the budget's reason to stop.

    """
    parts = []
    for number, location in enumerate(job.sources, start=1):
        with naming_part(number, len(job.sources)):
            parts.append(open_input(location, job, budget))
    return OpenedParts(tuple(parts))


def open_input(location: Location, job: Job, budget: Budget) -> OpenedSource:
    """Find a file that belongs to the upload, with the credentials and limits of the source.

    Raises:
        WorkerError: as `open_sources` raises it.

    """
    if isinstance(location, LocalLocation):
        local = retry_in_thread(lambda: LocalSource(location.path), budget)
        return OpenedSource(
            location=location,
            content=local.path,
            identity=local.identity,
            # In a thread: a network file system may be slow to answer.
            check_unchanged=lambda: run_in_thread(local.check_unchanged, budget.check),
        )
    remote: RemoteFile
    if isinstance(location, HttpsLocation):
        from worker.storage.https import HttpsSource

        remote = retry_in_thread(
            lambda: HttpsSource(
                location, connections=job.upload_threads, allow_private=job.allow_private_sources
            ),
            budget,
        )
    else:
        remote = retry_in_thread(lambda: _open_s3_source(job, location), budget)
    return OpenedSource(location=location, content=remote, identity=remote.identity)


def _open_s3_source(job: Job, location: S3Location) -> RemoteFile:
    from worker.storage.s3 import make_client
    from worker.storage.s3_errors import RefusedSourceError
    from worker.storage.s3_source import S3Source

    client = make_client(location, **_source_options(job), refused=RefusedSourceError)
    return S3Source(client, location)


class _ClientOptions(TypedDict):
    endpoint: str | None
    region: str | None
    keys: StoreKeys | None
    connections: int


def _client_options(job: Job) -> _ClientOptions:
    return {
        "endpoint": job.s3_endpoint,
        "region": job.s3_region or job.aws_region,
        "keys": store_keys(job.s3_access_key_id, job.s3_secret_access_key),
        # How many FFmpegs there will be is known later; a connection is made when one is needed.
        "connections": job.uploads_beside(),
    }


def _source_options(job: Job) -> _ClientOptions:
    """Return the options of the source's store: the destination's, unless they are its own.

    Another store gets no credentials of the destination's.
    """
    keys = store_keys(job.source_s3_access_key_id, job.source_s3_secret_access_key)
    shared = _client_options(job)
    if job.source_s3_endpoint is None:
        region = job.source_s3_region or shared["region"]
        return {**shared, "region": region, "keys": keys or shared["keys"]}
    is_aws = job.source_s3_endpoint == _AWS
    return {
        **shared,
        "endpoint": None if is_aws else job.source_s3_endpoint,
        "region": job.source_s3_region or job.aws_region,
        "keys": keys,
    }


def store_keys(key_id: SecretStr | None, key: SecretStr | None) -> StoreKeys | None:
    """Return the credentials of a store; None for AWS's own."""
    if key_id is None or key is None:
        return None
    return StoreKeys(
        access_key_id=key_id.get_secret_value(), secret_access_key=key.get_secret_value()
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedFolder:
    """A destination, to be read; `find` opens one of its files, by its key.

    `find` raises NoSourceError where there is none, and StorageUnavailableError.
    """

    name: str
    store: Store
    find: Callable[[str], RemoteFile]


def open_folder(
    location: LocalLocation | S3Location,
    *,
    endpoint: str | None,
    region: str | None,
    keys: StoreKeys | None,
    connections: int,
) -> PublishedFolder:
    """Open a destination to read what is published there; no request to it is made yet.

    Raises:
        StorageUnavailableError: the provider of the credentials fails.
        CannotWriteError: the configuration of the credentials cannot be used.

    """
    if isinstance(location, LocalLocation):
        path = location.path
        return PublishedFolder(
            name=str(location), store=LocalStore(path), find=lambda key: LocalFile(path, key)
        )
    from worker.storage.s3 import S3Store, make_client
    from worker.storage.s3_source import S3Source

    client = make_client(
        location, endpoint=endpoint, region=region, keys=keys, connections=connections
    )
    return PublishedFolder(
        name=str(location),
        store=S3Store(client, location),
        find=lambda key: S3Source(
            client, S3Location(bucket=location.bucket, key=f"{location.key}/{key}")
        ),
    )
