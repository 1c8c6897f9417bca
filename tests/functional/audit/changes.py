"""Published folders in memory, and changes of them: damage, and what is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.digests import without_digests
from worker.layout import md5_of
from worker.records.job import State
from worker.records.status import StatusRecord

Tree = dict[str, bytes]

LONG_AGO = "2020-01-01T00:00:00+00:00"
OTHER_RUN = "a" * 16
OTHER_SEGMENT = f"{OTHER_RUN}/144p/00000.00000000.ts"
JPEG = b"\xff\xd8 another image \xff\xd9"


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
