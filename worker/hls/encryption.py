"""Encrypts the segments of a run as HLS does: AES-128-CBC over a whole segment (RFC 8216, 4.3.2.4).

Each segment has an IV of its own. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from worker.config.job import Job
from worker.config.values import KEY_ID
from worker.errors import VerificationError
from worker.hls.keys import derive_iv, derive_key, derive_key_id, fingerprint_of
from worker.layout import md5_of
from worker.plan.digest import run_name
from worker.plan.plan import Plan
from worker.records.segment import Segment

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

METHOD = "AES-128"
_BLOCK_BYTES = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class RunKey:
    """The key of a run: its public name, where players request it, and its 16 bytes."""

    id: str
    uri: str = ""
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SegmentCipher:
    """Encrypts and decrypts the segments of a run; without a key they stay as they are."""

    key: RunKey | None = None

    @property
    def key_id(self) -> str | None:
        """The public name of the key; None where nothing is encrypted."""
        return self.key.id if self.key else None

    def describe(self) -> dict[str, dict[str, str]]:
        """Return what a description of the plan says of it."""
        return {"encryption": {"method": METHOD, "key_id": self.key.id}} if self.key else {}

    def encrypt(self, segment: Segment, data: bytes) -> tuple[Segment, bytes]:
        """Return what is stored of a segment that was measured, and its record."""
        if self.key is None:
            return segment, data
        from cryptography.hazmat.primitives.padding import PKCS7

        iv = derive_iv(self.key.value, segment.rendition, segment.index)
        encryptor = _cipher(self.key.value, iv).encryptor()
        padder = PKCS7(8 * _BLOCK_BYTES).padder()
        stored = b"".join(
            [
                encryptor.update(padder.update(data)),
                encryptor.update(padder.finalize()),
                encryptor.finalize(),
            ]
        )
        return replace(segment, bytes=len(stored), md5=md5_of(stored), iv=iv.hex()), stored

    def decrypt(self, rendition: str, index: int, stored: bytes) -> bytes:
        """Return the clear bytes of a stored segment.

        Raises:
            VerificationError: it is not one that was encrypted with this key for this index.

        """
        if self.key is None:
            return stored
        from cryptography.hazmat.primitives.padding import PKCS7

        decryptor = _cipher(self.key.value, derive_iv(self.key.value, rendition, index)).decryptor()
        unpadder = PKCS7(8 * _BLOCK_BYTES).unpadder()
        try:
            padded = decryptor.update(stored) + decryptor.finalize()
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError as error:
            raise VerificationError(
                f"segment {index} of {rendition} cannot be decrypted: {error}"
            ) from error

    def stored_bytes(self, length: int) -> int:
        """Return how many stored bytes hold the first `length` clear ones."""
        return length if self.key is None else -(-length // _BLOCK_BYTES) * _BLOCK_BYTES

    def decrypt_start(self, rendition: str, index: int, start: bytes) -> bytes:
        """Return the clear bytes of the beginning of a stored segment, less a partial block."""
        if self.key is None:
            return start
        decryptor = _cipher(self.key.value, derive_iv(self.key.value, rendition, index)).decryptor()
        return decryptor.update(start)


CLEAR = SegmentCipher()


def fingerprint_for(job: Job) -> str | None:
    """Return the name of the secret that a job encrypts with; None where it encrypts nothing."""
    return fingerprint_of(_secret(job)) if job.encrypt else None


def cipher_for(job: Job, identity: str, plan: Plan) -> SegmentCipher:
    """Return what encrypts the run of a job: the same for each attempt of it, on any machine."""
    if not job.encrypt:
        return CLEAR
    secret = _secret(job)
    form = run_name(identity, plan)
    key_id = derive_key_id(secret, destination=str(job.destination), form=form)
    uri = (job.key_uri or "").replace(KEY_ID, key_id)
    return SegmentCipher(RunKey(id=key_id, uri=uri, value=derive_key(secret, key_id)))


def _secret(job: Job) -> str:
    if job.key_secret is None:
        raise TypeError("a job that encrypts without a secret passed the parameters' validation")
    return job.key_secret.get_secret_value()


def _cipher(key: bytes, iv: bytes) -> Cipher[CBC]:
    # Imported where it is used: many jobs encrypt nothing.
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES128
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    return Cipher(AES128(key), CBC(iv))
