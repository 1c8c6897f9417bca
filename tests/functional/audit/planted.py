"""Each kind of damage to plant in a published folder, and what an audit must find."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.audit.finding import Code
from tests.digests import without_digests
from worker.layout import md5_of
from worker.records.job import State
from worker.records.status import StatusRecord

Tree = dict[str, bytes]
Found = frozenset[tuple[Code, str]]

PLAIN, MUXED, SECRET = "plain", "muxed", "secret"
ARCHIVED = "archived"
LONG_AGO = "2020-01-01T00:00:00+00:00"
OTHER_RUN = "a" * 16
OTHER_SEGMENT = f"{OTHER_RUN}/144p/00000.00000000.ts"
JPEG = b"\xff\xd8 another image \xff\xd9"


@dataclass(frozen=True, kw_only=True)
class Plant:
    """A change of a published folder, and the findings: codes, and keys without digests."""

    base: str
    change: Callable[[Tree], None]
    finds: Found = frozenset()


def run_of(tree: Tree) -> str:
    return next(key for key in tree if key.endswith("/checkpoint.json")).partition("/")[0]


def find(tree: Tree, name: str) -> str:
    """Find a key by its name without digests, below the run."""
    (key,) = (key for key in tree if without_digests(key) == f"{run_of(tree)}/{name}")
    return key


def edit(key: str, old: bytes, new: bytes, *, count: int = -1) -> Callable[[Tree], None]:
    """Replace bytes in a file of the destination, or of its run."""

    def change(tree: Tree) -> None:
        name = key if key in tree else find(tree, key)
        assert old in tree[name]
        tree[name] = tree[name].replace(old, new, count)

    return change


def remove(*keys: str) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        for name in [key if key in tree else find(tree, key) for key in keys]:
            del tree[name]

    return change


def cut(key: str, length: int = 1) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        name = key if key in tree else find(tree, key)
        tree[name] = tree[name][:-length]

    return change


def flip(key: str) -> Callable[[Tree], None]:
    """Change one bit in the middle: the size stays."""

    def change(tree: Tree) -> None:
        name = key if key in tree else find(tree, key)
        data = bytearray(tree[name])
        data[len(data) // 2] ^= 1
        tree[name] = bytes(data)

    return change


def put(key: str, data: bytes) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        tree[key.replace("RUN", run_of(tree))] = data

    return change


def both(*changes: Callable[[Tree], None]) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        for each in changes:
            each(tree)

    return change


def edit_manifest(**values: Any) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        tree["manifest.json"] = json.dumps(json.loads(tree["manifest.json"]) | values).encode()

    return change


def status(*, state: State, run: str, updated_at: str | None = None) -> bytes:
    now = datetime.now(UTC).isoformat()
    record = StatusRecord(
        job_id="job", state=state, run=run, started_at=now, updated_at=updated_at or now
    )
    return record.to_json()


def name_other_run(tree: Tree) -> None:
    tree["master.m3u8"] = tree["master.m3u8"].replace(run_of(tree).encode(), b"f" * 16)


def leave_out_rung(tree: Tree) -> None:
    """Take a variant off the master playlist."""
    lines = tree["master.m3u8"].decode().split("\n")
    at = next(
        i for i, line in enumerate(lines) if line.endswith(f"{find(tree, '144p/index.m3u8')}")
    )
    tree["master.m3u8"] = "\n".join(lines[: at - 1] + lines[at + 1 :]).encode()


def cut_playlist(tree: Tree) -> None:
    key = find(tree, "180p/index.m3u8")
    tree[key] = tree[key][: tree[key].rindex(b"#EXTINF")]


def name_chapters(tree: Tree) -> None:
    """Have the manifest name chapters that are not there."""
    edit_manifest(chapters_track=f"{run_of(tree)}/chapters.00000000.vtt")(tree)


def take_key(tree: Tree) -> None:
    key = find(tree, "144p/index.m3u8")
    head, _, rest = tree[key].rpartition(b"#EXT-X-KEY")
    tree[key] = head + rest.partition(b"\n")[2]


def make_older(tree: Tree) -> None:
    """Make it what a worker published before names had digests (schema version 2)."""
    manifest = json.loads(tree["manifest.json"]) | {"schema_version": 2}
    for name in ("sheets", "report", "master_md5", "tags", "video_request"):
        manifest.pop(name)
    for rendition in manifest["renditions"]:
        rendition["playlists"] = [without_digests(name) for name in rendition["playlists"]]
        if rendition["kind"] == "subtitles":
            rendition["md5"] = []
    text = without_digests(json.dumps(manifest))
    checkpoint = f"{run_of(tree)}/checkpoint.json"
    for key in list(tree):
        data = tree.pop(key)
        texts = key.endswith((".m3u8", ".vtt"))
        tree[without_digests(key)] = without_digests(data.decode()).encode() if texts else data
    tree["manifest.json"] = text.encode()
    tree[checkpoint] = b'{"schema_version": 3, "run": "", "plan": {}, "segments": []}'


def republish_texts(tree: Tree) -> None:
    """Leave a former playlist of subtitles with its segment, as a change of subtitles does."""
    run = run_of(tree)
    text = b"WEBVTT\n"
    segment = f"00000.{md5_of(text)[:8]}.vtt"
    lines = [b"#EXTM3U", b"#EXT-X-TARGETDURATION:13", b"#EXTINF:13,", segment.encode()]
    playlist = b"\n".join([*lines, b"#EXT-X-ENDLIST", b""])
    tree[f"{run}/text-en/{segment}"] = text
    tree[f"{run}/text-en/index.{md5_of(playlist)[:8]}.m3u8"] = playlist


def leave_unfinished(tree: Tree) -> None:
    """Leave what a job leaves that was killed before it published."""
    tree.clear()
    tree["status.json"] = status(state="running", run=OTHER_RUN, updated_at=LONG_AGO)
    tree[OTHER_SEGMENT] = b"ts"


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
    "incomplete": Plant(base=PLAIN, change=edit_manifest(missing_rungs=["720p"])),
    **{f"clean-{base}": Plant(base=base, change=lambda _: None) for base in (PLAIN, MUXED, SECRET)},
}
