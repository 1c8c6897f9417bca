"""What scripts/audit accepts on its command line."""

from __future__ import annotations

import pytest

from ops.__main__ import main
from ops.commands.audit import given_options
from ops.errors import UsageError


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (("s3://videos", "--threads", "0"), 64, "--threads: a number from 1 to 64"),
        (("s3://videos", "--requests-per-second", "nan"), 64, "a number above 0"),
        (("s3://videos", "--dry-run"), 64, "are for --repair"),
        (("https://videos.example/hls",), 64, "a website cannot be listed"),
        (("s3://Videos_",), 64, "is not a bucket name"),
        (("/there/is/no/such/folder",), 66, "there is no folder"),
        (("s3://videos", "--repair", "--option", "ladder"), 64, "write NAME=VALUE"),
        (("s3://videos", "--repair", "--option", "ffmpeg=/bin/sh"), 64, "of scripts/submit"),
        (("s3://videos", "--repair", "--option", "ladder=huge"), 64, "--ladder: write auto"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_read(
    words: tuple[str, ...], status: int, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", *words]) == status
    assert why in capsys.readouterr().err


def test_options_are_named_as_on_the_command_line_of_submit() -> None:
    words = [
        "copy-top=never",
        "--segment=4",
        "subtitles=ko=s3://subs/b.srt",
        "subtitles=en=s3://subs/c.srt",
    ]
    assert given_options(words) == {
        "copy_top": "never",
        "segment_s": "4",
        "subtitles": "ko=s3://subs/b.srt\nen=s3://subs/c.srt",
    }
    with pytest.raises(UsageError):
        given_options(["=4"])
