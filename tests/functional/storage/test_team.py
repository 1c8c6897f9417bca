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
from worker.publish.manifest import read_manifest
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


def test_two_machines_make_a_video_of_two_parts(moto: Server, tmp_path: Path) -> None:
    """Each fetches of each part what it needs; a clip leaves out a third one."""
    moto.make_bucket(_BUCKET)
    location = S3Location(bucket=_BUCKET, key=f"team/{uuid.uuid4().hex}")
    kind, other = BY_NAME["late-audio"], BY_NAME["copied"]
    files = [other.make(tmp_path), kind.make(tmp_path), other.make(tmp_path)]
    names = [f"in/{number}/{file.name}" for number, file in enumerate(files)]
    for name, file in zip(names, files, strict=True):
        moto.client().upload_file(str(file), _BUCKET, f"{location.key}/{name}")
    first, *others = [f"{location}/{name}" for name in names]
    options = ("--from", "12.5", "--to", "27")
    machines = run_team(
        tmp_path,
        first,
        f"{location}/out",
        kind,
        *(word for source in others for word in ("--source", source)),
        *("--s3-endpoint", moto.endpoint, "--log-level", "debug", *options),
        of=2,
    )
    assert [machine for machine in machines if len(machine.named("source_part_fetched")) > 1]
    assert not [machine for machine in machines if machine.named("source_not_mapped")]
    store = S3Store(moto.client(), S3Location(bucket=_BUCKET, key=f"{location.key}/out"))
    rest = [word for file in files[1:] for word in ("--source", file)]
    ordinary = publish(tmp_path, files[0], *rest, *kind.options, *options)
    assert_same(read_video(store, ""), read_video(LocalStore(ordinary), ""), tmp_path)
    manifest = read_manifest(store)
    assert manifest is not None
    assert [part.start_s is None for part in manifest.parts] == [False, False, True]
