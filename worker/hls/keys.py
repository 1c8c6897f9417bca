"""Names and keys of encrypted runs, derived from one secret: docs/encryption.md has the rules.

Whoever has the secret derives a run's key from its name alone, so no key is stored or sent. Pure.
"""

from __future__ import annotations

import hashlib
import hmac

KEY_BYTES = 16
_FINGERPRINT_CHARS = 8
_PART_CHARS = 16
_FINGERPRINT_TEXT = "academy-video-worker key fingerprint"


def fingerprint_of(secret: str) -> str:
    """Name a secret by 8 hex digits that reveal nothing of it; each of its key ids begins so."""
    return _hmac(secret.encode(), _FINGERPRINT_TEXT).hex()[:_FINGERPRINT_CHARS]


def derive_key_id(secret: str, *, destination: str, form: str) -> str:
    """Name the key of a run: 40 hex digits, for the secret, the destination and the run.

    `form` names the run's source and the form of its output. The middle part depends on the
    destination alone: with it an API knows a lecture's keys without a record of them.
    """
    lecture = _hmac(secret.encode(), f"lecture\n{destination}").hex()[:_PART_CHARS]
    run = _hmac(secret.encode(), f"run\n{destination}\n{form}").hex()[:_PART_CHARS]
    return f"{fingerprint_of(secret)}{lecture}{run}"


def made_of(key_id: str, secret: str) -> bool:
    """Whether a key id was made with this secret."""
    return key_id.startswith(fingerprint_of(secret))


def fingerprint_in(key_id: str) -> str:
    """Return the fingerprint of the secret that a key id was made with."""
    return key_id[:_FINGERPRINT_CHARS]


def derive_key(secret: str, key_id: str) -> bytes:
    """Derive the 16 bytes of a key."""
    return _hmac(secret.encode(), key_id)[:KEY_BYTES]


def derive_iv(key: bytes, rendition: str, index: int) -> bytes:
    """Derive the initialization vector of a segment: known without its content, and unique."""
    return _hmac(key, f"{rendition}/{index}")[:KEY_BYTES]


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), hashlib.sha256)
