"""A day of the keeper, simulated: every kind of end, late answers, two keepers at once, crashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import pytest

from ops.batch.request import name_for
from ops.keeper.attempt import group
from ops.keeper.claim import read_claim
from ops.keeper.decide import ATTEMPTS
from ops.keeper.keep import Keeper
from ops.keeper.queue import has_unseen_job
from ops.keeper.report import Kind, Report
from tests.unit.ops.keeper.fates import QUEUE
from tests.unit.ops.keeper.world import DAY_S, MOST_LATE_S, CrashedError, World

VIDEOS = 200
EVERY_S = 300.0
TOPIC = "arn:aws:sns:ap-northeast-2:123456789012:alerts"


def keeper(world: World, **settings: Any) -> Keeper:
    return Keeper(
        aws=cast("Any", world),
        queue=QUEUE,
        open_store=world.open_store,
        now=world.now,
        topic=TOPIC,
        **settings,
    )


def upload_all(world: World) -> list[str]:
    """Plan the uploads of half a day; a tenth of their events comes twice."""
    destinations = [f"s3://videos/hls/talk-{i}" for i in range(VIDEOS)]
    for destination in destinations:
        at_s = world.draw.uniform(0, DAY_S / 2)
        source = destination.replace("videos/hls", "uploads") + ".mp4"
        world.upload(at_s, source, destination)
        if world.draw.random() < 0.1:
            world.upload(at_s + world.draw.uniform(0, 600), source, destination)
    return destinations


def run_once(world: World, make: Callable[[], Keeper]) -> None:
    """Run a keeper, and now and then a second one in the middle of it, or a crash."""
    draw = world.draw
    calls = draw.randrange(200)
    what = draw.choices(["nothing", "another", "crash"], [70, 20, 10])[0]

    def chaos() -> None:
        nonlocal calls
        calls -= 1
        if calls != 0:
            return
        if what == "another":
            make().run()
        elif what == "crash":
            raise CrashedError

    world.chaos = chaos
    try:
        make().run()
    except CrashedError:
        pass
    finally:
        world.chaos = lambda: None


def live_a_day(world: World) -> tuple[list[str], Report]:
    destinations = upload_all(world)
    at_s = 0.0
    while at_s < DAY_S:
        at_s += EVERY_S
        world.advance(at_s)
        run_once(world, lambda: keeper(world))
    world.is_faulty = False
    # What Batch says late, it says by then.
    for _ in range(4):
        world.advance(world.now_s + EVERY_S)
        report = keeper(world).run()
    return destinations, report


@pytest.mark.parametrize("seed", [1, 2])
def test_each_video_is_published_or_in_the_list_and_nothing_runs_twice(seed: int) -> None:
    world = World(seed=seed)
    destinations, report = live_a_day(world)
    kinds = {entry.video: entry.kind for entry in report.entries}
    assert world.faults == []
    assert set(kinds) == set(destinations)
    published = {d for d in destinations if any(job.exit_code == 0 for job in world.of(d))}
    assert {k for v, k in kinds.items() if v not in published} == {Kind.PERSON}
    # Of one that was submitted twice, the second job may fail after the first has published.
    listed = {video for video in published if kinds[video] is not Kind.PUBLISHED}
    assert all(sum(not job.by_keeper for job in world.of(video)) == 2 for video in listed)
    resubmitted = Counter(job.destination for job in world.jobs.values() if job.by_keeper)
    assert max(resubmitted.values()) == ATTEMPTS
    assert len(resubmitted) > VIDEOS / 4
    # Of those that a crash or a fault of the store did not swallow, each end is reported once.
    reported = Counter(
        line for text in world.messages for line in text.splitlines() if "/jobs " in line
    )
    assert set(reported.values()) == {1}
    assert len(reported) > 0.9 * (VIDEOS - len(published))


def test_a_job_that_somebody_else_submits_meanwhile_is_noticed() -> None:
    world = World(seed=0, is_faulty=False)
    destination = "s3://videos/hls/talk"
    parameters = {"source": "s3://uploads/talk.mp4", "destination": destination}
    request = {"jobName": name_for(destination), "parameters": parameters}
    first = world.submit(request, 0, by_keeper=False)
    first.end, first.start_s, first.end_s = "budget_spent", 0, 1
    world.now_s = DAY_S / 2

    def submit() -> None:
        if world.store(destination).objects and len(world.jobs) == 1:
            # Long enough ago for every answer of Batch to have it.
            world.submit(request, world.now_s - 2 * MOST_LATE_S, by_keeper=False).end_s = DAY_S

    world.chaos = submit
    (entry,) = keeper(world).run().entries
    assert entry.kind is Kind.PENDING
    assert len(world.jobs) == 2
    claim = read_claim(world.store(destination), "a test")
    assert (claim.record.claimed_at, claim.record.job) == (None, None)


def test_a_job_is_noticed_however_many_of_its_name_there_were_before() -> None:
    world = World(seed=0, now_s=DAY_S, is_faulty=False)
    destination = "s3://videos/hls/talk"
    parameters = {"source": "s3://uploads/talk.mp4", "destination": destination}
    request = {"jobName": name_for(destination), "parameters": parameters}
    jobs = [world.submit(request, i, by_keeper=False) for i in range(101)]
    jobs[-1].end_s = 2 * DAY_S
    (video,) = group(cast("Any", [job.detail(DAY_S) for job in jobs[:-1]]))
    assert has_unseen_job(cast("Any", world), QUEUE, video)


@pytest.mark.parametrize(("ended_day", "is_seen"), [(8, True), (1, False)])
def test_a_job_that_fails_after_a_week_in_the_queue_is_seen(
    ended_day: float, *, is_seen: bool
) -> None:
    """As one of a catalogue that is encoded anew: the window counts from its end."""
    world = World(seed=0, now_s=9 * DAY_S, is_faulty=False)
    parameters = {"source": "s3://uploads/talk.mp4", "destination": "s3://videos/hls/talk"}
    job = world.submit({"jobName": "upload", "parameters": parameters}, 0, by_keeper=False)
    job.end, job.end_s = "bad_parameters", ended_day * DAY_S
    report = keeper(world).run()
    assert [entry.kind for entry in report.entries] == [Kind.PERSON] * is_seen
    assert report.needed == ({"s3://uploads/talk.mp4"} if is_seen else set())
