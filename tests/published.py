"""Reads a destination as a viewer does: while a job writes to it, and when the job has ended."""

from __future__ import annotations

import hmac
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from tests.digests import without_digests
from worker.hls.master import uris
from worker.hls.mpegts import SegmentReading, read_segment
from worker.layout import segment_name
from worker.publish.manifest import published_keys
from worker.records.manifest import ManifestRecord
from worker.storage.base import Store, StoredObject

# Of one rendition: its durations, then each segment's name, frames and times.
Rows: TypeAlias = list[tuple[Any, ...]]
Shape: TypeAlias = dict[str, Rows]


class Watcher:
    """Reads the master playlist ten times a second, and checks that all that it names is stored."""

    def __init__(self, store: Store) -> None:
        self.faults: list[str] = []
        self.reads = 0
        self._store = store
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(0.1):
            master = self._store.get("master.m3u8")
            self.reads += 1
            if master is None:
                continue
            listing = self._store.list("")
            for playlist in uris(master.data.decode()):
                content = self._store.get(playlist)
                folder = playlist.rpartition("/")[0]
                segments = names(content.data) if content else [""]
                self.faults += faults_of(listing, [f"{folder}/{name}" for name in segments])
            self.faults += self._differences_from_manifest()
            if self.faults:
                return

    def _differences_from_manifest(self) -> list[str]:
        """Compare what the manifest names, where the master playlist is that manifest's."""
        content, master = self._store.get("manifest.json"), self._store.get("master.m3u8")
        if content is None or master is None:
            return []
        manifest = ManifestRecord.from_json(content.data)
        keys = set(published_keys(manifest))
        # Later than these two: a job may publish again meanwhile.
        listing = self._store.list("")
        if not set(names(master.data)) <= keys:
            return []
        faults = faults_of(listing, keys)
        for rendition in manifest.renditions:
            for index, md5 in enumerate(rendition.md5 if rendition.kind != "subtitles" else ()):
                stored = listing.get(f"{manifest.run}/{segment_name(rendition.name, index, md5)}")
                if stored is None or stored.etag != md5:
                    faults.append(f"segment {index} of {rendition.name} is not the manifest's")
        return faults


def faults_of(listing: Mapping[str, StoredObject], keys: Iterable[str]) -> list[str]:
    """Return which objects are missing, or hold other bytes than their names say.

    The stores of the tests have a content's MD5 as its ETag.
    """
    faults = []
    for key in keys:
        stored = listing.get(key)
        if stored is None:
            faults.append(f"{key} is missing")
        elif key.split(".")[-2] != stored.etag[:8]:
            faults.append(f"{key} holds other bytes than its name says")
    return faults


def names(playlist: bytes) -> list[str]:
    return [line for line in playlist.decode().splitlines() if line and line[0] != "#"]


def shape(store: Store, secret: str = "") -> Shape:
    """Every rendition's durations, and each segment's frames and times, read from the store.

    Encrypted segments are decrypted as a player does, with the key of this secret.
    """
    master = store.get("master.m3u8")
    assert master is not None
    found: Shape = {}
    for playlist in sorted(set(uris(master.data.decode()))):
        content = store.get(playlist)
        assert content is not None
        rows: Rows = []
        lines = content.data.decode().splitlines()
        rows += [(line,) for line in lines if line.startswith("#EXTINF")]
        for name, data in segments(store, playlist, secret):
            if not name.endswith(".ts"):
                rows.append((without_digests(name), data))
                continue
            reading = read_segment(data)
            rows.append((without_digests(name), *times_of(reading), *times_of(reading.audio)))
        found[without_digests(playlist.partition("/")[2])] = rows
    return found


def segments(store: Store, playlist: str, secret: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield what a media playlist names, decrypted where it is encrypted."""
    content = store.get(playlist)
    assert content is not None
    folder = playlist.rpartition("/")[0]
    ivs = re.findall(r"#EXT-X-KEY:.*IV=0x([0-9a-f]{32})", content.data.decode())
    key = key_of(store, secret) if ivs else b""
    for i, name in enumerate(names(content.data)):
        segment = store.get(f"{folder}/{name}")
        assert segment is not None
        yield name, decrypt(segment.data, key, bytes.fromhex(ivs[i])) if ivs else segment.data


def times_of(reading: SegmentReading | None) -> tuple[int, ...]:
    if reading is None:
        return ()
    return reading.frames, reading.first_pts_ticks, reading.last_pts_ticks


def key_of(store: Store, secret: str) -> bytes:
    """Derive the key of what is published, as docs/encryption.md says."""
    content = store.get("manifest.json")
    assert content is not None
    key_id = json.loads(content.data)["encryption"]["key_id"]
    return hmac.digest(secret.encode(), key_id.encode(), "sha256")[:16]


def decrypt(data: bytes, key: bytes, iv: bytes) -> bytes:
    decryptor, unpadder = Cipher(AES128(key), CBC(iv)).decryptor(), PKCS7(128).unpadder()
    padded = decryptor.update(data) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()


def compare(expected: Rows | None, found: Rows | None) -> str:
    """Return the first difference; empty where there is none."""
    for pair in zip_longest(expected or [("no rendition",)], found or [("no rendition",)]):
        if pair[0] != pair[1]:
            return f"{pair[1]}, not {pair[0]}"
    return ""
