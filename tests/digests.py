"""Names below a run without the digest of their content, as tests compare them."""

from __future__ import annotations

import re

_DIGEST = re.compile(r"\.[0-9a-f]{8}(?=\.(?:ts|m3u8|vtt|jpg|html|mp4|m4a)\b)")


def without_digests(text: str) -> str:
    """Turn `run/720p/00001.4f3a9c1e.ts` into `run/720p/00001.ts`, in any text."""
    return _DIGEST.sub("", text)
