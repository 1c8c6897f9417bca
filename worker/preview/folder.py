"""Reads a published folder for the preview, on this machine or in S3."""

from __future__ import annotations

import re
from dataclasses import replace

from worker.errors import NoSourceError
from worker.layout import CHECKPOINT, MANIFEST, MASTER, STATUS, THUMBNAIL
from worker.preview.options import Options
from worker.publish.manifest import read_manifest
from worker.records.base import UnreadableRecordError
from worker.records.checkpoint import CheckpointRecord
from worker.records.segment import Segment
from worker.records.status import StatusRecord
from worker.report.figures import Figures
from worker.report.load import load_figures
from worker.storage.base import RemoteFile, Store
from worker.storage.open import PublishedFolder, open_folder

# What hls.js requests at a time, and a person's seeking beside it.
_CONNECTIONS = 8
# A key below the destination, as the worker makes them. No part of it begins with a dot.
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*){0,4}")


def open_preview(options: Options) -> PublishedFolder:
    """Open a destination, whose keys are restricted to those that a worker makes."""
    folder = open_folder(
        options.location,
        endpoint=options.s3_endpoint,
        region=options.s3_region,
        keys=options.keys,
        connections=_CONNECTIONS,
    )

    def find(key: str) -> RemoteFile:
        # Before a path is made of it.
        if not _KEY.fullmatch(key):
            raise NoSourceError(f"{key!r} is not the name of a published file")
        return folder.find(key)

    return replace(folder, find=find)


def read_folder(folder: PublishedFolder) -> Figures:
    """Read what was published there.

    Raises:
        NoSourceError: nothing is published there.
        BadSourceError: its records are not this worker's.

    """
    if folder.store.get(MASTER) is None:
        raise NoSourceError(
            f"{folder.name} holds no {MASTER}: nothing is published there"
            f"{_state(folder.store)}; name the destination of a job that ended with status 0"
        )
    manifest = read_manifest(folder.store)
    if manifest is None:
        raise NoSourceError(
            f"{folder.name} holds no readable {MANIFEST}; submit its job again, which writes it"
        )
    return load_figures(manifest, _segments(folder, manifest.run))


def read_thumbnail(folder: PublishedFolder) -> bytes | None:
    """Read the image that represents the video."""
    content = folder.store.get(THUMBNAIL)
    return content.data if content else None


def _segments(folder: PublishedFolder, run: str) -> tuple[Segment, ...]:
    key = f"{run}/{CHECKPOINT}"
    content = folder.store.get(key)
    try:
        return CheckpointRecord.from_json(content.data).segments if content else ()
    except UnreadableRecordError as error:
        raise NoSourceError(
            f"{folder.name} holds no readable {key}: {error}; publish the video again"
        ) from error


def _state(store: Store) -> str:
    content = store.get(STATUS)
    try:
        status = StatusRecord.from_json(content.data) if content else None
    except UnreadableRecordError:
        return ""
    if status is None:
        return ""
    if status.outcome:
        outcome = status.outcome
        return f" (its last job ended with {outcome.exit_status}: {outcome.message})"
    return f" (a job is working on it: {status.step}, {status.percent:g}%)"
