"""Measures settings of the encoder against each other: the tables of `tests.bench.variants`."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from tests.bench.clips import Clip, find_clips, make_clip
from tests.bench.cost import spend
from tests.bench.quality import Quality
from tests.bench.variants import TABLES, Sample, Variant
from tests.bench.ways import WORKER, Rendition, argv_of, plan_for, quality_of
from worker.ffmpeg.encode import encode_video
from worker.plan.ladder import Rung
from worker.plan.plan import Plan, Span
from worker.source.prepare import write_color_tables

_PARAMS = "x264-params"
# A copied rung has no settings.
_JOB = ("--copy-top", "never")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One rung of one clip, in one variant: FFmpeg's CPU seconds, and what it made."""

    cpu_s: float
    kbps: float
    quality: Quality

    def __str__(self) -> str:
        quality = f"{self.quality.mean:.2f} / {self.quality.worst:.2f}"
        return f"{self.cpu_s:.1f} s, {self.kbps:.0f}, {quality}"


def measure_settings(name: str) -> Iterator[str]:
    """Measure a table of `TABLES`; yield its lines, the head first, each row when it is known."""
    table = TABLES[name]
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        clips = [_clip(sample, folder) for sample in table.samples]
        titles = [f"{s.title}, {_size(s, c, folder)}" for s, c in _pairs(table.samples, clips)]
        yield "| | " + " | ".join(titles) + " |"
        yield "|---" * (len(titles) + 1) + "|"
        for number, variant in enumerate(table.variants):
            cells = [
                str(_measure(sample, clip, variant, folder / f"{number}-{k}"))
                for k, (sample, clip) in enumerate(_pairs(table.samples, clips))
            ]
            yield f"| {variant.label} | " + " | ".join(cells) + " |"


def _pairs(samples: Sequence[Sample], clips: Sequence[Clip]) -> list[tuple[Sample, Clip]]:
    return list(zip(samples, clips, strict=True))


def _clip(sample: Sample, folder: Path) -> Clip:
    """Make the clip of a sample: the only one with this in its name."""
    ((name, kind, path),) = find_clips((sample.kind,), (sample.name,))
    return make_clip(name, kind, path, folder=folder, seconds=sample.seconds)


@cache
def _plan(source: Path, job: tuple[str, ...], folder: Path) -> Plan:
    """Plan as the worker would; once for all variants, as it encodes samples."""
    return replace(plan_for(source, folder, *_JOB, *job), threads=0)


def _size(sample: Sample, clip: Clip, folder: Path) -> str:
    plan = _plan(clip.path, (), folder)
    rung = plan.rungs[sample.rung]
    return f"{rung.name} at CRF {rung.crf:g}"


def _measure(sample: Sample, clip: Clip, variant: Variant, folder: Path) -> Cell:
    """Encode one rung, and compare it with its clip."""
    folder.mkdir()
    plan = _plan(clip.path, variant.job, folder.parent)
    rung = plan.rungs[sample.rung]
    cpu_s = _encode(plan, rung, clip.path, variant, folder)
    segments = sorted((folder / rung.name).glob("*.ts"))
    made_bytes = sum(segment.stat().st_size for segment in segments)
    size = rung.width, rung.height
    rendition = Rendition(size=size, playlist=_playlist(segments, folder / rung.name))
    return Cell(
        cpu_s=cpu_s,
        kbps=8e-3 * made_bytes / float(plan.grid.duration_s),
        quality=quality_of(rendition, clip, plan, way=WORKER, size=size),
    )


def _encode(plan: Plan, rung: Rung, source: Path, variant: Variant, folder: Path) -> float:
    """Encode all segments of a rung with the worker's own command, changed; return CPU seconds."""
    (folder / rung.name).mkdir()
    write_color_tables(plan, folder)
    span = Span(first=0, end=plan.grid.segment_count, rungs=(rung.name,), preset=plan.presets[0])
    with Path(os.devnull).open("wb") as nowhere:
        argv = argv_of(encode_video(plan, span, source), nowhere.fileno())
        changed = change(argv, variant)
        return spend(changed, folder=folder, pass_fds=[nowhere.fileno()]).cpu_s


def change(argv: Sequence[str], variant: Variant) -> list[str]:
    """Change the command of one rung as a variant says.

    Raises:
        ValueError: nothing of the command would change, though the variant says so.

    """
    changed, options = list(argv), dict(variant.options)
    if variant.x264:
        options[_PARAMS] = _merged(_value(argv, f"-{_PARAMS}"), variant.x264)
    for option, value in options.items():
        changed = _with_option(changed, f"-{option}", value)
    if variant.graph:
        index = changed.index("-filter_complex") + 1
        name, instead = variant.graph
        changed[index] = re.sub(rf"\b{name}=[^\[]*", instead, changed[index])
    if changed == list(argv) and (options or variant.graph):
        raise ValueError(f"{variant.label}: the command has this already")
    return changed


def _value(argv: Sequence[str], option: str) -> str:
    return argv[argv.index(option) + 1] if option in argv else ""


def _merged(params: str, changes: Mapping[str, str | None]) -> str:
    now = dict(param.split("=") for param in params.split(":") if param)
    found = {**now, **changes}
    return ":".join(f"{name}={value}" for name, value in found.items() if value is not None)


def _with_option(argv: list[str], option: str, value: str | None) -> list[str]:
    """Set an option of the one output, which ends with its segments' names."""
    if option in argv:
        index = argv.index(option)
        return [*argv[:index], *([] if value is None else [option, value]), *argv[index + 2 :]]
    if value is None:
        return argv
    index = next(k for k, word in enumerate(argv) if word.endswith(".ts"))
    return [*argv[:index], option, value, *argv[index:]]


def _playlist(segments: Sequence[Path], folder: Path) -> Path:
    """Write a playlist for FFmpeg, which reads all segments whatever their lengths are."""
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:12", "#EXT-X-PLAYLIST-TYPE:VOD"]
    for segment in segments:
        lines += ["#EXTINF:6,", segment.name]
    playlist = folder / "index.m3u8"
    playlist.write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    return playlist
