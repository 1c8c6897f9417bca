"""What is said of an upload that is audio alone: how it is published, if it can be."""

from __future__ import annotations

import pytest

from tests.unit.sample import job
from worker.errors import BadSourceError
from worker.source.tracks import refuse_unusable

AUDIO = {"codec_type": "audio", "codec_name": "mp3"}


@pytest.mark.parametrize(
    ("others", "hint"),
    [
        ((), "or submit it again with --audio-only allow"),
        (("--source", "/talk.mp4"), "or, if no part has video, submit it again with"),
    ],
)
def test_audio_is_published_alone_but_not_beside_video(others: tuple[str, ...], hint: str) -> None:
    with pytest.raises(BadSourceError, match=hint):
        refuse_unusable([AUDIO], [], [AUDIO], job(*others))
    refuse_unusable([AUDIO], [], [AUDIO], job("--audio-only", "allow", *others))
