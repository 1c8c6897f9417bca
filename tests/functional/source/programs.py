"""MPEG-TS of two programs, each with a clock of its own (ISO/IEC 13818-1, 2.4.2)."""

from __future__ import annotations

from pathlib import Path

from tests.functional.conftest import ffmpeg
from tests.functional.source.generated import X264, tone, video

_PACKET, _PAT_PID, _SDT_PID = 188, 0x00, 0x11


def make_program(
    path: Path, number: int, *, seconds: int, starts_s: int, size: str, hertz: int
) -> bytes:
    """Make a program with identifiers that no other one has, whose clock starts at a time."""
    ffmpeg(
        *(*video(seconds, size=size), *tone(seconds, hertz=hertz), *X264, "-c:a", "aac"),
        *("-mpegts_service_id", number, "-mpegts_pmt_start_pid", 0x1000 + number),
        *("-mpegts_start_pid", 0x100 * number, "-output_ts_offset", starts_s, path),
    )
    return path.read_bytes()


def multiplex(*programs: bytes) -> bytes:
    """Carry programs side by side: their packets in turn, below one table that names all."""
    timed = []
    for program in programs:
        packets = [program[at : at + _PACKET] for at in range(0, len(program), _PACKET)]
        own = [packet for packet in packets if _pid(packet) not in {_PAT_PID, _SDT_PID}]
        timed += [(number / len(own), packet) for number, packet in enumerate(own)]
    pat = _program_table(len(programs))
    carried = []
    for number, (_, packet) in enumerate(sorted(timed, key=lambda each: each[0])):
        carried += [*([pat] if number % 40 == 0 else []), packet]
    return b"".join(carried)


def _pid(packet: bytes) -> int:
    return int.from_bytes(packet[1:3], "big") & 0x1FFF


def _program_table(programs: int) -> bytes:
    """Make the packet that says in which packets each program's own table is."""
    entries = b"".join(
        number.to_bytes(2, "big") + (0xE000 | 0x1000 + number).to_bytes(2, "big")
        for number in range(1, programs + 1)
    )
    length = 5 + len(entries) + 4
    section = b"\0" + (0xB000 | length).to_bytes(2, "big") + b"\0\1\xc1\0\0" + entries
    section += _crc32(section).to_bytes(4, "big")
    return (b"\x47\x40\0\x10\0" + section).ljust(_PACKET, b"\xff")


def _crc32(data: bytes) -> int:
    """The checksum of a section (ISO/IEC 13818-1, annex A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    return crc
