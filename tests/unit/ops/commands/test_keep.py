"""What scripts/keep deletes, by what it knows of the queue."""

from __future__ import annotations

from typing import Any, cast

import pytest

from ops.__main__ import build_parser
from ops.commands import keep
from ops.keeper.clean import Cleaner
from tests.unit.ops.keeper.fates import QUEUE
from tests.unit.ops.keeper.world import DAY_S, World

CLEANING = ("--below", "s3://videos/hls", "--delete-runs-after", "7", "--delete-uploads-after", "7")
# Of any time: the simulated queue has a clock of its own.
ALWAYS = ("--hours", "1000000")


class CleanerOfNothing:
    """What cleans, where nothing is to be deleted."""

    deleted = ("s3://uploads/talk-0.mp4",)
    notes = ()

    def clean(self) -> None:
        """Nothing is there."""


@pytest.mark.parametrize("has_ended", [False, True], ids=["waiting", "published"])
@pytest.mark.parametrize(("most", "is_cleaned"), [(3, True), (2, False)])
def test_nothing_is_deleted_where_not_all_jobs_were_read(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    most: int,
    *,
    is_cleaned: bool,
    has_ended: bool,
) -> None:
    """One of the others may need an upload, or continue a run."""
    monkeypatch.setattr(keep, "open_cleaner", lambda *_, **__: cast("Cleaner", CleanerOfNothing()))
    world = World(seed=0, now_s=DAY_S, is_faulty=False)
    for i in range(3):
        talk = {"source": f"s3://uploads/talk-{i}.mp4", "destination": f"s3://videos/hls/talk-{i}"}
        job = world.submit({"jobName": "upload", "parameters": talk}, 0, by_keeper=False)
        job.end, job.end_s = "published", DAY_S / 2 if has_ended else 2 * DAY_S
    words = ["keep", "--queue", QUEUE, "--max-jobs", str(most), *ALWAYS, *CLEANING]
    assert keep.run(build_parser().parse_args(words), cast("Any", world)) == 0
    said = capsys.readouterr().out
    assert ("deleted      s3://uploads/talk-0.mp4" in said) is is_cleaned
    assert ("no upload or run is deleted: jobs that were not read" in said) is not is_cleaned
