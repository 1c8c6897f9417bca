"""Records which segments of a run are in the store, and recalls them for the next job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

import structlog

from worker.errors import StorageUnavailableError, TakenError, VerificationError
from worker.hls.encryption import SegmentCipher
from worker.hls.segment import has_planned_codec, is_whole, measure_segment
from worker.layout import (
    AUDIO,
    CHECKPOINT,
    File,
    is_machine_checkpoint,
    json_file,
    read_segment_name,
    run_prefix,
)
from worker.plan.plan import Plan, describe
from worker.records.base import UnreadableRecordError
from worker.records.checkpoint import CheckpointRecord
from worker.records.segment import Segment
from worker.runtime.budget import Budget
from worker.runtime.threads import DaemonThreadPool, wait_for
from worker.storage.base import ListingDeniedError, PreconditionFailedError, StoredObject
from worker.storage.retrying import RetryingStore
from worker.upload.verify import audio_faults

# What was stored since the last save is found by reading it, so this need not be often.
_SAVE_EVERY_S = 15.0

log = structlog.get_logger(__name__)


class Checkpoint:
    """The segments of one run that the store has confirmed; filled by many threads.

    `save` writes them below the run, with the plan as plain data, so that a later job can continue
    from there and a person sees what was planned. It replaces the record with this ETag (None:
    none), then its own: where another job wrote one meanwhile, this job was overtaken. Each machine
    of a team has one of its own, under another `key`, which it alone writes: without a condition.
    """

    def __init__(
        self, run: str, plan: Mapping[str, Any], *, etag: str | None = None, key: str | None = None
    ) -> None:
        self.run = run
        # Why the source was refused after all was decoded: nothing of it is left to show that.
        self.refusal: str | None = None
        self._is_shared = key is None
        self._key = key or f"{run}/{CHECKPOINT}"
        self._plan = plan
        self._etag = etag
        self._segments: dict[tuple[str, int], Segment] = {}
        self._lock = threading.Lock()
        self._save_lock = threading.Lock()
        self._saved: CheckpointRecord | None = None
        self._saved_s = 0.0

    def add(self, segment: Segment) -> None:
        """Record a segment that is in the store."""
        with self._lock:
            self._segments[segment.rendition, segment.index] = segment

    def forget(self, rendition: str) -> None:
        """Drop a rendition, which will be made again."""
        with self._lock:
            self._segments = {at: s for at, s in self._segments.items() if at[0] != rendition}

    def renditions(self) -> dict[str, tuple[Segment, ...]]:
        """Return the segments of each rendition, in order."""
        return {
            rendition: tuple(segments)
            for rendition, segments in groupby(self._ordered(), key=lambda s: s.rendition)
        }

    def _ordered(self) -> tuple[Segment, ...]:
        with self._lock:
            return tuple(sorted(self._segments.values(), key=lambda s: (s.rendition, s.index)))

    @property
    def count(self) -> int:
        """Number of segments recorded."""
        return len(self._segments)

    def save(self, store: RetryingStore) -> None:
        """Write the record, if it has changed since it was last written.

        Raises:
            TakenError: another job wrote one meanwhile.
            WorkerError: it cannot be written.

        """
        with self._save_lock:
            record = CheckpointRecord(
                run=self.run, plan=self._plan, segments=self._ordered(), refusal=self.refusal
            )
            if record == self._saved:
                return
            file = json_file(self._key, record.to_json())
            try:
                self._etag = self._write(file, store).etag
            except PreconditionFailedError as error:
                raise TakenError(
                    f"another job wrote {file.key} in {store}; nothing more is written; submit"
                    " again when that job has ended"
                ) from error
            self._saved = record

    def _write(self, file: File, store: RetryingStore) -> StoredObject:
        if self._is_shared:
            return store.replace(file, etag=self._etag)
        # Whoever published deletes those of all machines: also of one that stood still meanwhile.
        return store.put(file)

    def save_periodically(self, store: RetryingStore, now_s: float) -> None:
        """Write the record if that was long ago; that the store is unavailable is only logged."""
        with self._lock:
            if now_s - self._saved_s < _SAVE_EVERY_S:
                return
            self._saved_s = now_s
        try:
            self.save(store)
        except StorageUnavailableError as error:
            log.warning("checkpoint_not_saved", reason=str(error))


def recall(
    store: RetryingStore,
    run: str,
    plan: Plan,
    cipher: SegmentCipher,
    *,
    budget: Budget,
    threads: int,
) -> Checkpoint:
    """Find what earlier jobs left of this run.

    The listing shows what is there; attempts that met may have left several segments of one index,
    of which any valid one counts. One that is recorded with this very size and ETag counts as it
    was read then; another one is read, decrypted and compared with the plan, like one that was just
    made: it was stored after the last record was, or by a job that died. One that ends early is
    made again: an FFmpeg that fails may announce what it had begun. So is one of another codec
    string, which an FFmpeg of another build may have made: a rendition has one. The audio counts
    whole or not at all, as it is encoded whole.
    """
    shared, etag = _read_record(store, run, CHECKPOINT)
    checkpoint = Checkpoint(run, describe_run(plan, cipher), etag=etag)
    prefix = run_prefix(run)
    try:
        listing = {
            key.removeprefix(prefix): stored for key, stored in sorted(store.list(prefix).items())
        }
    except ListingDeniedError as error:
        log.warning("listing_denied", reason=str(error))
        return checkpoint
    machines = filter(is_machine_checkpoint, listing)
    recorded = _merge((shared, *(_read_record(store, run, m)[0] for m in machines)), checkpoint)
    with DaemonThreadPool("recall", threads) as pool:
        readings = []
        for position, names in _by_position(plan, listing).items():
            known = (recorded[name] for name in names if _is_recorded(name, listing, recorded))
            segment = next((each for each in known if _is_usable(plan, each)), None)
            if segment:
                checkpoint.add(segment)
            else:
                unread = [name for name in names if not _is_recorded(name, listing, recorded)]
                read = partial(_read_segment, store, plan=plan, cipher=cipher, position=position)
                keys = [f"{run}/{name}" for name in unread]
                readings.append(pool.submit(partial(_first_usable, plan, keys, read)))
        for reading in readings:
            if found := wait_for(reading, budget.check):
                checkpoint.add(found)
    if any(audio_faults(plan, checkpoint.renditions().get(AUDIO, ()))):
        checkpoint.forget(AUDIO)
    return checkpoint


def _merge(
    records: Sequence[CheckpointRecord | None], checkpoint: Checkpoint
) -> dict[str, Segment]:
    """Return what records of this run have, by the segments' names; take over a refusal."""
    own = [record for record in records if record and record.run == checkpoint.run]
    checkpoint.refusal = next((record.refusal for record in own if record.refusal), None)
    return {segment.name: segment for record in own for segment in record.segments}


def describe_run(plan: Plan, cipher: SegmentCipher) -> dict[str, Any]:
    """Return what a checkpoint says of its run beside the segments."""
    return describe(plan) | cipher.describe()


def read_stored(store: RetryingStore, run: str, plan: Plan) -> dict[str, set[int]]:
    """Return the indexes of each rendition's segments that the store has, by their names alone."""
    prefix = run_prefix(run)
    names = (key.removeprefix(prefix) for key in store.list(prefix))
    stored: dict[str, set[int]] = {}
    for rendition, index in _by_position(plan, names):
        stored.setdefault(rendition, set()).add(index)
    return stored


def _by_position(plan: Plan, names: Iterable[str]) -> dict[tuple[str, int], list[str]]:
    """Map rendition and index to the names of the segments that are there."""
    found: dict[tuple[str, int], list[str]] = {}
    for name in names:
        if position := _position(plan, name):
            found.setdefault(position, []).append(name)
    return found


def _position(plan: Plan, name: str) -> tuple[str, int] | None:
    """Read rendition and index of a segment's name, if it is one of this plan's."""
    position = read_segment_name(name)
    if position is None:
        return None
    rendition, index = position
    if rendition == AUDIO:
        return position if plan.audio else None
    planned = any(rung.name == rendition for rung in plan.rungs) and index < plan.grid.segment_count
    return position if planned else None


def _is_recorded(
    name: str, listing: Mapping[str, StoredObject], recorded: Mapping[str, Segment]
) -> bool:
    segment, stored = recorded.get(name), listing[name]
    return segment is not None and (segment.bytes, segment.etag) == (stored.bytes, stored.etag)


def _is_usable(plan: Plan, segment: Segment) -> bool:
    if not has_planned_codec(plan, segment):
        log.warning("stored_segment_refused", segment=segment.name, reason=segment.codec)
        return False
    return segment.rendition == AUDIO or is_whole(plan, segment)


def _first_usable(
    plan: Plan, keys: Sequence[str], read: Callable[[str], Segment | None]
) -> Segment | None:
    """Read segments of one index until one can be used."""
    for key in keys:
        segment = read(key)
        if segment and _is_usable(plan, segment):
            return segment
    return None


def _read_segment(
    store: RetryingStore,
    key: str,
    *,
    plan: Plan,
    cipher: SegmentCipher,
    position: tuple[str, int],
) -> Segment | None:
    content = store.get(key)
    if content is None:
        return None
    rendition, index = position
    try:
        data = cipher.decrypt(rendition, index, content.data)
        # Encrypted again, as the record is of what is stored.
        segment, _ = cipher.encrypt(measure_segment(plan, rendition, index, data), data)
    except VerificationError as error:
        log.warning("stored_segment_refused", segment=key, reason=str(error))
        return None
    if not key.endswith(f"/{segment.name}"):
        log.warning("stored_segment_refused", segment=key, reason="its digest is another one")
        return None
    return replace(segment, etag=content.etag)


def _read_record(
    store: RetryingStore, run: str, name: str
) -> tuple[CheckpointRecord | None, str | None]:
    """Read a record, None where it is missing or cannot be used, and its ETag."""
    content = store.get(f"{run}/{name}")
    if content is None:
        return None, None
    try:
        return CheckpointRecord.from_json(content.data), content.etag
    except UnreadableRecordError as error:
        log.warning("checkpoint_unreadable", reason=str(error))
        return None, content.etag
