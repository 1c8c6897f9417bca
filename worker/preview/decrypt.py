"""Shows an encrypted video: its segments are decrypted on the way to the player.

So the key stays in this process, and the academy's API is not asked for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from worker.hls.encryption import RunKey, SegmentCipher
from worker.hls.keys import derive_key, made_of
from worker.layout import read_segment_name, run_prefix
from worker.records.manifest import EncryptionRecord
from worker.report.messages import KEY_MISSING, KEY_OF_OTHER_SECRET
from worker.storage.base import RemoteFile
from worker.storage.open import PublishedFolder

_KEY_TAGS = re.compile(rb"^#EXT-X-KEY:.*\n", re.MULTILINE)


class _ClearFile:
    """A file as it is shown."""

    takes_ranges = True

    def __init__(self, data: bytes, identity: str) -> None:
        self.size_bytes: int | None = len(data)
        self.identity = identity
        self._data = data

    def read(self, start: int, end: int) -> Iterator[bytes]:
        yield self._data[start:end]


def find_obstacle(encryption: EncryptionRecord, secret: str | None) -> str | None:
    """Return which text of the page says why a video cannot be decrypted; None where it can."""
    if not secret:
        return KEY_MISSING
    return None if made_of(encryption.key_id, secret) else KEY_OF_OTHER_SECRET


def decrypted(
    folder: PublishedFolder, run: str, encryption: EncryptionRecord, secret: str
) -> PublishedFolder:
    """Return a folder whose `find` gives segments of a run in the clear, and playlists for them."""
    key_id = encryption.key_id
    cipher = SegmentCipher(RunKey(id=key_id, value=derive_key(secret, key_id)))

    def find(key: str) -> RemoteFile:
        file = folder.find(key)
        name = key.removeprefix(run_prefix(run))
        if name == key:
            return file
        if position := read_segment_name(name):
            data = cipher.decrypt(*position, _content(file))
        elif key.endswith(".m3u8"):
            data = _KEY_TAGS.sub(b"", _content(file))
        else:
            return file
        return _ClearFile(data, file.identity)

    return replace(folder, find=find)


def _content(file: RemoteFile) -> bytes:
    return b"".join(file.read(0, file.size_bytes or 0))
