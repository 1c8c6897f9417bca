"""A listing that is behind the writes is made again before a run is refused."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.unit.fakes import Clock, RecordingStore, retrying
from tests.unit.sample import plan, run
from worker.errors import VerificationError
from worker.runtime.budget import Budget
from worker.storage.base import ListingDeniedError, StoredObject
from worker.upload.listing import list_run
from worker.upload.verify import verify_run

RUN = run(plan())
WHOLE = {
    f"run/{s.name}": StoredObject(bytes=s.bytes, etag=s.etag)
    for segments in RUN.renditions.values()
    for s in segments
}
LATE = f"run/{RUN.renditions['720p'][1].name}"


class Lagging(RecordingStore):
    """Lists one segment not at all, or as it was before, until so many seconds have passed."""

    def __init__(self, *, until_s: float, earlier: StoredObject | None) -> None:
        super().__init__()
        self.clock = Clock()
        self.budget = Budget(time_limit_s=600, clock=self.clock, sleep=self.pass_by)
        self.until_s = self.clock.now_s + until_s
        self.earlier = earlier
        self.listings = 0

    def pass_by(self, seconds: float) -> None:
        self.clock.now_s += seconds

    def list(self, prefix: str) -> dict[str, StoredObject]:
        assert prefix == "run/"
        self.listings += 1
        if self.clock.now_s >= self.until_s:
            return WHOLE
        listed = {key: found for key, found in WHOLE.items() if key != LATE}
        return listed | ({LATE: self.earlier} if self.earlier else {})


@pytest.mark.parametrize("earlier", [None, StoredObject(bytes=1, etag="old")])
def test_a_listing_that_is_seconds_behind_is_made_again(earlier: StoredObject | None) -> None:
    store = Lagging(until_s=5, earlier=earlier)
    with capture_logs() as logs:
        listing = list_run(RUN, retrying(store, store.budget), store.budget)
    verify_run(RUN, listing)
    assert store.listings == 4
    assert {entry["event"] for entry in logs} == {"listing_repeated"}
    assert f"{LATE.removeprefix('run/')} is not in the store" in logs[0]["reason"]


def test_a_listing_that_is_up_to_date_is_made_once() -> None:
    store = Lagging(until_s=0, earlier=None)
    assert list_run(RUN, retrying(store, store.budget), store.budget) == WHOLE
    assert store.listings == 1


def test_where_nothing_may_be_listed_the_writes_have_to_do() -> None:
    class Unlisted(RecordingStore):
        def list(self, prefix: str) -> dict[str, StoredObject]:
            raise ListingDeniedError(prefix)

    budget = Budget(time_limit_s=600, clock=Clock())
    listing = list_run(RUN, retrying(Unlisted(), budget), budget)
    assert listing is None
    verify_run(RUN, listing)


def test_a_segment_that_stays_away_is_a_fault_after_half_a_minute() -> None:
    store = Lagging(until_s=10_000, earlier=None)
    started_s = store.clock.now_s
    listing = list_run(RUN, retrying(store, store.budget), store.budget)
    assert store.clock.now_s - started_s == pytest.approx(30)
    with pytest.raises(VerificationError, match=r"720p/00001\.[0-9a-f]{8}\.ts is not in the store"):
        verify_run(RUN, listing)
