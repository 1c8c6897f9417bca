"""Makes captions (CEA-608 and CEA-708) as broadcasts carry them: in the user data of frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Pair = tuple[int, int]
# cc_type (0 and 1: the fields; 2 and 3: more and the start of a packet of CEA-708) and a pair.
Triplet = tuple[int, Pair]

RESUME_POP_ON, BACKSPACE, DELETE_TO_END = (0x14, 0x20), (0x14, 0x21), (0x14, 0x24)
ROLL_UP_2, ROLL_UP_3, PAINT_ON, TEXT_MODE = (0x14, 0x25), (0x14, 0x26), (0x14, 0x29), (0x14, 0x2A)
ERASE_SHOWN, RETURN, ERASE_HIDDEN, FLIP = (0x14, 0x2C), (0x14, 0x2D), (0x14, 0x2E), (0x14, 0x2F)
ROW_15, ROW_14, ROW_1, ROW_15_ITALIC = (0x14, 0x70), (0x14, 0x50), (0x11, 0x50), (0x14, 0x6E)
NOTE_SIGN, E_DIAERESIS = (0x11, 0x37), (0x12, 0x35)
_SEI_T35 = 4


def letters(text: str) -> list[Pair]:
    """Pairs of characters that are those of ASCII."""
    codes = [*text.encode("ascii"), *([0] if len(text) % 2 else [])]
    return list(zip(codes[::2], codes[1::2], strict=True))


def twice(*controls: Pair) -> list[Pair]:
    """As encoders send control codes."""
    return [control for control in controls for _ in range(2)]


def pop_on(text: str) -> list[Pair]:
    """Write text into the hidden memory; FLIP shows it."""
    return [*twice(RESUME_POP_ON, ERASE_HIDDEN, ROW_15), *letters(text)]


def parity(code: int) -> int:
    return code | (0x80 if code.bit_count() % 2 == 0 else 0)


def cc_data(triplets: Iterable[Triplet]) -> bytes:
    """Write triplets as the user data of one frame; ATSC A/53, part 4."""
    written = [
        bytes((0xFC | kind, *((parity(a), parity(b)) if kind < 2 else (a, b))))
        for kind, (a, b) in triplets
    ]
    return b"GA94\x03" + bytes((0xC0 | len(written), 0xFF)) + b"".join(written) + b"\xff"


def dtvcc(block: bytes, *, service: int = 1) -> list[Triplet]:
    """Write a service block as a packet of CEA-708."""
    body = bytes((service << 5 | len(block),)) + block
    # The header counts pairs, itself included.
    body += b"\0" * (1 - len(body) % 2)
    packet = bytes(((len(body) + 1) // 2,)) + body
    pairs = zip(packet[::2], packet[1::2], strict=True)
    return [(2 if k else 3, pair) for k, pair in enumerate(pairs)]


def sei(user_data: bytes, *, header: bytes = b"\x06") -> bytes:
    """Write an SEI NAL unit, without its start code; the header is H.264's or HEVC's."""
    payload = b"\xb5\x00\x31" + user_data
    raw = bytes((_SEI_T35, len(payload))) + payload + b"\x80"
    escaped = bytearray()
    for byte in raw:
        if byte <= 3 and escaped.endswith(b"\0\0"):
            escaped.append(3)
        escaped.append(byte)
    return header + bytes(escaped)


def on_frames(*written: tuple[int, Sequence[Pair]]) -> dict[int, list[Triplet]]:
    """Give each pair a frame of its own, from the given one on, as line 21 has them."""
    frames: dict[int, list[Triplet]] = {}
    for first, pairs in written:
        for frame, pair in enumerate(pairs, start=first):
            assert frame not in frames, f"frame {frame} has a pair already"
            frames[frame] = [(0, pair)]
    return frames
