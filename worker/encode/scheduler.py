"""Decides which span each lane encodes next, and when a span ends early. Starts nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from worker.encode.spans import next_span
from worker.layout import AUDIO
from worker.plan.forecast import Choice, Decision, Forecast
from worker.plan.plan import Plan, Span
from worker.runtime.budget import Budget
from worker.team.machines import Roll
from worker.team.shares import COPY_SHARE, Share
from worker.team.team import Team

_ALONE = Roll()


@dataclass(slots=True)
class Lane:
    """One FFmpeg at a time, and how far it is in its span: encoded, and in whole segments."""

    name: str
    span: Span | None = None
    encoded_s: float = 0.0
    segmented_s: float = 0.0

    def take(self, span: Span) -> None:
        """Begin a span."""
        self.span = span
        self.encoded_s = self.segmented_s = 0.0


class Scheduler:
    """The segments that are done, the lanes, and the forecast of when all will be.

    `done` maps renditions to the segments that are in the store already. With a `team` only what
    this machine has claimed is encoded, and idle lanes claim more.
    """

    def __init__(
        self,
        plan: Plan,
        done: Mapping[str, Collection[int]],
        *,
        time_limit_s: float,
        team: Team | None = None,
    ) -> None:
        self._plan = plan
        self._team = team
        self._done = {rung.name: set(done.get(rung.name, ())) for rung in plan.rungs}
        self._audio_segments = len(done.get(AUDIO, ()))
        self._copied = frozenset(rung.name for rung in plan.rungs if rung.is_copied)
        # Counted as segments get done: summing up hours of them after each would take a core.
        self._missing = {
            rung: plan.grid.total_frames - plan.grid.frames_in(segments)
            for rung, segments in self._done.items()
        }
        self.forecast = Forecast(plan, time_limit_s=time_limit_s, missing=self._missing)
        self._follow_choice()
        # What others have stored by now is in `done`.
        self._elsewhere_before = self._roll.elsewhere
        names = [f"ffmpeg (video {number})" for number in range(plan.lanes)]
        self.lanes = {name: Lane(name) for name in names}
        # The last lane begins no span while the audio, which this machine makes for all of a team,
        # needs its core: there are others for the video.
        self.spares_a_lane = False

    @property
    def choice(self) -> Choice:
        """What the next segments are made with."""
        return self.forecast.choice

    def is_done(self, rendition: str, index: int) -> bool:
        """Whether a segment of a rung was made, now or by an earlier job; audio's never is."""
        return index in self._done.get(rendition, ())

    def record(self, rendition: str, index: int) -> None:
        """Record that a segment was made; those of audio are not scheduled, and only counted."""
        if rendition == AUDIO:
            self._audio_segments = index + 1
        if rendition in self._done and not self.is_done(rendition, index):
            self._done[rendition].add(index)
            self._missing[rendition] -= self._plan.grid.frames(index)

    @property
    def lacks_copy(self) -> bool:
        """Whether a copied rung still lacks segments, and this machine is to make it."""
        is_mine = self._team is None or self._team.has(COPY_SHARE)
        return is_mine and any(self._missing[rung] for rung in self._copied)

    def assign(self) -> Iterator[Lane]:
        """Give each idle lane the next span, until nothing is left; yield those lanes."""
        for lane in list(self.lanes.values())[: self._usable_lanes]:
            if lane.span is None:
                span = self._next_span()
                if span is None:
                    return
                lane.take(span)
                yield lane

    @property
    def _usable_lanes(self) -> int:
        return max(1, len(self.lanes) - self.spares_a_lane)

    def _next_span(self) -> Span | None:
        span = self._find_span()
        while span is None and self._team is not None and self._team.claim(self.lacks):
            span = self._find_span()
        return span

    def lacks(self, share: Share) -> bool:
        """Whether something of a share of video is to be encoded; the others are claimed first."""
        rungs = [rung for rung in self.choice.rungs if rung not in self._copied]
        return any(not self.is_done(rung, index) for index in share.segments for rung in rungs)

    def _find_span(self) -> Span | None:
        found = next_span(
            self._plan.grid,
            [rung for rung in self.choice.rungs if rung not in self._copied],
            self._done,
            taken=[range(span.first, span.end) for span in self._spans()],
            lanes=self._plan.lanes,
            claimed=None if self._team is None else self._team.claimed,
            joints=self._plan.joints,
        )
        if found is None:
            return None
        segments, rungs = found
        preset = self.choice.preset
        return Span(first=segments.start, end=segments.stop, rungs=rungs, preset=preset)

    def has_finished(self, span: Span, index: int) -> bool:
        """Whether all rungs of a span have this segment."""
        return all(self.is_done(rung, index) for rung in span.rungs)

    @property
    def is_steady(self) -> bool:
        """Whether all lanes encode as was last decided.

        Until they do, their segments do not show what that costs.
        """
        return all(map(self._is_wanted, self._spans()))

    def decide(self, budget: Budget) -> Decision | None:
        """Update the forecast; return a change of plan where it calls for one.

        Raises:
            BudgetSpentError: nothing worth publishing can be made in time.

        """
        self.forecast.observe(
            budget.elapsed_s, self._missing, elsewhere=self._elsewhere, machines=self._roll.live
        )
        if self._team is not None and not self._team.leads:
            self._follow_choice()
            return None
        return self.forecast.decide(budget.remaining_s)

    @property
    def _elsewhere(self) -> dict[str, int]:
        """Frames that other machines have stored since this encode began."""
        before = self._elsewhere_before
        return {rung: n - before.get(rung, 0) for rung, n in self._roll.elsewhere.items()}

    @property
    def _roll(self) -> Roll:
        return self._team.roll if self._team is not None else _ALONE

    def _follow_choice(self) -> None:
        """Encode what the machine that leads wants."""
        if self._team is not None and (choice := self._team.choice):
            self.forecast.choice = choice

    def should_stop(self, span: Span, index: int) -> bool:
        """Whether a span is to end after this segment, as it is no longer wanted as it is made."""
        return not self._is_wanted(span) and index + 1 < span.end

    def done_frames(self) -> int:
        """Return the frames that are done: whole segments, and what each lane has begun.

        Of audio alone they are samples.
        """
        grid = self._plan.grid
        if not self._plan.rungs:
            return grid.first_frame(self._audio_segments)
        elsewhere = self._elsewhere
        missing = (self._missing[rung] - elsewhere.get(rung, 0) for rung in self.choice.rungs)
        done = grid.total_frames - max(missing)
        for lane in self.lanes.values():
            if lane.span:
                spanned = range(lane.span.first, lane.span.end)
                stored = self._done[lane.span.rungs[0]].intersection(spanned)
                done += max(0, round(lane.encoded_s * grid.rate) - grid.frames_in(stored))
        return min(done, grid.total_frames)

    def expected_segments(self) -> int:
        """Return how many segments the run will have."""
        renditions = len(self.choice.rungs) + (self._plan.audio is not None)
        return renditions * self._plan.grid.segment_count

    def _spans(self) -> list[Span]:
        return [lane.span for lane in self.lanes.values() if lane.span]

    def _is_wanted(self, span: Span) -> bool:
        wanted = self.choice
        return span.preset == wanted.preset and set(span.rungs) <= set(wanted.rungs)
