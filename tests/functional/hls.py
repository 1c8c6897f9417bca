"""Reads a published folder from its playlists, as a player does, with no code of the worker."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.digests import without_digests
from tests.functional.conftest import FFMPEG, ROOT, ffprobe

AAC_FRAME_S = 1024 / 48_000


@dataclass(frozen=True)
class Rendition:
    """One media playlist and what FFmpeg finds behind it."""

    playlist: Path
    durations_s: tuple[Fraction, ...]
    segments: tuple[Path, ...]

    @property
    def folder(self) -> Path:
        return self.playlist.parent

    @property
    def duration_s(self) -> float:
        return float(sum(self.durations_s))

    def times_s(self, kind: str) -> list[float]:
        """Presentation times of the packets of all segments, in order.

        The segments are read as one stream, as a player reads them.
        """
        rows = ffprobe(
            *("-f", "mpegts", "-select_streams", kind, "-show_entries", "packet=pts_time"),
            *(
                "-print_format",
                "csv=print_section=0",
                f"concat:{'|'.join(map(str, self.segments))}",
            ),
        )
        return sorted(float(row.strip(",")) for row in rows.split() if row.strip(","))


@dataclass(frozen=True)
class Published:
    """A published folder. `audio` is that of the audio-only variant where rungs carry it, too."""

    folder: Path
    variants: dict[str, dict[str, str]]
    audio: Rendition | None
    rungs: tuple[Rendition, ...]


def attributes(line: str) -> dict[str, str]:
    pairs = re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', line.partition(":")[2])
    return {name: value.strip('"') for name, value in pairs}


def read_rendition(playlist: Path) -> Rendition:
    lines = playlist.read_text().splitlines()
    assert lines[-1] == "#EXT-X-ENDLIST"
    durations = [line[8:].rstrip(",") for line in lines if line.startswith("#EXTINF:")]
    names = [line for line in lines if line and not line.startswith("#")]
    return Rendition(
        playlist,
        tuple(Fraction(text) for text in durations),
        tuple(playlist.parent / name for name in names),
    )


def named(folder: Path, name: str) -> Path:
    """Return the one file of a folder with this name, whatever the digest in it."""
    (found,) = (path for path in folder.iterdir() if without_digests(path.name) == name)
    return found


def manifest_of(out: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    return manifest


def read_published(folder: Path) -> Published:
    lines = (folder / "master.m3u8").read_text().splitlines()
    variants: dict[str, dict[str, str]] = {}
    audio = None
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("#EXT-X-STREAM-INF:"):
            variants[following] = attributes(line)
        elif line.startswith("#EXT-X-MEDIA:TYPE=AUDIO"):
            audio = read_rendition(folder / attributes(line)["URI"])
    rungs = [read_rendition(folder / uri) for uri, a in variants.items() if "RESOLUTION" in a]
    if audio is None:
        alone = (uri for uri, a in variants.items() if "RESOLUTION" not in a)
        audio = next(map(read_rendition, (folder / uri for uri in alone)), None)
    return Published(folder, variants, audio, tuple(rungs))


def decode(playlist: Path, *options: object) -> subprocess.CompletedProcess[bytes]:
    """Decode a published playlist to stdout with FFmpeg; the options are those of its output."""
    words = [FFMPEG, "-hide_banner", "-nostdin", "-i", playlist, *options]
    return subprocess.run([*map(str, words), "-"], check=True, capture_output=True)


def assert_strictly_valid(published: Published) -> None:
    """Parse every playlist with hls-parser in strict mode."""
    checker = ROOT / "tests" / "node" / "check-playlist.mjs"
    if not shutil.which("node") or not (checker.parent / "node_modules").is_dir():
        pytest.skip("hls-parser is not installed; run scripts/setup --dev where there is npm")
    playlists = sorted(published.folder.rglob("*.m3u8"))
    answer = subprocess.run(
        ["node", checker, *playlists], capture_output=True, text=True, timeout=120, check=False
    )
    results = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [r for r in results if not r["ok"]] == []
    assert len(results) == len(playlists)
    assert answer.returncode == 0


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def without_run_name(tree: dict[str, bytes]) -> dict[str, bytes]:
    """Leave out what may differ between two jobs: records, and the name of the run.

    That name is made from the source's identity; the records state who published it and when.
    Digests in names follow from the contents, which are compared.
    """
    run = next(name.partition("/")[0] for name in tree if name.endswith("checkpoint.json"))
    return {
        without_digests(name.replace(run, "RUN")): data.replace(run.encode(), b"RUN")
        for name, data in tree.items()
        if name not in {"status.json", "manifest.json"}
    }


def longest_clock_gap_s(segment: Path) -> float:
    """Return the longest time between clock references (PCR) in a segment, by tsreport.

    Fails where tsreport finds a fault: a break of a continuity counter, or a decoding time that is
    before the clock's.
    """
    if not shutil.which("tsreport"):
        pytest.skip("there is no tsreport (Debian: tstools); run scripts/setup --dev")
    command = ["tsreport", "-buffering", str(segment)]
    report = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout
    assert [line for line in report.splitlines() if "###" in line] == [], segment
    found = re.search(r"PCRs found: \d+, .* Max gap: (\d+)t", report)
    assert found, report
    return int(found[1]) / 90_000
