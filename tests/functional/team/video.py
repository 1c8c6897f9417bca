"""A published video as a player has it, and whether two are the same."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.digests import without_digests
from tests.functional.conftest import FFMPEG, ffprobe
from tests.published import Shape, segments, shape
from worker.hls.master import uris
from worker.storage.base import Store

# What depends on how an encoder spends its bits, and so on the segment that a span begins with.
_SIZES = re.compile(r"(BANDWIDTH=|EXT-X-BYTERANGE:|EXT-X-BITRATE:)[0-9]+(@[0-9]+)?")
_TEXTS = (".m3u8", ".vtt")
# Measured: two encodes of one frame of these clips are 43 dB alike or more.
_LEAST_PSNR = 40.0


@dataclass(frozen=True, kw_only=True)
class Video:
    """All that is stored of one video, with neither the run's name nor digests in the names.

    `streams` are the segments of each rendition as one MPEG-TS, in the clear; `texts` all playlists
    and tracks.
    """

    shape: Shape
    keys: frozenset[str]
    streams: Mapping[str, bytes]
    texts: Mapping[str, str]

    def texts_without_sizes(self) -> dict[str, str]:
        return {key: _SIZES.sub(r"\1", text) for key, text in self.texts.items()}

    def differences(self, other: Video) -> list[str]:
        """Renditions whose segments differ."""
        names = self.streams.keys() | other.streams.keys()
        return sorted(n for n in names if self.streams.get(n) != other.streams.get(n))

    @property
    def rungs(self) -> dict[str, bytes]:
        return {name: data for name, data in self.streams.items() if name[0].isdigit()}


def read_video(store: Store, secret: str) -> Video:
    """Read what is published, and list what else is there."""
    master = store.get("master.m3u8")
    assert master is not None
    playlists = sorted(set(uris(master.data.decode())))
    run = playlists[0].partition("/")[0]
    stored = store.list("")
    texts = {}
    for key in stored:
        if key.endswith(_TEXTS) and (content := store.get(key)):
            text = content.data.decode().replace(run, "RUN")
            # The key of an encrypted run is of its destination.
            texts[_named(key, run)] = re.sub(r"#EXT-X-KEY:.*", "", without_digests(text))
    return Video(
        shape=shape(store, secret),
        keys=frozenset(_named(key, run) for key in stored),
        streams={
            playlist.split("/")[1]: b"".join(data for _, data in segments(store, playlist, secret))
            for playlist in playlists
            if playlist.rpartition("/")[2].startswith("index.")
        },
        texts=texts,
    )


def _named(key: str, run: str) -> str:
    return without_digests(key.replace(f"{run}/", "RUN/", 1))


def assert_same(video: Video, other: Video, folder: Path) -> None:
    """The same objects, texts, times, audio and frames; nothing else is stored.

    Frames as far as two encodes of one frame are alike.
    """
    assert video.keys == other.keys
    assert video.shape == other.shape
    assert video.texts_without_sizes() == other.texts_without_sizes()
    assert video.streams.get("audio") == other.streams.get("audio")
    assert video.rungs.keys() == other.rungs.keys()
    for name, stream in video.rungs.items():
        path, path_of_other = folder / f"{name}.ts", folder / f"{name}-other.ts"
        path.write_bytes(stream)
        path_of_other.write_bytes(other.rungs[name])
        assert _packets(path, "v") == _packets(path_of_other, "v"), name
        assert _audio(path) == _audio(path_of_other), name
        assert _least_psnr(path, path_of_other, folder) >= _LEAST_PSNR, name


def _packets(path: Path, kind: str) -> list[str]:
    """Presentation times of all packets."""
    wanted = ("-select_streams", kind, "-show_entries", "packet=pts", "-of", "csv=p=0")
    return sorted(row.strip(",") for row in ffprobe(*wanted, path).split())


def _audio(path: Path) -> bytes:
    """Digests of all samples, where the audio is muxed; empty where it is not."""
    if not _packets(path, "a"):
        return b""
    return _decode("-i", path, "-map", "0:a", "-f", "framemd5", "-")


def _least_psnr(path: Path, other: Path, folder: Path) -> float:
    """Of all frames the one that is least like the other, in dB."""
    stats = folder / "psnr.log"
    _decode("-i", path, "-i", other, "-lavfi", f"psnr=stats_file={stats}", "-f", "null", "-")
    return min(map(float, re.findall(r"psnr_avg:(\S+)", stats.read_text())))


def _decode(*arguments: object) -> bytes:
    command = [FFMPEG, "-nostdin", "-loglevel", "error", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, timeout=300).stdout
