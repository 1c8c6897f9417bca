"""A published folder as the preview reads it, on this machine or in S3."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from worker.checkpoint import CHECKPOINT
from worker.errors import BadSourceError, NoSourceError
from worker.gallery import THUMBNAIL
from worker.location import LocalLocation
from worker.playlist import MASTER
from worker.preview.options import Options
from worker.publish import MANIFEST, read_manifest
from worker.report.figures import Figures
from worker.report.reading import read_figures
from worker.status import STATUS
from worker.store import LocalFile, LocalStore, RemoteFile, Store

# What hls.js asks for at a time, and a person's seeking beside it.
_CONNECTIONS = 8
# A key below the destination, as the worker makes them. No part of it begins with a dot.
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*){0,4}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """A destination; `find` opens one of its files, by its key.

    `find` raises NoSourceError where there is none, and StorageUnavailableError.
    """

    name: str
    store: Store
    find: Callable[[str], RemoteFile]


def open_folder(options: Options) -> Folder:
    """Open a destination; nothing is asked of it yet."""
    place = options.place
    if isinstance(place, LocalLocation):
        path = place.path
        return Folder(
            name=str(place), store=LocalStore(path), find=lambda key: LocalFile(path, _plain(key))
        )
    # Imported where it is used, as everywhere: boto3 takes its time.
    from worker.location import S3Location
    from worker.store.s3 import S3Source, S3Store, make_client

    client = make_client(
        endpoint=options.s3_endpoint, region=options.s3_region, connections=_CONNECTIONS
    )
    return Folder(
        name=str(place),
        store=S3Store(client, place),
        find=lambda key: S3Source(
            client, S3Location(bucket=place.bucket, key=f"{place.key}/{_plain(key)}")
        ),
    )


def _plain(key: str) -> str:
    """Refuse what no worker wrote, before it is made a path of."""
    if not _KEY.fullmatch(key):
        raise NoSourceError(f"{key!r} is no name of a published file")
    return key


def read_folder(folder: Folder) -> Figures:
    """Read what was published there.

    Raises:
        NoSourceError: nothing is published there.
        BadSourceError: it was not this worker that wrote it.

    """
    if folder.store.get(MASTER) is None:
        raise NoSourceError(
            f"{folder.name} holds no {MASTER}: nothing is published there"
            f"{_state(folder)}; name the destination of a job that ended with status 0"
        )
    manifest = read_manifest(folder.store)
    if manifest is None:
        raise NoSourceError(
            f"{folder.name} holds no readable {MANIFEST}; submit its job again, which writes it"
        )
    return read_figures(manifest, _read_json(folder.store, f"{manifest.get('run')}/{CHECKPOINT}"))


def read_thumbnail(folder: Folder) -> bytes | None:
    """Read the picture that stands for the video."""
    content = folder.store.get(THUMBNAIL)
    return content.data if content else None


def _state(folder: Folder) -> str:
    status = _read_json(folder.store, STATUS)
    if not status:
        return ""
    outcome = status.get("outcome")
    if isinstance(outcome, dict):
        return f" (its last job ended with {outcome.get('exit_status')}: {outcome.get('message')})"
    return f" (a job is at it: {status.get('step')}, {status.get('percent')}%)"


def _read_json(store: Store, key: str) -> dict[str, Any] | None:
    content = store.get(key)
    try:
        value = json.loads(content.data) if content else None
    except ValueError as error:
        raise BadSourceError(f"{key} cannot be read: {error}; publish the video again") from error
    return value if isinstance(value, dict) else None
