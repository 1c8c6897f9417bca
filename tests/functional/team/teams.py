"""A team of workers on one machine, run to its end."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path

from tests.functional.conftest import start_job
from tests.functional.team.kinds import Kind
from tests.functional.worker_process import PATIENT_TEAM, Ended

# Each machine makes a share, however slowly it starts: a first one is claimed when all are there,
# and a second one when all have claimed a first.
_ALL_TAKE_PART = """
import time
from worker.layout import claims_prefix
from worker.team.team import Team
claim = Team.claim
has_begun = False
def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "a machine of the team has not come"
        time.sleep(0.05)
def claim_with_all(self, lacks):
    global has_begun
    if not has_begun:
        has_begun = True
        wait_for(lambda: self.machines.call_the_roll().live == self.machine.of)
    elif any(share.segments for share in self.mine):
        first = min(len(self.shares), self.machine.of + sum(not s.segments for s in self.shares))
        claims = claims_prefix(self.claims.run, self.name)
        # Once the video is published there are none.
        wait_for(lambda: len(self._store.list(claims)) not in range(1, first))
    return claim(self, lacks)
Team.claim = claim_with_all
"""


def run_team(
    folder: Path, source: object, destination: object, kind: Kind, *options: object, of: int
) -> list[Ended]:
    """Run all machines of a team of so many; each makes a part."""
    before = PATIENT_TEAM + _ALL_TAKE_PART
    machines = _run(
        folder, source, destination, kind, *options, of=of, present=range(1, of + 1), before=before
    )
    assert all(machine.named("share_claimed") for machine in machines)
    return machines


def run_first_alone(
    folder: Path, source: object, destination: object, kind: Kind, *options: object, of: int
) -> list[Ended]:
    """Run the first machine of a team of so many, of which no other comes."""
    return _run(
        folder, source, destination, kind, *options, of=of, present=[1], before=PATIENT_TEAM
    )


def _run(
    folder: Path,
    source: object,
    destination: object,
    kind: Kind,
    *options: object,
    of: int,
    present: Iterable[int],
    before: str,
) -> list[Ended]:
    folder.mkdir(exist_ok=True)
    name = f"team-{uuid.uuid4().hex}"
    running = [
        start_job(
            folder,
            *("--source", source, "--destination", destination, *kind.options, *options),
            *("--job-id", name, "--machine", f"{number}/{of}"),
            environment=kind.environment,
            before=before,
        )
        for number in present
    ]
    try:
        machines = [machine.wait() for machine in running]
    finally:
        for machine in running:
            # Where one hung, the others do not go on behind the test.
            machine.process.kill()
    failed = [(m.status, m.stdout[-2000:], m.stderr[-2000:]) for m in machines if m.status]
    assert not failed, failed
    return machines
