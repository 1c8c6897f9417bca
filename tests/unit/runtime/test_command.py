"""Commands are plain values; descriptors of pipes are filled in when one is started."""

from __future__ import annotations

import pytest

from worker.runtime.command import Command, pipe_url


def test_a_pipe_is_named_by_its_label_until_the_program_starts() -> None:
    args = ("-progress", pipe_url("progress"), f"metadata=print:file={pipe_url('stats')}:x=1")
    command = Command("ffmpeg", args, ("progress", "stats"))
    assert command.fill_in({"progress": 7, "stats": 12}) == [
        *("-progress", "pipe:7", "metadata=print:file=pipe:12:x=1")
    ]


@pytest.mark.parametrize("name", ["{progress}", "pipe:progress", "%(stats)s", "$stats"])
def test_a_file_name_is_never_taken_for_a_pipe(name: str) -> None:
    command = Command("ffmpeg", ("-i", f"file:/in/{name}"))
    assert command.fill_in({"progress": 7, "stats": 8})[1] == f"file:/in/{name}"


def test_a_label_without_a_pipe_is_a_bug_that_shows_at_once() -> None:
    with pytest.raises(KeyError):
        Command("ffmpeg", (pipe_url("stats"),)).fill_in({})
