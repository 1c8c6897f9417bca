"""What is stored of an encrypted lecture, and what is seen of its secrets: nothing."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tests.functional.conftest import FFMPEG
from tests.functional.encryption.conftest import (
    CANARIES,
    DURATION_S,
    OTHER_SECRET,
    SECRET,
    Api,
    Encrypted,
    KeyOf,
)
from tests.functional.hls import (
    assert_strictly_valid,
    attributes,
    files,
    manifest_of,
    read_published,
    read_rendition,
)

_PACKET_BYTES = 188
_PACKETS = 4
# Five bytes and more, which random bytes hardly have: a PES packet's header, and NAL units of
# parameter sets, IDR frames and delimiters behind their start code.
_PES_HEADER = rb"\x00\x00\x01[\xc0-\xef]..[\x80-\x8f]"
_START_CODES = re.compile(_PES_HEADER + rb"|\x00\x00\x00\x01[\x09\x27\x47\x65\x67\x68]", re.DOTALL)
# In an image of flat areas a row of zeros may read like the start of a NAL unit.
_PES_HEADERS = re.compile(_PES_HEADER, re.DOTALL)


def has_packets(data: bytes) -> bool:
    """Whether somewhere the sync bytes of some TS packets follow one another."""
    return any(
        data[at : at + _PACKETS * _PACKET_BYTES : _PACKET_BYTES] == b"\x47" * _PACKETS
        for at in (match.start() for match in re.finditer(b"\x47", data))
    )


def segments(folder: Path) -> dict[str, list[Path]]:
    """The segments that playlists name, by rendition."""
    published = read_published(folder)
    assert published.audio
    return {r.folder.name: list(r.segments) for r in (*published.rungs, published.audio)}


def decrypted(folder: Path, key: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Decrypt as a player does, by the IV of each segment in its playlist."""
    for playlist in sorted(folder.glob("*/*/index.*.m3u8")):
        rendition = read_rendition(playlist)
        lines = rendition.playlist.read_text().splitlines()
        tags = [attributes(line) for line in lines if line.startswith("#EXT-X-KEY:")]
        if playlist.parent.name.startswith("text"):
            assert tags == []
            continue
        assert {tag["METHOD"] for tag in tags} == {"AES-128"}
        for index, (tag, path) in enumerate(zip(tags, rendition.segments, strict=True)):
            decryptor = Cipher(AES128(key), CBC(bytes.fromhex(tag["IV"][2:]))).decryptor()
            padded = decryptor.update(path.read_bytes()) + decryptor.finalize()
            assert padded.endswith(bytes([padded[-1]]) * padded[-1])
            yield rendition.folder.name, index, padded[: -padded[-1]]


@pytest.fixture(scope="module")
def key(encrypted: Encrypted, key_of: KeyOf) -> bytes:
    key_id = manifest_of(encrypted.folder)["encryption"]["key_id"]
    found = key_of(key_id, str(encrypted.folder), [SECRET])
    assert found
    return found


@pytest.mark.ffmpeg
def test_no_clear_byte_of_video_or_audio_is_stored(encrypted: Encrypted, clear: Path) -> None:
    for path in clear.rglob("*.ts"):
        assert has_packets(path.read_bytes())
        assert _START_CODES.search(path.read_bytes())
    stored = list(encrypted.folder.rglob("*.ts"))
    assert len(stored) == len(list(clear.rglob("*.ts")))
    # All files, and not segments alone: nothing else may hold a copy either.
    for name, data in files(encrypted.folder).items():
        assert not has_packets(data), name
        codes = _PES_HEADERS if name.endswith(".jpg") else _START_CODES
        assert not codes.search(data), name


@pytest.mark.ffmpeg
def test_a_player_decrypts_what_a_clear_job_would_have_made(
    encrypted: Encrypted, clear: Path, key: bytes
) -> None:
    """Byte by byte, of two lanes."""
    expected = segments(clear)
    found = list(decrypted(encrypted.folder, key))
    assert [(name, i) for name, i, _ in found] == [
        (name, i) for name in sorted(expected) for i in range(len(expected[name]))
    ]
    for name, index, data in found:
        assert data == expected[name][index].read_bytes(), f"{name} {index}"


def test_what_stays_clear_is_there_and_iframe_playlists_are_not(encrypted: Encrypted) -> None:
    published = read_published(encrypted.folder)
    assert_strictly_valid(published)
    assert "I-FRAME" not in (encrypted.folder / "master.m3u8").read_text()
    manifest = manifest_of(encrypted.folder)
    assert {len(rendition["playlists"]) for rendition in manifest["renditions"]} == {1}
    assert manifest["storyboard"]
    assert len(manifest["thumbnails"]) > 1, "of key frames, which were decrypted"
    (text,) = encrypted.folder.glob("*/text0/00000.*.vtt")
    assert "안녕하세요" in text.read_text(encoding="utf-8")
    assert encrypted.ended.named("images_left_out") == []


@pytest.mark.parametrize("gives_keys", [True, False])
def test_ffmpeg_plays_with_the_key_alone(
    encrypted: Encrypted, api: Api, monkeypatch: pytest.MonkeyPatch, *, gives_keys: bool
) -> None:
    monkeypatch.setattr(api, "gives_keys", gives_keys)
    api.requested.clear()
    words = ("-nostdin", "-protocol_whitelist", "file,http,tcp,crypto")
    source = f"{api.base}/out/master.m3u8"
    answer = subprocess.run(
        [FFMPEG, *words, "-i", source, "-map", "0:v:0", "-map", "0:a:0", "-f", "framemd5", "-"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    frames = [line for line in answer.stdout.splitlines() if line.startswith("0,")]
    assert len(frames) == (DURATION_S * 25 if gives_keys else 0), answer.stderr[-2000:]
    assert set(api.requested) == {manifest_of(encrypted.folder)["encryption"]["key_id"]}


def test_no_secret_and_no_key_is_seen_anywhere(encrypted: Encrypted, key: bytes) -> None:
    """In log, status, manifest, checkpoint, playlists, report, or a child's words and variables."""
    seen = b"\n".join(encrypted.children)
    assert b"-filter_complex" in seen, "no FFmpeg was seen"
    assert b"PATH=" in seen, "no environment was seen"
    secrets = [value.encode() for value in CANARIES.values()]
    secrets += [key, key.hex().encode(), base64.b64encode(key)]
    seen_by_others = {
        "children": seen,
        "log": (encrypted.ended.stdout + encrypted.ended.stderr).encode(),
        **files(encrypted.folder),
    }
    assert {"status.json", "manifest.json", "master.m3u8"} <= set(seen_by_others)
    assert any(name.endswith("checkpoint.json") for name in seen_by_others)
    for name, data in seen_by_others.items():
        for secret in secrets:
            assert secret.lower() not in data.lower(), name
        assert b"canary" not in data.lower(), name


def test_another_secret_or_lecture_has_no_key_of_it(encrypted: Encrypted, key_of: KeyOf) -> None:
    key_id, destination = (
        manifest_of(encrypted.folder)["encryption"]["key_id"],
        str(encrypted.folder),
    )
    assert key_of(key_id, destination, [OTHER_SECRET]) is None
    assert key_of(key_id, f"{destination}2", [SECRET]) is None
    assert key_of(key_id, destination, [OTHER_SECRET, SECRET])
