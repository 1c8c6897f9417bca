"""Several machines make a video on an S3 store, and viewers get what an ordinary job makes.

All that the machines have in common is the store. `-k ceph` runs these on Ceph as well.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.functional.conftest import Server, publish
from tests.functional.team.kinds import BY_NAME
from tests.functional.team.teams import run_team
from tests.functional.team.video import assert_same, read_video
from worker.config.location import S3Location
from worker.layout import segment_file
from worker.storage.local import LocalStore
from worker.storage.s3 import S3Store

_BUCKET = "academy"


@pytest.fixture(params=["moto", "ceph"])
def server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    server.make_bucket(_BUCKET)
    return server


@pytest.mark.parametrize("name", ["late-audio", "muxed", "copied"])
def test_five_machines_make_what_one_makes(server: Server, name: str, tmp_path: Path) -> None:
    """From a source in the store, too."""
    kind = BY_NAME[name]
    source = kind.make(tmp_path)
    location = S3Location(bucket=_BUCKET, key=f"team/{uuid.uuid4().hex}")
    store, uploads = (
        S3Store(server.client(), S3Location(bucket=_BUCKET, key=f"{location.key}/{part}"))
        for part in ("out", "in")
    )
    uploads.put(segment_file(source.name, source.read_bytes()))
    machines = run_team(
        tmp_path,
        f"{location}/in/{source.name}",
        f"{location}/out",
        kind,
        *("--s3-endpoint", server.endpoint),
        of=5,
    )
    assert not [machine for machine in machines if machine.named("storage_retried")]
    ordinary = read_video(LocalStore(publish(tmp_path, source, *kind.options)), kind.secret)
    assert_same(read_video(store, kind.secret), ordinary, tmp_path)
