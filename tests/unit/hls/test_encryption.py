"""Encryption: what is derived from the secret, what is stored, what playlists say of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sample import MEDIA, plan, run, segment
from worker.config.cli import parse_job
from worker.config.job import Job
from worker.errors import VerificationError
from worker.hls.encryption import CLEAR, RunKey, SegmentCipher, cipher_for, fingerprint_for
from worker.hls.keys import derive_iv, derive_key, derive_key_id, fingerprint_of, made_of
from worker.hls.master import render_master_playlist
from worker.hls.playlist import render_playlists
from worker.hls.run import Run
from worker.layout import md5_of
from worker.plan.digest import request_digest, run_name
from worker.upload.verify import verify_run

SECRET = "a canary of the tests, 32 bytes or more"
OTHER = "another canary, of 32 bytes or more too"
DESTINATION = "s3://videos/lectures/talk"
URI = "https://api.example/keys/{key_id}"
KEY = RunKey(id="5" * 40, uri=URI.format(key_id="5" * 40), value=bytes(range(16)))
CIPHER = SegmentCipher(KEY)


def job(secret: str = SECRET, *, uri: str = URI, destination: str = DESTINATION) -> Job:
    words = ["--source", "/in.mp4", "--destination", destination, "--encrypt", "--key-uri", uri]
    return parse_job(words, {"WORKER_KEY_SECRET": secret})


def encrypted_run() -> Run:
    clear = run(plan(), "0123456789abcdef")
    renditions = {
        name: tuple(CIPHER.encrypt(each, b"clear")[0] for each in segments)
        for name, segments in clear.renditions.items()
    }
    return replace(clear, renditions=renditions, cipher=CIPHER)


def test_what_is_derived_is_what_an_api_derives() -> None:
    """By OpenSSL: printf TEXT | openssl dgst -sha256 -mac HMAC -macopt hexkey:…; never to change.

    A change would lock viewers out of all that is published.
    """
    key_id = derive_key_id(SECRET, destination=DESTINATION, form="0123456789abcdef")
    assert key_id == "bb4be575fb32f6f3d1d7baa34141a513bc202c74"
    assert derive_key(SECRET, key_id).hex() == "fd77d98291e817b87b6f1552ad090747"
    assert (
        derive_iv(derive_key(SECRET, key_id), "720p", 12).hex()
        == "fe61745f66e99d47cfba89ecf659d505"
    )


def test_a_key_id_shows_its_secret_and_its_lecture() -> None:
    first = derive_key_id(SECRET, destination=DESTINATION, form="1")
    again = derive_key_id(SECRET, destination=DESTINATION, form="2")
    other = derive_key_id(SECRET, destination=f"{DESTINATION}2", form="1")
    assert made_of(first, SECRET)
    assert not made_of(first, OTHER)
    assert first[:8] == other[:8] == fingerprint_of(SECRET)
    assert first[8:24] == again[8:24] != other[8:24]
    assert len({each[24:] for each in (first, again, other)}) == 3


def test_each_attempt_has_the_same_key_and_another_secret_or_destination_another_one() -> None:
    a_plan = plan()
    ids = {
        cipher_for(each, "identity", a_plan).key_id
        for each in (job(), job(), job(OTHER), job(destination="s3://videos/other"))
    }
    assert len(ids) == 3
    assert cipher_for(job(), "other", a_plan).key_id not in ids
    assert cipher_for(job(), "identity", plan(audio=None)).key_id not in ids


def test_the_uri_of_a_key_is_of_the_request_and_not_of_the_run() -> None:
    a_plan, moved = plan(), job(uri="https://new.example/{key_id}")
    key_id = cipher_for(job(), "x", a_plan).key_id
    assert cipher_for(moved, "x", a_plan).key_id == key_id
    assert cipher_for(moved, "x", a_plan).key.uri == f"https://new.example/{key_id}"  # type: ignore[union-attr]
    digests = {
        request_digest("x", each, fingerprint=fingerprint_for(each))
        for each in (job(), moved, job(OTHER))
    }
    assert len(digests) == 3
    assert run_name("x", a_plan, key_id=key_id) != run_name("x", a_plan)


def test_without_encryption_nothing_changes() -> None:
    clear = parse_job(["--source", "/in.mp4", "--destination", "/out"], {})
    assert fingerprint_for(clear) is None
    assert cipher_for(clear, "x", plan()) == CLEAR
    a_segment = segment("720p", 0)
    assert CLEAR.encrypt(a_segment, b"data") == (a_segment, b"data")
    assert CLEAR.decrypt("720p", 0, b"data") == b"data"
    assert CLEAR.decrypt_start("720p", 0, b"data"[: CLEAR.stored_bytes(3)]) == b"dat"
    assert CLEAR.describe() == {}


@given(st.binary(max_size=100))
def test_what_is_stored_is_aes_128_cbc_with_pkcs7(data: bytes) -> None:
    found, stored = CIPHER.encrypt(segment("720p", 3), data)
    decryptor = Cipher(AES128(KEY.value), CBC(bytes.fromhex(found.iv))).decryptor()
    padded = decryptor.update(stored) + decryptor.finalize()
    count = 16 - len(data) % 16
    assert padded == data + bytes([count]) * count
    assert (found.bytes, found.md5) == (len(stored), md5_of(stored))
    assert CIPHER.decrypt("720p", 3, stored) == data


@given(st.binary(min_size=1, max_size=100), st.data())
def test_the_start_of_a_segment_is_decrypted_from_its_start(
    data: bytes, draw: st.DataObject
) -> None:
    length = draw.draw(st.integers(1, len(data)))
    _, stored = CIPHER.encrypt(segment("720p", 3), data)
    start = CIPHER.decrypt_start("720p", 3, stored[: CIPHER.stored_bytes(length)])
    assert start[:length] == data[:length]


def test_no_two_segments_have_one_iv() -> None:
    ivs = {
        CIPHER.encrypt(segment(name, i), b"")[0].iv for name in ("720p", "audio") for i in (0, 1)
    }
    assert len(ivs) == 4


@pytest.mark.parametrize("damage", [b"", b"x" * 15, b"x" * 32])
def test_what_cannot_be_decrypted_is_no_segment(damage: bytes) -> None:
    with pytest.raises(VerificationError, match="segment 3 of 720p cannot be decrypted"):
        CIPHER.decrypt("720p", 3, damage)


def test_each_segment_of_video_and_audio_is_preceded_by_its_key() -> None:
    a_run = encrypted_run()
    playlists = render_playlists(a_run)
    for name, segments in a_run.renditions.items():
        lines = playlists.media[name].data.decode().splitlines()
        tags = [line for line in lines if line.startswith("#EXT-X-KEY")]
        assert tags == [
            f'#EXT-X-KEY:METHOD=AES-128,URI="{KEY.uri}",IV=0x{each.iv}' for each in segments
        ]
        for each, at in zip(segments, map(lines.index, tags), strict=True):
            assert lines[at + 2] == each.name.partition("/")[2]


def test_an_encrypted_run_has_no_iframe_playlists() -> None:
    """A byte range of a segment cannot be decrypted as one."""
    a_run = encrypted_run()
    playlists = render_playlists(a_run)
    assert playlists.iframes == {}
    assert "I-FRAME" not in render_master_playlist(a_run, playlists)
    assert render_playlists(run(plan())).iframes


def test_a_clear_segment_in_an_encrypted_run_is_a_fault() -> None:
    a_run = encrypted_run()
    verify_run(a_run, None)
    first, *rest = a_run.renditions["720p"]
    mixed = replace(a_run, renditions={**a_run.renditions, "720p": (replace(first, iv=""), *rest)})
    with pytest.raises(VerificationError, match=r"720p/00000\..* is not encrypted"):
        verify_run(mixed, None)


def test_neither_key_nor_secret_is_shown() -> None:
    cipher = cipher_for(job(), "x", plan())
    assert cipher.key
    shown = repr((job(), cipher, cipher.describe(), MEDIA))
    assert SECRET not in shown
    assert cipher.key.value.hex() not in shown
    assert repr(cipher.key.value) not in shown
