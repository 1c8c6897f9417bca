"""The audio that another machine makes: its segments that are in the store so far."""

from __future__ import annotations

from collections.abc import Sequence

from worker.layout import AUDIO, machine_checkpoint_key
from worker.plan.plan import Plan
from worker.records.base import UnreadableRecordError
from worker.records.checkpoint import CheckpointRecord
from worker.records.segment import Segment
from worker.storage.retrying import RetryingStore
from worker.team.shares import AUDIO_SHARE
from worker.team.team import Team
from worker.upload.verify import audio_faults


class AudioFeed:
    """Reads the checkpoint of the machine that has claimed the audio."""

    def __init__(self, store: RetryingStore, run: str, plan: Plan, team: Team) -> None:
        self._store, self._run, self._plan, self._team = store, run, plan, team

    def read(self) -> tuple[Sequence[Segment], bool]:
        """Return the segments of audio from the first on, and whether they are all.

        Raises:
            WorkerError: as the store raises it.

        """
        claim = self._team.claims.read([AUDIO_SHARE]).get(AUDIO_SHARE)
        if claim is None:
            return (), False
        key = machine_checkpoint_key(self._run, self._team.name, claim.owner)
        content = self._store.get(key)
        if content is None:
            return (), False
        try:
            record = CheckpointRecord.from_json(content.data)
        except UnreadableRecordError:
            return (), False
        segments = [segment for segment in record.segments if segment.rendition == AUDIO]
        return segments, not any(audio_faults(self._plan, segments))
