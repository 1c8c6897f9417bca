"""Makes the cues of a track from its packets. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from worker.hls.webvtt import MAX_CUES, Cue, TooManyCuesError, clip_cue
from worker.text.cea608 import Field
from worker.text.encoding import decode_texts
from worker.text.markup import text_bytes, webvtt_text
from worker.text.packets import TextPacket

# A text of which nobody says when it ends is shown until the next one, and this long at most.
_LONGEST_OPEN_S = Fraction(10)
# Of several pairs in a packet each is for a frame of NTSC.
_PAIR_S = Fraction(1001, 30_000)
_TYPE = 0x03


def packet_cues(
    codec: str, packets: Sequence[TextPacket], *, origin_s: Fraction
) -> tuple[tuple[Cue, ...], str]:
    """Return the cues of a track, and the encoding that its texts are in.

    Raises:
        TooManyCuesError: there are more than 50,000.

    """
    if len(packets) > 2 * MAX_CUES:
        # Between texts there may be empty packets.
        raise TooManyCuesError(f"there are more than {MAX_CUES} cues")
    ordered = sorted(packets, key=lambda packet: packet.at_s)
    texts, encoding = decode_texts([text_bytes(codec, packet.data) for packet in ordered])
    cues: list[Cue] = []
    for packet, text, end_s in zip(ordered, texts, _ends_s(ordered), strict=True):
        start_ms, end_ms = (round((time_s - origin_s) * 1000) for time_s in (packet.at_s, end_s))
        shown = webvtt_text(codec, text, packet.data)
        cues += clip_cue(start_ms, end_ms, shown)
    if len(cues) > MAX_CUES:
        raise TooManyCuesError(f"there are more than {MAX_CUES} cues")
    return tuple(cues), encoding


def caption_cues(
    packets: Sequence[TextPacket], *, origin_s: Fraction, duration_s: Fraction
) -> tuple[Cue, ...]:
    """Return the cues of a track of CEA-608: those of the first channel that shows something.

    Raises:
        TooManyCuesError: there are more than 50,000.

    """
    fields, at_ms = (Field(), Field()), 0
    for packet in sorted(packets, key=lambda packet: packet.at_s):
        counts = [0, 0]
        for at in range(0, len(packet.data) - 2, 3):
            head, first, second = packet.data[at : at + 3]
            kind = head & _TYPE
            if kind < len(fields):
                at_s = packet.at_s - origin_s + counts[kind] * _PAIR_S
                counts[kind] += 1
                at_ms = max(at_ms, round(1000 * at_s))
                fields[kind].add(at_ms, first, second)
    channels = (cues for field in fields for cues in field.end(round(1000 * duration_s)))
    return next(filter(None, channels), ())


def _ends_s(ordered: Sequence[TextPacket]) -> Iterator[Fraction]:
    starts_s = [packet.at_s for packet in ordered]
    after_s = [starts_s[-1] + _LONGEST_OPEN_S] if starts_s else []
    # Of several that start together, the end of all is where the next one starts.
    for one_s, next_s in reversed(list(pairwise(starts_s))):
        after_s.append(next_s if next_s > one_s else after_s[-1])
    for packet, next_s in zip(ordered, reversed(after_s), strict=True):
        if packet.duration_s is not None:
            yield packet.at_s + packet.duration_s
        else:
            yield min(next_s, packet.at_s + _LONGEST_OPEN_S)
