"""Names of requests and runs: digests of what decides the output. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from worker.config.job import Job
from worker.config.option import changed_options
from worker.plan.parts import Part
from worker.plan.plan import AudioPlan, Plan, plain_fraction
from worker.plan.texts import TextPlan

# Part of every request's and run's name: raised when the same source and options give other bytes,
# and when an option's default changes.
PLAN_VERSION = 12


def request_digest(
    identity: str,
    job: Job,
    *,
    fingerprint: str | None = None,
    subtitles: Sequence[str] = (),
    downloads: Sequence[str] = (),
    version: int = PLAN_VERSION,
) -> str:
    """Name what was asked for, known before the source is fetched: 16 hex digits.

    `identity` names the source's very content (`worker.storage.open`), `subtitles` that of each
    file from outside, `downloads` the formats of those. Options that change the output are part of
    it where they are not at their defaults, and so is the fingerprint of the secret that it
    encrypts with. `version`: of the worker that named it, where that is another one.
    """
    asked = {"version": version, "source": identity, "options": changed_options(job)}
    if fingerprint:
        asked["secret"] = fingerprint
    if subtitles:
        asked["subtitles"] = list(subtitles)
    if downloads:
        asked["downloads"] = sorted(downloads)
    return _digest(asked)


def run_name(identity: str, plan: Plan, *, key_id: str | None = None) -> str:
    """Name a run by its source, the form of its output, and the key of its encryption: 16 hex.

    Subtitles from outside are no part of it: they are added to a run without encoding it again.
    """
    return _digest(
        {"source": identity, "plan": output_form(plan)} | ({"key": key_id} if key_id else {})
    )


def output_form(plan: Plan) -> dict[str, Any]:
    """Return what decides the form of the published bytes; the preset may change within a run."""
    form = {
        "version": PLAN_VERSION,
        "grid": asdict(plan.grid),
        "rungs": [asdict(rung) for rung in plan.rungs],
        "audio": plan.audio and {**_form(plan.audio), **_track(plan.parts[0])},
        "texts": [_text(text) for text in plan.texts],
    }
    if plan.is_one_file:
        # What was added later leaves the names of earlier runs as they were.
        return form
    return form | {"parts": [_part(part) for part in plan.parts]}


def _form(audio: AudioPlan) -> dict[str, Any]:
    return {k: v for k, v in asdict(audio).items() if k != "is_muxed" or v}


def _text(text: TextPlan) -> dict[str, Any]:
    return {k: v for k, v in asdict(text).items() if k != "tracks" or v}


def _part(part: Part) -> dict[str, Any]:
    return {
        "number": part.number,
        "begins_s": part.media.begins_s,
        "first_frame": part.first_frame,
        "aspect": part.aspect,
        **_track(part),
    }


def _track(part: Part) -> dict[str, Any]:
    """Return how a part is heard."""
    stream = part.media.audio
    heard = {k: v for k, v in asdict(part.heard).items() if k != "cleaning" or v}
    return {"stream": stream.index, "mix": stream.mix, **heard} if stream else {}


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=plain_fraction)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
