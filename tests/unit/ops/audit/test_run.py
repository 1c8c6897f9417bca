"""An audit of a prefix whose listing takes as long as the videos before take to be judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import cast

import pytest

from ops.audit.finding import Verdict
from ops.audit.judge import Judge
from ops.audit.listing import ROOT_FILES, ListedObject
from ops.audit.run import Audit
from ops.audit.state import State
from tests.unit.ops.audit.test_judge import Destination
from worker.storage.base import Store


class SlowRoot:
    """One video, whose records are listed after `meanwhile`."""

    def __init__(self, video: Destination, meanwhile: Callable[[], None]) -> None:
        self._video = video
        self._meanwhile = meanwhile

    def name(self, folder: str) -> str:
        return f"s3://v/{folder}"

    def open(self, name: str) -> Store:  # noqa: ARG002
        return cast("Store", self._video)

    def objects(self, folder: str) -> Iterator[tuple[str, ListedObject]]:
        before = "" if folder else "talk/"
        found = self._video.folder().objects
        for key in sorted(found.keys() - ROOT_FILES):
            yield before + key, found[key]
        self._meanwhile()
        found = self._video.folder().objects
        for key in sorted(found.keys() & ROOT_FILES):
            yield before + key, found[key]


@pytest.mark.parametrize("had", ["nothing", "a former run"])
def test_a_video_that_is_published_while_it_is_listed_is_whole(had: str) -> None:
    video = Destination()
    published = dict(video.store.objects)
    video.store.objects.clear()
    if had == "a former run":
        video.store.objects["f" * 16 + "/720p/00000.00000000.ts"] = b"ts"

    def publish() -> None:
        video.store.objects.clear()
        video.store.objects.update(published)

    audit = Audit(
        root=SlowRoot(video, publish),
        judge=Judge(is_deep=False, now=lambda: datetime(2026, 1, 1, tzinfo=UTC)),
        state=State(None),
        threads=1,
    )
    (result,) = audit.results()
    assert (result.findings, result.verdict) == ((), Verdict.CLEAN)
