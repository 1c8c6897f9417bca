"""What keeps a playlist from playing is found; what a worker writes is not faulted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from ops.audit.finding import Code, Finding
from ops.audit.playlist import MediaPlaylist, read_master, read_media_playlist
from ops.audit.rules import key_faults, master_faults, media_faults, range_faults, rung_faults
from tests.unit.fakes import RecordingStore
from tests.unit.publish.test_publish import publish_to
from worker.storage.base import StoredObject

KEY_URI = "https://api.example/keys/1"
MEDIA = """\
#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:6
#EXTINF:6.000000,
00000.ts
#EXTINF:6.000000,
00001.ts
#EXTINF:1.333333,
00002.ts
#EXT-X-ENDLIST
"""
MASTER = """\
#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio",URI="run/audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=2x2,AUDIO="audio"
run/720p/index.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,CODECS="avc1.64001f",URI="run/720p/iframes.m3u8"
"""


def media(text: str = MEDIA) -> MediaPlaylist:
    return read_media_playlist(text)


def codes(findings: Iterable[Finding]) -> list[Code]:
    return [finding.code for finding in findings]


def encrypted(*ivs: int) -> str:
    """The playlist with a key before each segment."""
    text = MEDIA
    for index, iv in enumerate(ivs):
        tag = f'#EXT-X-KEY:METHOD=AES-128,URI="{KEY_URI}",IV=0x{iv:032x}\n'
        at = text.index(f"{index:05d}.ts")
        start = text.rindex("#EXTINF", 0, at)
        text = text[:start] + tag + text[start:]
    return text


def faults(playlist: MediaPlaylist) -> list[Code]:
    return codes(media_faults("key", playlist, segments=3, duration_s=13.333))


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", []),
        ("#EXT-X-ENDLIST", "", [Code.NO_END]),
        ("DURATION:6", "DURATION:5", [Code.TARGET_DURATION]),
        ("#EXT-X-TARGETDURATION:6\n", "", [Code.TARGET_DURATION]),
        # Half a second is rounded up; but EXTINF itself may have been rounded up to it.
        ("6.000000,\n00001", "6.500000,\n00001", [Code.DURATION]),
        ("6.000000,\n00001", "6.400000,\n00001", []),
        ("6.000000,\n00001", "6.510000,\n00001", [Code.TARGET_DURATION, Code.DURATION]),
        ("#EXTINF:1.333333,\n00002.ts\n", "", [Code.SEGMENT_COUNT]),
        ("1.333333", "0.500000", [Code.DURATION]),
        ("#EXTINF:1.333333,\n", "", [Code.DURATION, Code.DURATION]),
    ],
)
def test_of_one_playlist(old: str, new: str, found: list[Code]) -> None:
    assert faults(media(MEDIA.replace(old, new, 1))) == found


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", []),
        ('CODECS="avc1.64001f,mp4a.40.2",', "", [Code.CODECS_MISSING]),
        ('CODECS="avc1.64001f",', 'CODECS="",', [Code.CODECS_MISSING]),
        ('GROUP-ID="audio"', 'GROUP-ID="sub"', [Code.GROUP_MISSING]),
        ("TYPE=AUDIO", "TYPE=SUBTITLES", [Code.GROUP_MISSING]),
        ("#EXT-X-STREAM-INF:", "#EXT-X-STREAM:", [Code.MASTER_DAMAGED]),
    ],
)
def test_of_the_master_playlist(old: str, new: str, found: list[Code]) -> None:
    assert codes(master_faults("master.m3u8", read_master(MASTER.replace(old, new, 1)))) == found


@pytest.mark.parametrize(
    ("text", "uri", "count"),
    [
        (MEDIA, None, 0),
        (encrypted(1, 2, 3), KEY_URI, 0),
        (encrypted(1, 2, 3), None, 0),
        (MEDIA, KEY_URI, 3),
        (encrypted(1, 2), KEY_URI, 1),
        (encrypted(1, 2, 2), KEY_URI, 1),
        (encrypted(1, 2, 3), "https://api.example/keys/2", 3),
        (encrypted(1, 2, 3).replace("AES-128", "NONE", 1), KEY_URI, 1),
    ],
)
def test_of_keys(text: str, uri: str | None, count: int) -> None:
    assert sum(each.count for each in key_faults("key", media(text), uri)) == count


def test_of_byte_ranges() -> None:
    text = MEDIA.replace("00001.ts", "#EXT-X-BYTERANGE:188@0\n00001.ts")
    for size, found in ((188, []), (187, [Code.BYTE_RANGE])):
        listing = {"run/720p/00001.ts": StoredObject(bytes=size, etag="")}
        assert codes(range_faults("run/720p/iframes.m3u8", media(text), listing)) == found


def test_rungs_are_compared_with_the_one_that_lasts_as_long_as_the_video() -> None:
    good = media()
    longer = replace(good.segments[0], duration_s=7.0)
    moved = replace(good, segments=(longer, replace(longer, duration_s=5.0), good.segments[2]))
    short = replace(good, segments=good.segments[:2])
    assert not [*rung_faults({"a": good, "b": good}, 13.333)]
    assert [f.key for f in rung_faults({"a": short, "b": good, "c": good}, 13.333)] == ["a"]
    assert [f.key for f in rung_faults({"a": good, "b": moved}, 13.333)] == ["b"]
    assert not [*rung_faults({"a": short}, 13.333)]


def test_what_a_worker_publishes_fulfils_the_rules() -> None:
    store = RecordingStore()
    manifest = publish_to(store).manifest
    assert not [*master_faults("master.m3u8", read_master(store.objects["master.m3u8"].decode()))]
    for key, data in store.objects.items():
        if key.endswith(".m3u8") and "/" in key:
            playlist = media(data.decode())
            found = media_faults(key, playlist, segments=3, duration_s=manifest.duration_s)
            assert not [*found], key
