"""Playlists: RFC 8216 from measured segments."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.digests import without_digests
from tests.unit.sample import AUDIO, audio_segments, plan, run, rung_segments, segment
from worker.hls.bit_rates import measure_bit_rates, segment_durations_s, target_duration_s
from worker.hls.keyframes import key_frames
from worker.hls.master import named_run, render_master_playlist, uris
from worker.hls.playlist import render_iframe_playlist, render_media_playlist, render_playlists
from worker.hls.run import Run


def master(a_run: Run) -> str:
    return without_digests(render_master_playlist(a_run, render_playlists(a_run)))


def test_all_that_a_master_playlist_names_is_found_in_it() -> None:
    a_run = run(plan(), "0123456789abcdef")
    playlists = render_playlists(a_run)
    text = render_master_playlist(a_run, playlists)
    assert set(uris(text)) == {file.key for file in playlists.files()}
    assert named_run(text) == "0123456789abcdef"
    assert named_run("#EXTM3U\n") is None
    assert named_run("#EXTM3U\n720p/index.m3u8\n") is None, "nor may that folder be deleted"
    assert named_run(f"{text}{'0' * 16}/index.m3u8\n") is None


def test_the_name_of_a_playlist_depends_on_its_content() -> None:
    """A reader that caches one for ever never has an outdated one."""
    before = render_playlists(run(plan()))
    segments = rung_segments(plan(), "720p")
    other = {"720p": (segment("720p", 0, md5="0" * 32), *segments[1:])}
    after = render_playlists(run(plan(), renditions={**run(plan()).renditions, **other}))
    assert before.media["720p"].key != after.media["720p"].key
    assert before.media["1080p"].key == after.media["1080p"].key


def test_media_playlist() -> None:
    segments = [
        segment("720p", 0),
        segment("720p", 1, end_ticks=2 * 540_000 - 270_000),
    ]
    assert without_digests(render_media_playlist(segments, 6)) == (
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXTINF:6.000000,\n00000.ts\n#EXTINF:3.000000,\n00001.ts\n#EXT-X-ENDLIST\n"
    )


def test_an_iframe_playlist_names_the_start_of_each_segment() -> None:
    segments = [
        segment("720p", 0, key_bytes=18_800),
        segment("720p", 1, key_bytes=376, end_ticks=2 * 540_000 - 270_000),
    ]
    assert without_digests(render_iframe_playlist(key_frames(segments))) == (
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-I-FRAMES-ONLY\n"
        "#EXTINF:6.000000,\n#EXT-X-BYTERANGE:18800@0\n00000.ts\n"
        "#EXTINF:3.000000,\n#EXT-X-BYTERANGE:376@0\n00001.ts\n#EXT-X-ENDLIST\n"
    )


def test_where_one_key_frame_is_unknown_there_is_no_iframe_playlist() -> None:
    assert key_frames([segment("720p", 0, key_bytes=376), segment("720p", 1)]) == ()


def test_the_master_playlist_names_iframe_playlists_at_the_rate_they_take() -> None:
    text = master(run(plan(audio=None)))
    lines = [x for x in text.splitlines() if x.startswith("#EXT-X-I-FRAME-STREAM-INF")]
    assert len(lines) == 3
    # 18,800 bytes every six seconds; the last one, of 1.333 s, counts with the one before.
    assert lines[0] == (
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=41019,AVERAGE-BANDWIDTH=33840,"
        'CODECS="avc1.640028",RESOLUTION=1920x1080,URI="run/1080p/iframes.m3u8"'
    )


def test_master_playlist_names_rungs_audio_and_an_audio_only_variant() -> None:
    lines = master(run(plan())).splitlines()
    assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-INDEPENDENT-SEGMENTS"]
    assert lines[3] == (
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Korean",LANGUAGE="ko",DEFAULT=YES,'
        'AUTOSELECT=YES,CHANNELS="2",URI="run/audio/index.m3u8"'
    )
    assert [line for line in lines if not line.startswith("#")] == [
        *("run/1080p/index.m3u8", "run/720p/index.m3u8", "run/480p/index.m3u8"),
        "run/audio/index.m3u8",
    ]
    top = lines[4]
    assert 'CODECS="avc1.640028,mp4a.40.2",RESOLUTION=1920x1080,FRAME-RATE=30.000' in top
    assert top.endswith('AUDIO="audio",CLOSED-CAPTIONS=NONE')
    audio_only = lines[lines.index("run/audio/index.m3u8") - 1]
    assert "RESOLUTION" not in audio_only
    assert 'CODECS="mp4a.40.2",AUDIO="audio"' in audio_only
    # NONE must be on all of them (RFC 8216, 4.3.4.2).
    streams = [line for line in lines if line.startswith("#EXT-X-STREAM-INF")]
    assert all(line.endswith(",CLOSED-CAPTIONS=NONE") for line in streams)


def test_of_audio_alone_the_one_variant_is_the_audio() -> None:
    a_run = run(plan(video=None))
    text = master(a_run)
    rates = measure_bit_rates(a_run.audio, 6)
    assert text == (
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        f"#EXT-X-STREAM-INF:BANDWIDTH={rates.peak_bps},AVERAGE-BANDWIDTH={rates.average_bps},"
        'CODECS="mp4a.40.2",CLOSED-CAPTIONS=NONE\nrun/audio/index.m3u8\n'
    )


def test_without_audio_no_group_is_named() -> None:
    assert "audio" not in master(run(plan(audio=None))).lower()


def test_a_rung_that_was_not_made_is_not_listed() -> None:
    a_plan = plan(audio=None)
    only = {"480p": rung_segments(a_plan, "480p")}
    text = master(run(a_plan, renditions=only))
    assert text.count("#EXT-X-STREAM-INF") == 1


def test_priming_before_zero_is_not_playing_time() -> None:
    a_plan = plan()
    segments = audio_segments(a_plan)
    assert segments[0].start_ticks < 0
    total = sum(segment_durations_s(segments))
    assert abs(total - a_plan.grid.duration_s) <= Fraction(1024, 48_000)


def test_peak_is_the_busiest_run_and_average_the_whole() -> None:
    """A short last segment is no peak: runs shorter than half the target do not count."""
    segments = [
        segment("a", 0, bytes=600_000),
        segment("a", 1, bytes=1_200_000),
        segment("a", 2, bytes=90_000, end_ticks=2 * 540_000 + 9_000),
    ]
    rates = measure_bit_rates(segments, 6)
    assert rates.average_bps == -(-8 * 1_890_000 * 10 // 121)
    # Segments 1 and 2 together last 6.1 s of at most 9: the short one counts there.
    assert rates.peak_bps == -(-8 * 1_290_000 * 10 // 61)


@given(
    ticks=st.lists(st.integers(9_000, 900_000), min_size=1, max_size=200),
    sizes=st.integers(188, 10_000_000),
)
def test_durations_never_drift(ticks: list[int], sizes: int) -> None:
    """The EXTINF sum stays within a microsecond of the truth, and no EXTINF exceeds the target."""
    segments, at = [], 0
    for k, length in enumerate(ticks):
        segments.append(segment("a", k, bytes=sizes, start_ticks=at, end_ticks=at + length))
        at += length
    target = target_duration_s([segments])
    lines = render_media_playlist(segments, target).splitlines()
    durations = [Fraction(line[8:-1]) for line in lines if line.startswith("#EXTINF")]
    assert abs(sum(durations) - Fraction(at, 90_000)) <= Fraction(1, 1_000_000)
    assert all(int(duration + Fraction(1, 2)) <= target for duration in durations)
    rates = measure_bit_rates(segments, target)
    assert rates.peak_bps >= rates.average_bps > 0


def test_rungs_and_audio_have_one_target_duration() -> None:
    """RFC 8216, section 6.2.4: the largest of them all, and the peaks are measured by it."""
    rung = [segment("720p", k, end_ticks=(k + 1) * 540_000) for k in range(3)]
    long = [segment("audio", 0, start_ticks=0, end_ticks=600_000, bytes=900_000)]
    assert [target_duration_s([some]) for some in (rung, long)] == [6, 7]
    assert target_duration_s([rung, long]) == 7
    assert target_duration_s([]) == 1
    assert "#EXT-X-TARGETDURATION:7\n" in render_media_playlist(rung, 7)


def test_language_comes_from_the_source_or_not_at_all() -> None:
    text = master(run(plan(audio=replace(AUDIO, language=None))))
    assert "LANGUAGE" not in text
    assert 'NAME="Audio"' in text
