"""plan.json: a plan as bytes, read back as the very same value. Pure.

Dataclasses and fractions are objects that name their type, and numbers stay as they are: a model
that reads 22 as 22.0 would give the run another name. What there is one of for each packet is
packed: three hours have hundreds of thousands of packets.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

from worker.media.aspects import AspectChange
from worker.media.audio_clock import AudioClock, Stretch
from worker.media.frame_clock import FrameClock
from worker.media.orientation import Orientation
from worker.media.packets import Packets
from worker.media.streams import AudioStream, ByteMap, Media, TextStream, VideoStream
from worker.media.timeline import Grid
from worker.plan.digest import PLAN_VERSION
from worker.plan.ladder import Rung
from worker.plan.parts import Heard, Part
from worker.plan.plan import AudioPlan, Plan
from worker.plan.speech import Cleaning
from worker.plan.texts import TextPlan
from worker.records.base import UnreadableRecordError

# Raised when a field is added, removed or changes its meaning. `PLAN_VERSION` says what a plan
# makes; this says how it is written.
_SCHEMA_VERSION = 2
_TYPES: Mapping[str, type[Any]] = {
    each.__name__: each
    for each in (
        *(Plan, Part, Heard, Cleaning, Grid, Rung, AudioPlan, TextPlan),
        *(Media, VideoStream, AudioStream, TextStream, Packets, ByteMap),
        *(AudioClock, Stretch, FrameClock, Orientation, AspectChange),
    )
}
_TYPE = "type"
_WORDS = 1 << 64


def plan_to_json(plan: Plan) -> bytes:
    """Write a plan so that `plan_from_json` returns an equal one, which gives the same run name."""
    plain = _plain(plan)
    record = {
        "schema_version": _SCHEMA_VERSION,
        "plan_version": PLAN_VERSION,
        "sha256": _digest(plain),
        "plan": plain,
    }
    return json.dumps(record, indent=1).encode() + b"\n"


def plan_from_json(data: bytes) -> Plan:
    """Read a plan.

    Raises:
        UnreadableRecordError: the bytes are damaged, or of a worker with another version of plans.

    """
    try:
        record = json.loads(data)
    except ValueError as error:
        raise UnreadableRecordError(f"record: it is no JSON: {error}") from error
    if not isinstance(record, dict):
        raise UnreadableRecordError("record: it is no object")
    for name, expected in (("schema_version", _SCHEMA_VERSION), ("plan_version", PLAN_VERSION)):
        if record.get(name) != expected:
            found = record.get(name)
            raise UnreadableRecordError(f"{name}: it is {found!r}, and not {expected}")
    plain = record.get("plan")
    if record.get("sha256") != _digest(plain):
        raise UnreadableRecordError("plan: it is damaged: its digest is another")
    try:
        plan = _value(plain)
    except (ValueError, KeyError, TypeError, zlib.error, struct.error) as error:
        raise UnreadableRecordError(f"plan: {error}") from error
    if not isinstance(plan, Plan):
        raise UnreadableRecordError("plan: it is none")
    return plan


def _digest(plain: object) -> str:
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def _plain(value: Any) -> Any:  # noqa: ANN401 (any field's value)
    """Return a value as JSON has it."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Fraction():
            return {_TYPE: "Fraction", "value": str(value)}
        case array():
            return {_TYPE: "array", "code": value.typecode, "words": _pack(value.typecode, value)}
        case tuple():
            return [_plain(each) for each in value]
        case Mapping():
            times, counts = _pack("d", value), _pack("q", value.values())
            return {_TYPE: "keys", "times_s": times, "bytes": counts}
    if not is_dataclass(value) or type(value) is not _TYPES.get(type(value).__name__):
        raise TypeError(f"plan.json has no form for {type(value).__name__}")
    shown = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return {_TYPE: type(value).__name__, **shown}


def _value(plain: Any) -> Any:  # noqa: ANN401 (any field's value)
    """Return what `_plain` was given."""
    match plain:
        case list():
            return tuple(_value(each) for each in plain)
        case {"type": "Fraction", "value": text}:
            return Fraction(text)
        case {"type": "array", "code": code, "words": words}:
            return array(code, _unpack(code, words))
        case {"type": "keys", "times_s": times, "bytes": counts}:
            return dict(zip(_unpack("d", times), _unpack("q", counts), strict=True))
        case {"type": name, **values}:
            return _TYPES[name](**{str(key): _value(each) for key, each in values.items()})
    return plain


def _pack(code: str, numbers: Iterable[float]) -> str:
    """Write numbers of eight bytes, exactly.

    As steps between their words, the first bytes of all of them first: those of times at an even
    rate repeat, and those at any rate share their first bytes.
    """
    plain = tuple(numbers)
    words = struct.unpack(f"<{len(plain)}Q", struct.pack(f"<{len(plain)}{code}", *plain))
    steps = ((after - before) % _WORDS for before, after in pairwise((0, *words)))
    data = struct.pack(f"<{len(plain)}Q", *steps)
    columns = b"".join(data[i::8] for i in range(8))
    return base64.b64encode(zlib.compress(columns)).decode()


def _unpack(code: str, text: str) -> tuple[Any, ...]:
    columns = zlib.decompress(base64.b64decode(text, validate=True))
    count = len(columns) // 8
    data = b"".join(columns[i::count] for i in range(count))
    steps = struct.unpack(f"<{count}Q", data)
    words = accumulate(steps, lambda word, step: (word + step) % _WORDS)
    return struct.unpack(f"<{count}{code}", struct.pack(f"<{count}Q", *words))
