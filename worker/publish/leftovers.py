"""Deletes what a publish has made needless, and nothing that viewers may still be reading."""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from worker.hls.master import named_run, uris
from worker.layout import CHECKPOINT, MASTER, run_prefix
from worker.publish.manifest import published_keys, resumable_prefixes
from worker.publish.publish import Published
from worker.records.manifest import ManifestRecord
from worker.storage.base import Store

log = structlog.get_logger(__name__)


def delete_leftovers(store: Store, published: Published, previous: ManifestRecord | None) -> None:
    """Delete outdated runs, and of the published run what other attempts left of it.

    The run that viewers had until now stays, for players in mid-video: whole, also where it is the
    one that was published again. So does what there is of a rung that was given up: the job that
    adds it continues from there. Where the master playlist is not this job's by now, nothing is
    deleted: another job decides.

    Raises:
        WorkerError: as the store raises it.

    """
    manifest = published.manifest
    standing = store.get(MASTER)
    if standing is None or standing.data != published.master.data:
        log.warning("leftovers_not_deleted", reason=f"{MASTER} is another job's by now")
        return
    if previous and manifest.encryption and not previous.encryption:
        # It is an operator's choice whether viewers in mid-video are worth its clear copy.
        log.warning("clear_run_stays", run=previous.run)
    known = (previous.run, previous.previous_run) if previous else ()
    for run in {run for run in known if run} - {manifest.run, manifest.previous_run}:
        store.delete(store.list(run_prefix(run)))
    kept = {*published_keys(manifest), f"{manifest.run}/{CHECKPOINT}"}
    if published.replaced_master and named_run(published.replaced_master) == manifest.run:
        kept.update(_named_keys(store, published.replaced_master))
        # What the master playlist does not name: images and tracks.
        if previous and previous.run == manifest.run:
            kept.update(published_keys(previous))
    unfinished = resumable_prefixes(manifest)
    listed = store.list(run_prefix(manifest.run)).keys() - kept
    orphans = [key for key in listed if not key.startswith(unfinished)]
    if orphans:
        store.delete(orphans)
        log.info("orphans_deleted", run=manifest.run, count=len(orphans))


def delete_unpublished(store: Store, run: str, previous: ManifestRecord | None) -> None:
    """Delete a run, unless viewers have it or had it last.

    Raises:
        WorkerError: as the store raises it.

    """
    standing = store.get(MASTER)
    live = named_run(standing.data.decode(errors="replace")) if standing else None
    known = {previous.run, previous.previous_run} if previous else set()
    if run not in known | {live}:
        store.delete(store.list(run_prefix(run)))


def _named_keys(store: Store, master: str) -> Iterator[str]:
    """Yield the keys of all that a master playlist names: playlists, and their segments."""
    for playlist in set(uris(master)):
        yield playlist
        content = store.get(playlist)
        folder = playlist.rpartition("/")[0]
        if content is not None:
            for name in uris(content.data.decode(errors="replace")):
                yield f"{folder}/{name}"
