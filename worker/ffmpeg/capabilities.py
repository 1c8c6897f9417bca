"""Checks that the machine or image holds what the worker runs, before anything is fetched."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import structlog

from worker import __version__
from worker.errors import BadEnvironmentError, EncoderKilledError
from worker.runtime.budget import Budget
from worker.runtime.child import Line
from worker.runtime.command import STDOUT, Command, Program
from worker.runtime.process import FailedError, Processes
from worker.runtime.sandbox import Sandbox
from worker.runtime.workspace import Tools, Workspace

_PROGRAMS: tuple[Program, ...] = ("ffmpeg", "ffprobe")
_ENCODERS = ("libx264", "aac", "mjpeg")
# What the commands use and uploads mostly are; tests compare it with the commands themselves, and
# with what the image's FFmpeg is built with.
NEEDED_PARTS = {
    "encoders": (*_ENCODERS, "rawvideo", "pcm_s16le", "pcm_f32le"),
    "decoders": (
        *("h264", "hevc", "vp8", "vp9", "mpeg4"),
        *("aac", "mp3", "opus", "pcm_s16le", "pcm_f32le"),
    ),
    "demuxers": (
        "mov,mp4,m4a,3gp,3g2,mj2",
        "matroska,webm",
        "mpegts",
        "avi",
        "flv",
        "asf",
        "nut",
        "mp3",
        "wav",
        "ogg",
    ),
    "muxers": (
        *("segment", "mpegts", "matroska", "nut", "mp4", "f32le"),
        *("image2", "rawvideo", "null", "webvtt", "framecrc"),
    ),
    "filters": (
        *("split", "fps", "setpts", "trim", "tpad", "scale", "format", "setsar", "setparams"),
        *("bwdif", "lut3d", "pad", "drawbox", "mpdecimate", "crop", "concat"),
        *("transpose", "hflip", "vflip"),
        *("asetpts", "aselect", "aresample", "aformat", "apad", "atrim"),
        *("pan", "volume", "alimiter", "ebur128", "astats"),
        *("highpass", "bandreject", "afftdn", "acompressor"),
        *(
            "asplit",
            "acrossover",
            "bandpass",
            "join",
            "asetnsamples",
            "aspectralstats",
            "ametadata",
        ),
        *("thumbnail", "signalstats", "metadata", "tile"),
        *("aeval", "showwavespic"),
    ),
    "bsfs": (
        *("setts", "noise", "filter_units", "h264_metadata"),
        *("h264_mp4toannexb", "hevc_mp4toannexb", "aac_adtstoasc"),
    ),
    "protocols": ("file", "pipe"),
}
_PACKAGES = (
    *(
        "boto3",
        "ffmpeg-python",
        "pydantic",
        "python-iso639",
        "rich",
        "structlog",
        "tenacity",
        "urllib3",
    ),
    "watchtower",
)
# The first with -fps_mode: an older one would fail with every upload, and call the upload damaged.
_OLDEST = (5, 1)
_INSTALL = "install FFmpeg 5.1 or newer (Debian: ffmpeg), or name it with --ffmpeg and --ffprobe"
# Of a release: `5.1.9-0+deb12u1`, `7.1-static`, `n6.0`. A build from the repository has none:
# `N-109968-g…`, `git-2024-…`, `2024-05-13-git-…`.
_RELEASE = re.compile(r"^ff(?:mpeg|probe) version ([nv]?([0-9]+)\.([0-9]+)\S*)")
_TIMEOUT_S = 30.0

log = structlog.get_logger(__name__)


def check_environment(tools: Tools, budget: Budget) -> str:
    """Choose the sandbox, and return FFmpeg's version line.

    Raises:
        BadEnvironmentError: FFmpeg or ffprobe is missing, does not run, is too old, or lacks an
            encoder; or the sandbox is required and lacks a part.

    """
    _check_installed(tools)
    lists: list[tuple[list[str], tuple[str, ...]]] = []

    def list_encoders() -> None:
        lists.append(_run(_program("ffmpeg", tools, budget), "-nostdin", "-encoders"))

    # Each start takes as long as encoding a second of slides: the one that shows whether FFmpeg
    # runs restricted also gives a list on stdout, after its version on stderr.
    _choose_sandbox(tools, budget, run_ffmpeg=list_encoders)
    if not lists:
        list_encoders()
    listed, stderr = lists[-1]
    version = next(iter(stderr), "unknown")
    if fault := why_too_old(version):
        raise BadEnvironmentError(f"{tools.ffmpeg}: {fault}")
    found = _names(listed, "encoders")
    missing = [name for name in _ENCODERS if name not in found]
    if missing:
        raise BadEnvironmentError(
            f"{tools.ffmpeg} lacks the encoders {', '.join(missing)}; use a full build"
        )
    if fault := why_unsafe(tools.sandbox):
        raise BadEnvironmentError(fault)
    _log_sandbox(tools.sandbox)
    return version


def _choose_sandbox(tools: Tools, budget: Budget, *, run_ffmpeg: Callable[[], object]) -> None:
    def find_fault() -> str | None:
        try:
            run_ffmpeg()
            _run(_program("ffprobe", tools, budget), "-version")
        except (BadEnvironmentError, EncoderKilledError) as error:
            return str(error)
        return None

    if tools.sandbox.mode != "off":
        tools.sandbox.choose(find_fault)


def why_unsafe(sandbox: Sandbox) -> str | None:
    """Return why a sandbox is not the one that is required."""
    if sandbox.mode != "required" or not sandbox.lacks:
        return None
    return (
        f"--sandbox required, and this machine lacks {_reasons(sandbox)}; run the job where these"
        " are there, or with --sandbox auto"
    )


def _reasons(sandbox: Sandbox) -> str:
    return "; ".join(f"{part} ({sandbox.reasons[part]})" for part in sandbox.lacks)


def _log_sandbox(sandbox: Sandbox) -> None:
    parts = list(sandbox.level.parts)
    if sandbox.mode == "auto" and sandbox.lacks:
        log.warning(
            "sandbox_incomplete", parts=parts, lacks=list(sandbox.lacks), reason=_reasons(sandbox)
        )
    else:
        log.info("sandbox_chosen", parts=parts)


def why_too_old(version_line: str) -> str | None:
    """Return why a release is too old for the worker; an unknown version passes."""
    match = _RELEASE.match(version_line)
    if match is None or (int(match[2]), int(match[3])) >= _OLDEST:
        return None
    return f"version {match[1]} is too old; {_INSTALL}"


def take_inventory(tools: Tools, budget: Budget) -> dict[str, Any]:
    """Return what this machine or image holds, as plain data; `missing` names what it lacks.

    Raises:
        BadEnvironmentError: FFmpeg or ffprobe is missing, or does not run.

    """
    _check_installed(tools)
    ffmpeg, ffprobe = (_program(name, tools, budget) for name in _PROGRAMS)
    _choose_sandbox(tools, budget, run_ffmpeg=lambda: _run(ffmpeg, "-version"))
    sandbox = tools.sandbox
    there = {kind: _names(_run(ffmpeg, "-nostdin", f"-{kind}")[0], kind) for kind in NEEDED_PARTS}
    versions = {
        program.path: next(iter(_run(program, "-version")[0]), "unknown")
        for program in (ffmpeg, ffprobe)
    }
    too_old = {path: why_too_old(version) for path, version in versions.items()}
    return {
        "worker": __version__,
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "ffmpeg": versions[tools.ffmpeg],
        "ffprobe": versions[tools.ffprobe],
        "encoders": list(_ENCODERS),
        "protocols": sorted(there["protocols"]),
        "counts": {kind: len(names) for kind, names in there.items()},
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "sandbox": {
            "parts": list(sandbox.level.parts),
            "lacks": {part: sandbox.reasons.get(part, "--sandbox off") for part in sandbox.lacks},
        },
        "missing": [
            *filter(None, [why_unsafe(sandbox)]),
            *(f"{path}: {fault}" for path, fault in too_old.items() if fault),
            *(
                f"{kind.removesuffix('s')} {name}"
                for kind, names in NEEDED_PARTS.items()
                for name in names
                if name not in there[kind]
            ),
        ],
    }


def _check_installed(tools: Tools) -> None:
    for path in (tools.ffmpeg, tools.ffprobe):
        if shutil.which(path) is None:
            raise BadEnvironmentError(f"{path} is not installed; {_INSTALL}")


def _names(lines: Sequence[str], kind: str) -> set[str]:
    """Read a list: bitstream filters and protocols are there by name alone, others after flags."""
    by_name = kind in {"bsfs", "protocols"}
    return {
        words[0] if by_name else words[1]
        for line in lines
        if (words := line.split()) and (len(words) == 1) == by_name and words[0][-1] != ":"
    }


@dataclass(frozen=True, slots=True)
class _Program:
    name: Program
    path: str
    workspace: Workspace


def _program(name: Program, tools: Tools, budget: Budget) -> _Program:
    path = tools.path_of(name)
    # It only lists: nothing is written where it runs. Its own folder is there, and is no more than
    # a sandbox should let it see.
    folder = Path(shutil.which(path) or path).absolute().parent
    workspace = Workspace(
        folder=folder, tools=replace(tools, stall_timeout_s=_TIMEOUT_S), budget=budget
    )
    return _Program(name, path, workspace)


def _run(program: _Program, *args: str) -> tuple[list[str], tuple[str, ...]]:
    """Return the lines of stdout, and the last ones of stderr."""
    lines: list[str] = []
    tail: tuple[str, ...] = ()
    try:
        with Processes(program.workspace) as processes:
            processes.start(program.path, Command(program.name, args, (STDOUT,)))
            for event in processes.events():
                if isinstance(event, Line):
                    lines.append(event.text)
                else:
                    tail = event.tail
    except (FailedError, OSError) as error:
        # Of another architecture, for example.
        raise BadEnvironmentError(f"{program.path} does not run: {error}") from error
    return lines, tail
