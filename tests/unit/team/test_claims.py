"""Claims: each share has one owner, and a dead machine's passes to one other."""

from __future__ import annotations

import pytest

from tests.unit.fakes import RecordingStore, retrying
from worker.team.claims import Claims, ClaimsDeletedError
from worker.team.shares import Share

RUN, TEAM = "0123456789abcdef", "array-job"
SHARES = tuple(Share(name=f"{i:05d}-{i + 4:05d}", segments=range(i, i + 4)) for i in (0, 4, 8))


def everything(_share: Share) -> bool:
    return True


@pytest.fixture
def store() -> RecordingStore:
    return RecordingStore()


def claims(store: RecordingStore, owner: str) -> Claims:
    return Claims(retrying(store), RUN, team=TEAM, owner=owner, number=1)


def test_two_machines_share_a_run(store: RecordingStore) -> None:
    one, two = claims(store, "one"), claims(store, "two")
    taken = [each.take(SHARES, everything) for each in (one, two, one, two, one)]
    assert taken == [*SHARES, None, None]


def test_what_is_not_lacking_is_not_claimed(store: RecordingStore) -> None:
    assert claims(store, "one").take(SHARES, lambda share: 8 in share.segments) == SHARES[2]


def test_of_two_that_are_as_quick_one_wins(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other finds it at its write, and claims the next one."""
    slow = claims(store, "slow")
    # What it lists is older than the other machine's claim.
    monkeypatch.setattr(store, "list", lambda _prefix: {})
    claims(store, "quick").take(SHARES, everything)
    taken = slow.take(SHARES, everything)
    assert taken == SHARES[1]


def test_a_dead_machines_share_passes_to_one_other(store: RecordingStore) -> None:
    claims(store, "dead").take(SHARES, everything)
    one, two = claims(store, "one"), claims(store, "two")
    seen = [each.read([SHARES[0].name])[SHARES[0].name] for each in (one, two)]
    assert [claim.owner for claim in seen] == ["dead", "dead"]
    assert [one.take_over(seen[0]), two.take_over(seen[1])] == [True, False]
    assert two.read([SHARES[0].name])[SHARES[0].name].owner == "one"


def test_a_claim_that_cannot_be_read_has_no_owner(store: RecordingStore) -> None:
    one = claims(store, "one")
    one.take(SHARES, everything)
    key = store.puts[-1]
    store.objects[key] = b"{"
    assert claims(store, "two").read([SHARES[0].name])[SHARES[0].name].owner == ""


def test_after_a_publish_nothing_is_claimed_anew(store: RecordingStore) -> None:
    """Whoever publishes deletes all claims: one that stood still meanwhile finds its own gone."""
    one = claims(store, "one")
    one.take(SHARES, everything)
    store.objects.clear()
    with pytest.raises(ClaimsDeletedError):
        one.take(SHARES, everything)


def test_what_nobody_has_claimed_is_left_out(store: RecordingStore) -> None:
    assert claims(store, "one").read([SHARES[0].name]) == {}


def test_another_teams_claims_do_not_count(store: RecordingStore) -> None:
    claims(store, "one").take(SHARES, everything)
    other = Claims(retrying(store), RUN, team="../other", owner="two", number=1)
    assert other.take(SHARES, everything) == SHARES[0]
    assert not any(".." in key for key in store.puts)
