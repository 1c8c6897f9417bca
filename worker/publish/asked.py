"""What a job is asked to publish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worker.hls.run import TextRendition
from worker.records.manifest import ManifestRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is to be published: its request, what it replaces, and what it is made of.

    `is_first`: more rungs follow, of which images and downloads are made.
    """

    request: str
    previous: ManifestRecord | None
    outside: Sequence[TextRendition] = ()
    sizes: tuple[int, ...] = ()
    is_first: bool = False
