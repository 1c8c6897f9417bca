"""Which machine makes which share of a run: one object for each share, written on condition."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import structlog

from worker.layout import claim_key, claims_prefix, json_file
from worker.records.base import UnreadableRecordError
from worker.records.team import ClaimRecord
from worker.storage.base import PreconditionFailedError
from worker.storage.retrying import RetryingStore
from worker.team.shares import Share

_SUFFIX = ".json"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A share that a machine has claimed; `owner` is empty where the record cannot be read."""

    share: str
    owner: str
    etag: str


class ClaimsDeletedError(Exception):
    """What this machine has claimed is gone: whoever publishes a run deletes all claims on it."""


class Claims:
    """The claims of a team on a run, as one machine makes them and sees them.

    A claim is created on condition that there is none, and replaced on condition that it is still
    the dead machine's. So each share has one owner.
    """

    def __init__(
        self, store: RetryingStore, run: str, *, team: str, owner: str, number: int
    ) -> None:
        self._store, self.run, self._team = store, run, team
        self._record = ClaimRecord(owner=owner, number=number)
        # By share. What a listing shows unchanged is not read again.
        self._seen: dict[str, Claim] = {}

    def take(self, shares: Iterable[Share], wanted: Callable[[Share], bool]) -> Share | None:
        """Claim the first share that is wanted and that nobody has; None: there is none.

        Raises:
            ClaimsDeletedError: once, where there may be nothing left to be made.
            WorkerError: as the store raises it.

        """
        free = [share for share in shares if share.name not in self._seen and wanted(share)]
        if free:
            # One listing instead of a refusal for each share that was claimed meanwhile.
            taken = self._listed()
            self._check_own(taken)
            for share in free:
                if share.name not in taken and self._create(share.name):
                    log.info("share_claimed", share=share.name)
                    return share
        return None

    def _check_own(self, listed: Collection[str]) -> None:
        own = self._record.owner
        gone = [n for n, seen in self._seen.items() if seen.owner == own and n not in listed]
        if gone:
            for name in gone:
                del self._seen[name]
            raise ClaimsDeletedError

    def take_over(self, claim: Claim) -> bool:
        """Claim what a dead machine had; False: another machine was faster.

        Raises:
            WorkerError: as the store raises it.

        """
        is_mine = self._write(claim.share, etag=claim.etag)
        if is_mine:
            log.warning("share_taken_over", share=claim.share)
        return is_mine

    def read(self, names: Collection[str]) -> Mapping[str, Claim]:
        """Return who has claimed these shares; those that nobody has claimed are left out.

        Raises:
            WorkerError: as the store raises it.

        """
        listed = self._listed()
        return {name: self._read(name, listed[name]) for name in names if name in listed}

    def own_keys(self) -> list[str]:
        """Return the keys of this machine's claims."""
        own = self._record.owner
        names = [name for name, seen in self._seen.items() if seen.owner == own]
        return [claim_key(self.run, self._team, name) for name in names]

    def _listed(self) -> dict[str, str]:
        """List the claims: shares and ETags."""
        prefix = claims_prefix(self.run, self._team)
        listed = {
            key.removeprefix(prefix).removesuffix(_SUFFIX): stored.etag
            for key, stored in self._store.list(prefix).items()
        }
        for name, etag in listed.items():
            self._seen.setdefault(name, Claim(share=name, owner="", etag=etag))
        return listed

    def _read(self, name: str, etag: str) -> Claim:
        seen = self._seen[name]
        if not seen.owner or seen.etag != etag:
            content = self._store.get(claim_key(self.run, self._team, name))
            data, etag = (content.data, content.etag) if content else (b"", etag)
            try:
                owner = ClaimRecord.from_json(data).owner
            except UnreadableRecordError:
                owner = ""
            seen = self._seen[name] = Claim(share=name, owner=owner, etag=etag)
        return seen

    def _create(self, name: str) -> bool:
        return self._write(name, etag=None)

    def _write(self, name: str, *, etag: str | None) -> bool:
        file = json_file(claim_key(self.run, self._team, name), self._record.to_json())
        try:
            stored = self._store.replace(file, etag=etag)
        except PreconditionFailedError:
            self._seen.pop(name, None)
            return False
        self._seen[name] = Claim(share=name, owner=self._record.owner, etag=stored.etag)
        return True
