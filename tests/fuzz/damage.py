"""Damages the bytes of small clips in a repeatable way."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.corpus.__main__ import clips
from tests.functional.conftest import MEDIA

_LARGEST_BYTES = 200_000

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


def small_clips() -> list[Path]:
    found = (MEDIA / name for name in clips(MEDIA, "*"))
    return [path for path in found if path.stat().st_size <= _LARGEST_BYTES]


def damage(clip: Path, rng: random.Random) -> tuple[str, bytes]:
    """Return a name that lists the mutations of the clip, and what is left of it."""
    data = bytearray(clip.read_bytes())
    chosen = rng.choices(MUTATIONS, k=rng.choice((1, 1, 2)))
    for mutation in chosen:
        if data:
            mutation(data, rng)
    names = "+".join(m.__name__ for m in chosen)
    return f"{names}-{clip.name}", bytes(data)
