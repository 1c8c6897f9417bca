"""Damages small clips in a repeatable way and runs the worker on what is left of them."""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.corpus.__main__ import clips
from tests.corpus.run import (
    BAD_SOURCE,
    INTERNAL_ERROR,
    PUBLISHED,
    Ended,
    last_event,
    run_worker,
)
from tests.functional.conftest import MEDIA

_LARGEST_BYTES = 200_000
_BOUND_S = 120
_QUICKLY = ("--ladder", "120", "--preset", "ultrafast")

Mutation = Callable[[bytearray, random.Random], None]


def flip_bits(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 8, 64, 512))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def damage_the_header(data: bytearray, rng: random.Random) -> None:
    """Change bytes where containers keep their structure."""
    for _ in range(rng.choice((1, 4, 16))):
        data[rng.randrange(min(len(data), 2048))] = rng.randrange(256)


def truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(1, len(data)) :]


def cut_out(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.randrange(1, len(data))]


def swap_parts(data: bytearray, rng: random.Random) -> None:
    size = rng.randrange(1, max(2, len(data) // 4))
    a, b = (rng.randrange(max(1, len(data) - size)) for _ in range(2))
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]


def repeat_a_part(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    part = data[start : start + rng.randrange(1, max(2, len(data) // 4))]
    data[start:start] = part


def wrong_sizes(data: bytearray, rng: random.Random) -> None:
    """Set a length of an MP4 box, if there is one: zero, huge, or off by one."""
    boxes = [data.find(name) for name in (b"moov", b"mdat", b"stsz", b"stts", b"trak", b"stsd")]
    at = rng.choice([b for b in boxes if b >= 4] or [4]) - 4
    old = int.from_bytes(data[at : at + 4], "big")
    new = rng.choice((0, 1, 2**32 - 1, 2**31, (old + 1) % 2**32, max(old - 1, 0)))
    data[at : at + 4] = new.to_bytes(4, "big")


def zeros(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randrange(1, len(data)))
    data[start:end] = bytes(end - start)


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    damage_the_header,
    truncate,
    cut_out,
    swap_parts,
    repeat_a_part,
    wrong_sizes,
    zeros,
)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """The result of one damaged clip; `fault` is what was wrong with it."""

    name: str
    status: int | None
    seconds: float
    fault: str | None


def small_clips() -> list[Path]:
    found = (MEDIA / name for name in clips(MEDIA, "*"))
    return [path for path in found if path.stat().st_size <= _LARGEST_BYTES]


def damage(clip: Path, number: int, seed: int) -> tuple[str, bytes]:
    """Return a name that lists the mutations of the clip, and what is left of it."""
    rng = random.Random(f"{seed}/{number}")  # noqa: S311 (to be repeated, not to be secret)
    data = bytearray(clip.read_bytes())
    chosen = rng.choices(MUTATIONS, k=rng.choice((1, 1, 2)))
    for mutation in chosen:
        if data:
            mutation(data, rng)
    names = "+".join(m.__name__ for m in chosen)
    return f"{number:04d}-{names}-{clip.name}", bytes(data)


def try_one(clip: Path, number: int, *, seed: int, folder: Path) -> Tried:
    name, data = damage(clip, number, seed)
    source, out = folder / name, folder / f"out{number}"
    source.write_bytes(data)
    ended = run_worker(source, out, bound_s=_BOUND_S, options=_QUICKLY)
    fault = find_fault(ended, out)
    shutil.rmtree(out, ignore_errors=True)
    if fault is None:
        source.unlink()
    return Tried(name=name, status=ended.status, seconds=ended.seconds, fault=fault)


def find_fault(ended: Ended, out: Path) -> str | None:
    status = ended.status
    if status is None:
        return "it hangs"
    if "Traceback" in ended.output or status == INTERNAL_ERROR:
        return "a traceback"
    if status not in {PUBLISHED, BAD_SOURCE}:
        return f"status {status}"
    master = out / "master.m3u8"
    if status == BAD_SOURCE:
        return "refused and published" if master.exists() else None
    if not master.exists():
        return "published nothing"
    # Decoded to its end by FFmpeg: the last frame is there, although duplicates are left out.
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-of", "json"]
    shown = subprocess.run(
        [*command, "-show_entries", "frame=pts_time", str(master)],
        capture_output=True,
        text=True,
        timeout=_BOUND_S,
        check=False,
    )
    frames = json.loads(shown.stdout or "{}").get("frames", [])
    times = [float(frame["pts_time"]) for frame in frames if "pts_time" in frame] or [0.0]
    rate = float(re.findall(r"FRAME-RATE=([\d.]+)", master.read_text())[0])
    found = round((max(times) - min(times)) * rate) + 1
    expected = round(last_event(ended.output)["duration_s"] * rate)
    return None if abs(found - expected) <= 1 else f"it shows {found} frames and not {expected}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="clips to damage (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same clips")
    parser.add_argument("--only", type=int, metavar="N", help="only the clip of this number")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep clips with faults in this folder"
    )
    options = parser.parse_args(arguments)
    sources = small_clips()
    if not sources:
        print(f"fuzz: no clips in {MEDIA}; set WORKER_TEST_MEDIA to a folder of clips")
        return 0
    numbers = [options.only] if options.only is not None else range(options.runs)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    tried = []
    for number in numbers:
        one = try_one(sources[number % len(sources)], number, seed=options.seed, folder=folder)
        tried.append(one)
        if one.fault:
            print(f"FAULT {one.name}: {one.fault}", flush=True)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / one.name, options.keep)
    shutil.rmtree(folder, ignore_errors=True)
    statuses = Counter("hang" if t.status is None else str(t.status) for t in tried)
    print(
        f"fuzz, seed {options.seed}: {len(tried)} damaged clips of {len(sources)}; status "
        + ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        + f"; longest {max(t.seconds for t in tried):.1f} s;"
        f" {sum(t.fault is not None for t in tried)} faults"
    )
    return int(any(t.fault for t in tried))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
