"""Each kind of damage to plant in a published folder, and what an audit must find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ops.audit.finding import Code
from tests.functional.audit.changes import (
    JPEG,
    LONG_AGO,
    OTHER_RUN,
    OTHER_SEGMENT,
    Tree,
    both,
    cut,
    cut_playlist,
    edit,
    edit_manifest,
    find,
    flip,
    leave_out_rung,
    leave_unfinished,
    make_older,
    name_chapters,
    name_other_run,
    put,
    remove,
    republish_texts,
    status,
    take_key,
)

Found = frozenset[tuple[Code, str]]

PLAIN, MUXED, SECRET = "plain", "muxed", "secret"
ARCHIVED = "archived"


@dataclass(frozen=True, kw_only=True)
class Plant:
    """A change of a published folder, and the findings: codes, and keys without digests."""

    base: str
    change: Callable[[Tree], None]
    finds: Found = frozenset()


def finds(*pairs: tuple[Code, str]) -> Found:
    return frozenset(pairs)


PLANTS: Mapping[str, Plant] = {
    "no-master": Plant(
        base=PLAIN,
        change=remove("master.m3u8"),
        finds=finds((Code.MASTER_MISSING, "master.m3u8")),
    ),
    "master-garbage": Plant(
        base=PLAIN,
        change=put("master.m3u8", b"\x00\x01\x02"),
        finds=finds((Code.MASTER_DAMAGED, "master.m3u8")),
    ),
    "master-other-run": Plant(
        base=PLAIN,
        change=name_other_run,
        finds=finds(
            (Code.RUN_MISSING, f"{'f' * 16}/"), (Code.MANIFEST_OF_OTHER_RUN, "manifest.json")
        ),
    ),
    "master-no-codecs": Plant(
        base=PLAIN,
        change=edit("master.m3u8", b",CODECS=", b",CODEX=", count=1),
        finds=finds((Code.MASTER_DAMAGED, "master.m3u8"), (Code.CODECS_MISSING, "master.m3u8")),
    ),
    "master-no-rung": Plant(
        base=PLAIN,
        change=leave_out_rung,
        finds=finds((Code.RENDITION_NOT_NAMED, "RUN/144p/index.m3u8")),
    ),
    "no-audio-group": Plant(
        base=PLAIN,
        change=edit("master.m3u8", b'GROUP-ID="audio"', b'GROUP-ID="other"'),
        finds=finds((Code.MASTER_DAMAGED, "master.m3u8"), (Code.GROUP_MISSING, "master.m3u8")),
    ),
    "no-manifest": Plant(
        base=PLAIN,
        change=remove("manifest.json"),
        finds=finds((Code.MANIFEST_MISSING, "manifest.json")),
    ),
    "manifest-garbage": Plant(
        base=PLAIN,
        change=put("manifest.json", b"{"),
        finds=finds((Code.MANIFEST_UNREADABLE, "manifest.json")),
    ),
    "manifest-other-run": Plant(
        base=PLAIN,
        change=edit_manifest(run="e" * 16),
        finds=finds((Code.MANIFEST_OF_OTHER_RUN, "manifest.json")),
    ),
    "no-download": Plant(
        base=PLAIN,
        change=remove("download.m4a"),
        finds=finds((Code.FILE_MISSING, "RUN/download.m4a")),
    ),
    "download-cut": Plant(
        base=PLAIN,
        change=cut("download.m4a"),
        finds=finds((Code.FILE_DAMAGED, "RUN/download.m4a")),
    ),
    "no-playlist": Plant(
        base=PLAIN,
        change=remove("144p/index.m3u8", "audio/index.m3u8", "180p/iframes.m3u8"),
        finds=finds(
            (Code.PLAYLIST_MISSING, "RUN/144p/index.m3u8"),
            (Code.PLAYLIST_MISSING, "RUN/audio/index.m3u8"),
            (Code.PLAYLIST_MISSING, "RUN/180p/iframes.m3u8"),
        ),
    ),
    "playlist-cut": Plant(
        base=PLAIN,
        change=cut_playlist,
        finds=finds(
            *((code, "RUN/180p/index.m3u8") for code in (Code.PLAYLIST_DAMAGED, Code.NO_END)),
            *((code, "RUN/180p/index.m3u8") for code in (Code.SEGMENT_COUNT, Code.RUNGS_DIFFER)),
        ),
    ),
    "playlist-empty": Plant(
        base=PLAIN,
        change=lambda tree: tree.update({find(tree, "audio/index.m3u8"): b""}),
        finds=finds((Code.PLAYLIST_DAMAGED, "RUN/audio/index.m3u8")),
    ),
    "segment-missing": Plant(
        base=PLAIN,
        change=remove("144p/00001.ts", "audio/00000.ts"),
        finds=finds(
            (Code.SEGMENT_MISSING, "RUN/144p/00001.ts"),
            (Code.SEGMENT_MISSING, "RUN/audio/00000.ts"),
        ),
    ),
    "segment-cut": Plant(
        base=PLAIN,
        change=cut("144p/00001.ts", 188),
        finds=finds((Code.SEGMENT_DAMAGED, "RUN/144p/00001.ts")),
    ),
    "segment-empty": Plant(
        base=SECRET,
        change=lambda tree: tree.update({find(tree, "144p/00002.ts"): b""}),
        finds=finds((Code.SEGMENT_DAMAGED, "RUN/144p/00002.ts")),
    ),
    "segment-flipped": Plant(
        base=SECRET,
        change=flip("144p/00000.ts"),
        finds=finds((Code.SEGMENT_DAMAGED, "RUN/144p/00000.ts")),
    ),
    "segments-flipped-without-checkpoint": Plant(
        base=PLAIN,
        change=both(flip("144p/00000.ts"), cut("180p/00000.ts"), remove("checkpoint.json")),
        finds=finds(
            (Code.SEGMENT_DAMAGED, "RUN/144p/00000.ts"), (Code.SEGMENT_DAMAGED, "RUN/180p/00000.ts")
        ),
    ),
    "subtitles": Plant(
        base=MUXED,
        change=edit("text-ko/00000.vtt", b"Hello", b"Hullo"),
        finds=finds((Code.SEGMENT_DAMAGED, "RUN/text-ko/00000.vtt")),
    ),
    "no-subtitles": Plant(
        base=MUXED,
        change=remove("text-ko/00000.vtt", "text-ko/index.m3u8"),
        finds=finds(
            (Code.SEGMENT_MISSING, "RUN/text-ko/00000.vtt"),
            (Code.PLAYLIST_MISSING, "RUN/text-ko/index.m3u8"),
        ),
    ),
    "no-images": Plant(
        base=PLAIN,
        change=both(
            name_chapters,
            remove("thumbnail.jpg", "storyboard/index.vtt", "storyboard/sheet-000.jpg"),
            remove("thumbnails/0.jpg"),
        ),
        finds=finds(
            (Code.THUMBNAIL_MISSING, "thumbnail.jpg"),
            (Code.FILE_MISSING, "RUN/storyboard/index.vtt"),
            (Code.FILE_MISSING, "RUN/storyboard/sheet-000.jpg"),
            (Code.FILE_MISSING, "RUN/thumbnails/0.jpg"),
            (Code.FILE_MISSING, "RUN/chapters.vtt"),
        ),
    ),
    "images-damaged": Plant(
        base=MUXED,
        change=both(
            cut("thumbnail.jpg", 2),
            flip("storyboard/sheet-000.jpg"),
            cut("storyboard/index.vtt", 9),
            flip("thumbnails/0.jpg"),
            flip("report.html"),
        ),
        finds=finds(
            (Code.THUMBNAIL_DAMAGED, "thumbnail.jpg"),
            (Code.FILE_DAMAGED, "RUN/storyboard/index.vtt"),
            (Code.FILE_DAMAGED, "RUN/storyboard/sheet-000.jpg"),
            (Code.FILE_DAMAGED, "RUN/thumbnails/0.jpg"),
            (Code.FILE_DAMAGED, "RUN/report.html"),
        ),
    ),
    "other-thumbnail": Plant(
        base=PLAIN,
        change=put("thumbnail.jpg", JPEG),
        finds=finds((Code.OTHER_THUMBNAIL, "thumbnail.jpg")),
    ),
    ARCHIVED: Plant(
        base=PLAIN,
        change=lambda _: None,
        finds=finds((Code.ARCHIVED, "RUN/144p/00001.ts")),
    ),
    "key-missing": Plant(
        base=SECRET,
        change=take_key,
        finds=finds(
            (Code.PLAYLIST_DAMAGED, "RUN/144p/index.m3u8"),
            (Code.KEY_MISSING, "RUN/144p/index.m3u8"),
        ),
    ),
    "orphaned-run": Plant(
        base=PLAIN,
        change=put(OTHER_SEGMENT, b"ts"),
        finds=finds((Code.ORPHANED_RUN, f"{OTHER_RUN}/")),
    ),
    "orphaned-files": Plant(
        base=PLAIN,
        change=put("RUN/144p/00001.00000000.ts", b"ts"),
        finds=finds((Code.ORPHANED_FILES, "RUN/")),
    ),
    "run-of-a-dead-job": Plant(
        base=PLAIN,
        change=both(
            put(OTHER_SEGMENT, b"ts"),
            put("status.json", status(state="running", run=OTHER_RUN, updated_at=LONG_AGO)),
        ),
        finds=finds((Code.ORPHANED_RUN, f"{OTHER_RUN}/")),
    ),
    "run-of-a-running-job": Plant(
        base=PLAIN,
        change=both(
            put(OTHER_SEGMENT, b"ts"), put("status.json", status(state="running", run=OTHER_RUN))
        ),
        finds=finds((Code.UNFINISHED_RUN, f"{OTHER_RUN}/")),
    ),
    "previous-run": Plant(
        base=PLAIN, change=both(put(OTHER_SEGMENT, b"ts"), edit_manifest(previous_run=OTHER_RUN))
    ),
    "other-files": Plant(
        base=PLAIN,
        change=put("notes.txt", b"from somebody"),
        finds=finds((Code.OTHER_FILES, "")),
    ),
    "never-published": Plant(
        base=PLAIN,
        change=leave_unfinished,
        finds=finds((Code.ORPHANED_RUN, f"{OTHER_RUN}/")),
    ),
    "subtitles-changed": Plant(
        base=MUXED, change=republish_texts, finds=finds((Code.SUPERSEDED_FILES, "RUN/"))
    ),
    "older": Plant(base=PLAIN, change=make_older),
    "older-with-subtitles": Plant(base=MUXED, change=make_older),
    "older-damaged": Plant(
        base=PLAIN,
        change=both(make_older, flip("144p/00000.ts"), remove("audio/00001.ts"), cut_playlist),
        finds=finds(
            (Code.SEGMENT_DAMAGED, "RUN/144p/00000.ts"),
            (Code.SEGMENT_MISSING, "RUN/audio/00001.ts"),
            *((code, "RUN/180p/index.m3u8") for code in (Code.NO_END, Code.SEGMENT_COUNT)),
            (Code.RUNGS_DIFFER, "RUN/180p/index.m3u8"),
        ),
    ),
    "incomplete": Plant(
        base=PLAIN,
        change=both(
            edit_manifest(missing_rungs=["720p"]), put("RUN/720p/00000.00000000.ts", b"ts")
        ),
    ),
    **{f"clean-{base}": Plant(base=base, change=lambda _: None) for base in (PLAIN, MUXED, SECRET)},
}
