"""Encodes a run with other machines: what this one claims, what the dead left, until all is there.

What is done is what the store holds, not what a claim says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import structlog

from worker.encode.audio_feed import AudioFeed
from worker.encode.decode_check import FillerError, refuse_filler, shown_packets
from worker.encode.encoder import Encoder, Hooks
from worker.encode.run import Encoded, EncodeJob, collect, encode, indexes, warn_of_gaps
from worker.layout import AUDIO, machine_checkpoint_key
from worker.monitoring.progress import Step
from worker.plan.forecast import Choice, Decision, Forecast
from worker.records.team import MachineState
from worker.storage.retrying import RetryingStore
from worker.team.polls import Polls
from worker.team.shares import AUDIO_SHARE, COPY_SHARE, Share
from worker.team.team import Team
from worker.upload.checkpoint import Checkpoint, describe_run, read_stored
from worker.upload.uploader import Uploader

# What others have stored is looked up so often at most while this machine waits for them.
_LOOK_S = 10.0
_FEED_S = 10.0
_REPORT_S = 5.0

log = structlog.get_logger(__name__)


class TeamEncode:
    """One machine's part in the encode of a run; `on_choice` gets what is decided on the way."""

    def __init__(self, job: EncodeJob, team: Team, *, on_choice: Callable[[Choice], None]) -> None:
        self.job, self._team, self._on_choice = job, team, on_choice
        self._budget = job.workspace.budget
        key = machine_checkpoint_key(job.name, team.name, team.owner)
        # Its own segments alone: those of other machines are in theirs.
        self._own = Checkpoint(job.name, describe_run(job.plan, job.cipher), key=key)
        self._feed = AudioFeed(job.store, job.name, job.plan, team)
        self._resumed: dict[str, set[int]] = {}
        self._planned = Choice(
            preset=job.plan.presets[0], rungs=tuple(rung.name for rung in job.plan.rungs)
        )
        self._started_s = self._budget.elapsed_s
        self._polls, self._feed_polls = Polls(_LOOK_S), Polls(_FEED_S)
        self._fed = 0
        self._reported_s = -_REPORT_S
        self._missing_frames = self._peak_memory_bytes = 0
        self._whole: Choice | None = None
        self._has_begun = self._has_recalled = False

    def resume(self) -> None:
        """Recall what earlier jobs stored, before other machines take part.

        Raises:
            WorkerError: as the store raises it.

        """
        recalled = self.job.recall()
        self._resumed = indexes(recalled)
        for segment in recalled.renditions().get(AUDIO, ()):
            # The machine that has the claim on the audio answers for all of it.
            self._own.add(segment)
        self._own.save(self.job.store)
        self._has_recalled = True
        log.info("segments_recalled", count=recalled.count)

    def claim_first(self) -> None:
        """Claim the audio and the copy, for which the whole file is needed, as this one has it."""
        shares = [share for share in self._team.shares if not share.segments]
        while self._team.claim(lambda share: share in shares):
            pass

    @property
    def choice(self) -> Choice:
        """What is encoded, as whoever leads has decided last."""
        return self._team.choice or self._planned

    def advance(self) -> bool:
        """Encode what this machine can claim; return whether the store then has the whole run.

        Raises:
            TeamEndedError: the job has ended for all.
            WorkerError: as `encode` raises it; the checkpoint is saved by then.

        """
        if not self._has_begun:
            self._has_begun = True
            resumed = sum(map(len, self._resumed.values()))
            self.job.reporter.begin(
                Step.ENCODE, segments_resumed=resumed, lanes=self.job.plan.lanes
            )
            self._encode(self._resumed or self._read_stored())
        if self._whole == self.choice or not self._polls.is_due(self._budget.elapsed_s):
            return self._whole == self.choice
        stored = self._read_stored()
        lacking = [share for share in self._team.shares if self._lacks(share, stored)]
        if not lacking:
            self._whole = self.choice
        elif self._can_make(lacking):
            self._encode(stored)
        return not lacking

    def _can_make(self, lacking: Collection[Share]) -> bool:
        """Whether some of it is this machine's, nobody's, or that of a dead one."""
        team = self._team
        return (
            any(share in team.mine for share in lacking)
            or team.claim(lambda share: share in lacking)
            or team.take_over(lacking)
        )

    def collect(self, guarded: RetryingStore) -> Encoded | None:
        """Return the run as the store has it; None: something is lacking all the same.

        `guarded`: the store for what the machine that leads writes alone.

        Raises:
            TakenError: another machine has recorded the run meanwhile.
            BadSourceError: most frames could not be decoded, on all machines together.
            WorkerError: as the store raises it.

        """
        missing = self._missing_frames + self._team.call_the_roll().missing_frames
        count = shown_packets(self.job.plan)
        try:
            refuse_filler(self.job.plan, missing, decoded=count - missing, read=count)
        except FillerError as error:
            self._own.refusal = str(error)
            self._own.save(self.job.store)
            raise
        checkpoint = self.job.recall()
        stored = indexes(checkpoint)
        if lacking := [share for share in self._team.shares if self._lacks(share, stored)]:
            # What is there cannot be used: another machine would not see that by its name.
            log.warning("segments_made_again", shares=[share.name for share in lacking])
            self._team.mine += [share for share in lacking if share not in self._team.mine]
            self._whole = None
            self._encode(stored)
            return None
        checkpoint.save(guarded)
        return collect(
            self.job,
            checkpoint,
            self.choice.rungs,
            resumed=self._resumed,
            started_s=self._started_s,
            peak_memory_bytes=self._peak_memory_bytes,
        )

    def _read_stored(self) -> dict[str, set[int]]:
        """Return what the store has by its names; the audio where it is whole."""
        job = self.job
        stored = read_stored(job.store, job.name, job.plan)
        for rendition, own in indexes(self._own).items():
            # A listing may be behind what the store has confirmed.
            stored.setdefault(rendition, set()).update(own)
        stored.pop(AUDIO, None)
        if job.plan.audio:
            segments, is_whole = self._feed.read()
            if is_whole:
                stored[AUDIO] = {segment.index for segment in segments}
        return stored

    def _lacks(self, share: Share, stored: Mapping[str, Collection[int]]) -> bool:
        """Whether a share is not whole in the store."""
        if share.name == AUDIO_SHARE:
            return AUDIO not in stored
        is_copy = share.name == COPY_SHARE
        segments = range(self.job.plan.grid.segment_count) if is_copy else share.segments
        copied = {rung.name for rung in self.job.plan.rungs if rung.is_copied}
        rungs = [rung for rung in self.choice.rungs if (rung in copied) == is_copy]
        return any(not set(stored.get(rung, ())).issuperset(segments) for rung in rungs)

    def _encode(self, stored: Mapping[str, Collection[int]]) -> None:
        """Encode what is claimed and lacking, and claim more, until others have all that is left.

        `stored` maps renditions to the segments that the store has.
        """
        job, team = self.job, self._team
        if team.has(AUDIO_SHARE) and AUDIO not in stored and not self._has_recalled:
            stored = self._recall_audio(stored)
        uploader = job.open_uploader(self._own)
        hooks = Hooks(
            on_progress=self._progress,
            on_forecast=self._predicted,
            on_tick=lambda: self._feed_audio(uploader),
        )
        encoder = Encoder(
            job.plan,
            job.sources,
            done=stored,
            workspace=job.workspace,
            uploader=uploader,
            hooks=hooks,
            team=team,
        )
        report = encode(encoder, uploader, self._own, store=job.store, budget=self._budget)
        warn_of_gaps(job.plan, report)
        self._missing_frames += report.missing_frames
        self._peak_memory_bytes = max(self._peak_memory_bytes, report.peak_memory_bytes)
        self._report("waiting")
        self._polls.poll_at_once()

    def _recall_audio(self, stored: Mapping[str, Collection[int]]) -> Mapping[str, Collection[int]]:
        """Take the audio that a machine had made whole before it died, if it had."""
        segments = self.job.recall().renditions().get(AUDIO, ())
        for segment in segments:
            self._own.add(segment)
        return {**stored, AUDIO: {s.index for s in segments}} if segments else stored

    def _feed_audio(self, uploader: Uploader) -> None:
        """Hand over the audio that another machine has made so far, where segments wait for it."""
        if not uploader.awaits_audio or self._team.has(AUDIO_SHARE):
            return
        if not self._feed_polls.is_due(self._budget.elapsed_s):
            return
        segments, is_whole = self._feed.read()
        uploader.add_audio(segments, is_whole=is_whole)
        if len(segments) > self._fed:
            self._fed = len(segments)
            self._feed_polls.wait_anew(self._budget.elapsed_s)
        elif not is_whole:
            self._team.take_over([s for s in self._team.shares if s.name == AUDIO_SHARE])

    def _progress(self, frames: int, segments: int) -> None:
        job = self.job
        job.reporter.encoded(frames, job.plan.grid, uploaded=self._own.count, segments=segments)
        if self._budget.elapsed_s - self._reported_s >= _REPORT_S:
            self._reported_s = self._budget.elapsed_s
            self._report("encoding")

    def _report(self, state: MachineState) -> None:
        frames = {
            rendition: self.job.plan.grid.frames_in({segment.index for segment in segments})
            for rendition, segments in self._own.renditions().items()
            if rendition != AUDIO
        }
        self._team.report(
            state=state,
            segments=self._own.count,
            frames=frames,
            missing_frames=self._missing_frames,
        )

    def _predicted(self, forecast: Forecast, decision: Decision | None) -> None:
        """Report the forecast, which the machine that leads makes for all."""
        if not self._team.leads:
            return
        self.job.reporter.predicted(forecast, decision)
        if decision is not None:
            self._team.decided = decision.after
            self._on_choice(decision.after)
