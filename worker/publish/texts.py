"""Publishes a run again with other subtitles or downloads; all else of it stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from worker.download.content import Content
from worker.hls.master import replace_subtitles
from worker.hls.playlist import render_text_playlists
from worker.hls.run import TextRendition, without_replaced
from worker.layout import CHECKPOINT, MASTER, is_outside, master_file
from worker.media.timeline import Grid
from worker.plan.texts import TextPlan
from worker.publish.manifest import Origin, renew_manifest, text_record
from worker.publish.publish import Published, replace_confirmed, write_manifest
from worker.publish.standing import is_standing
from worker.records.base import UnreadableRecordError
from worker.records.checkpoint import CheckpointRecord
from worker.records.manifest import DownloadRecord, ManifestRecord, RenditionRecord
from worker.records.segment import Segment
from worker.storage.base import Store
from worker.storage.retrying import RetryingStore
from worker.upload.objects import put_all


class _PlanRecord(BaseModel):
    """What is needed of a plan, as checkpoint.json has it."""

    grid: Grid
    texts: tuple[TextPlan, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A run that is published whole: its record, its grid, and the upload's own subtitles."""

    manifest: ManifestRecord
    master: str
    grid: Grid
    texts: tuple[TextPlan, ...]
    segments: tuple[Segment, ...]

    def content(self) -> Content | None:
        """Return the top rung and the audio; None where no record has their segments as they are.

        Whoever published wrote both records, unless it died between them.
        """
        recorded = {(each.rendition, each.index): each for each in self.segments}
        tracks: dict[str, list[Segment]] = {"video": [], "audio": []}
        for rendition in sorted(self.manifest.renditions, key=lambda each: each.height or 0):
            if rendition.kind != "subtitles":
                found = [recorded.get((rendition.name, i)) for i in range(rendition.segments)]
                tracks[rendition.kind] = [each for each in found if each]
                if tuple(each.md5 for each in tracks[rendition.kind]) != rendition.md5:
                    return None
        return Content(run=self.manifest.run, rate=self.grid.rate, **tracks)

    def lacks_any(self, outside: Sequence[TextRendition]) -> bool:
        """Whether one of the upload's own is not published that should be beside these.

        It was replaced until now; only the source has it.
        """
        before = without_replaced(self.texts, [r.language or "" for r in self._outside()])
        return any(text not in before for text in self.own(outside))

    def own(self, outside: Sequence[TextRendition]) -> tuple[TextPlan, ...]:
        """Return the upload's own that these do not replace."""
        return without_replaced(self.texts, [text.language or "" for text in outside])

    def _outside(self) -> list[RenditionRecord]:
        return [each for each in self.manifest.renditions if is_outside(each.name)]


def find_standing(
    store: Store, manifest: ManifestRecord | None, video_request: str
) -> Standing | None:
    """Return what is published, where that is this request's but for subtitles and downloads.

    None also where anything is missing of it, or its record cannot be used: then the run is
    published from the start, with the segments that are there.

    Raises:
        WorkerError: as the store raises it.

    """
    if (
        manifest is None
        or (manifest.video_request or manifest.request) != video_request
        or manifest.missing_rungs
        # A manifest of before names had digests names no playlists.
        or not all(each.playlists for each in manifest.renditions)
        or not is_standing(store, manifest)
    ):
        return None
    master, checkpoint = store.get(MASTER), store.get(f"{manifest.run}/{CHECKPOINT}")
    if master is None or checkpoint is None:
        return None
    try:
        record = CheckpointRecord.from_json(checkpoint.data)
        plan = _PlanRecord.model_validate(record.plan)
    except (UnreadableRecordError, ValidationError):
        return None
    return Standing(
        manifest=manifest,
        master=master.data.decode(errors="replace"),
        grid=plan.grid,
        texts=plan.texts,
        segments=record.segments,
    )


def publish_texts(
    standing: Standing,
    outside: Sequence[TextRendition],
    downloads: Sequence[DownloadRecord],
    origin: Origin,
    store: RetryingStore,
    *,
    confirm: Callable[[], None],
    threads: int,
) -> Published:
    """Write the subtitles, then the master playlist that names them, then the manifest.

    Raises:
        TakenError: the destination is another job's.
        WorkerError: as the store and `confirm` raise it.

    """
    run = standing.manifest.run
    records = {each.name: each for each in standing.manifest.renditions}
    playlists = render_text_playlists(run, outside, standing.grid)
    own = [text for text in standing.own(outside) if text.name in records]
    keys = {name: file.key for name, file in playlists.media.items()} | {
        text.name: f"{run}/{text.name}/{records[text.name].playlists[0]}" for text in own
    }
    texts = [*outside, *(TextRendition.of(text, segments=()) for text in own)]
    put_all(store, playlists.files(), threads=threads)
    master = master_file(replace_subtitles(standing.master, texts, keys))
    replaced = replace_confirmed(store, master, confirm)
    renditions = (
        *(each for each in records.values() if each.kind != "subtitles"),
        *(text_record(text, playlists) for text in outside),
        *(records[text.name] for text in own),
    )
    manifest = renew_manifest(standing.manifest, renditions, downloads, master, origin)
    write_manifest(store, manifest, confirm)
    return Published(
        manifest=manifest,
        master=master,
        replaced_master=replaced.data.decode(errors="replace") if replaced else None,
    )
