"""Three published clips, and a bucket with each kind of damage planted in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.functional.audit.changes import Tree, find
from tests.functional.audit.planted import ARCHIVED, MUXED, PLAIN, PLANTS, SECRET
from tests.functional.conftest import Server, start_job
from tests.functional.hls import files

BUCKET = "audited"
KEY_SECRET = "0123456789012345678901234567890123456789"
KEY_URI = "https://api.example/keys/{key_id}"


@pytest.fixture(scope="session")
def trees(small_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Tree]:
    """What jobs with very different options publish of the small clip."""
    folder = tmp_path_factory.mktemp("audited")
    subtitles = folder / "ko.srt"
    subtitles.write_text("1\n00:00:01,000 --> 00:00:03,000\nHello\n")
    options = {
        PLAIN: ("--ladder", "180,144", "--chapters", "--download", "m4a"),
        MUXED: ("--audio", "muxed", "--subtitles", f"ko={subtitles}", "--report"),
        SECRET: ("--ladder", "144", "--encrypt", "--key-uri", KEY_URI),
    }
    for name, words in options.items():
        job = start_job(
            folder,
            *("--source", small_clip, "--destination", folder / name, "--preset", "ultrafast"),
            *words,
            environment={"WORKER_KEY_SECRET": KEY_SECRET},
        )
        ended = job.wait()
        assert ended.status == 0, ended.stdout
    return {name: files(folder / name) for name in options}


@pytest.fixture(scope="session")
def planted(moto: Server, trees: Mapping[str, Tree]) -> Server:
    """A bucket whose videos below `hls/` are named by what is planted in them."""
    moto.make_bucket(BUCKET)
    for name, plant in PLANTS.items():
        tree = dict(trees[plant.base])
        plant.change(tree)
        upload(moto, f"hls/{name}", tree)
    tree = trees[PLANTS[ARCHIVED].base]
    moto.client().put_object(
        Bucket=BUCKET,
        Key=f"hls/{ARCHIVED}/{(key := find(tree, '144p/00001.ts'))}",
        Body=tree[key],
        StorageClass="GLACIER",
    )
    return moto


def upload(server: Server, prefix: str, tree: Tree) -> None:
    client = server.client()
    for key, data in tree.items():
        client.put_object(Bucket=BUCKET, Key=f"{prefix}/{key}", Body=data)
