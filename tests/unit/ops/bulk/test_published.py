"""A job of several parts as its container reads it, and whether its video is there already."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from ops.aws import Aws
from ops.batch.request import Definition, Submission, build_request
from ops.bulk.published import PublishedVideos, effective_job
from ops.options import definition_parameters
from tests.unit.fakes import RecordingStore
from tests.unit.publish.test_publish import publish_to
from worker.config.clip import Clip
from worker.config.sources import join_sources, joined_identity
from worker.plan.digest import request_digest
from worker.records.manifest import ManifestRecord, PartRecord

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import SubmitJobRequestTypeDef

DEFINITION = Definition(parameters=definition_parameters())
SOURCES = ("s3://uploads/a, 1.mp4", "s3://uploads/b.mp4")
IDENTITIES = ["s3 uploads a, 1.mp4 one 5", "s3 uploads b.mp4 two 6"]


def request(*sources: str, **options: str) -> SubmitJobRequestTypeDef:
    return build_request(
        Submission(
            source=join_sources(sources), destination="s3://videos/hls/talk", options=options
        ),
        known=frozenset(DEFINITION.parameters),
        name="n",
        queue="q",
        definition="d",
    )


def test_a_container_reads_the_parts_and_the_clip_that_were_submitted() -> None:
    job = effective_job(request(*SOURCES, from_s="1:00", to_s="90"), DEFINITION)
    assert job is not None
    assert tuple(map(str, job.sources)) == SOURCES
    assert job.clip == Clip(start_s=Fraction(60), end_s=Fraction(90))


class Bucket:
    """Uploads and one manifest, as S3 gives them."""

    def __init__(self, manifest: ManifestRecord) -> None:
        self._manifest = manifest.to_json()

    def get_object(self, **_: str) -> dict[str, Any]:
        class Body:
            read = staticmethod(lambda: self._manifest)

        return {"Body": Body}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 (boto3's names)
        sizes = {"a, 1.mp4": ("one", 5), "b.mp4": ("two", 6)}
        etag, size = sizes[Key]
        assert Bucket == "uploads"
        return {"ETag": f'"{etag}"', "ContentLength": size}


@pytest.mark.parametrize(
    ("submitted", "options", "is_published"),
    [
        (SOURCES, {}, True),
        (SOURCES[::-1], {}, False),
        (SOURCES[:1], {}, False),
        (SOURCES, {"to_s": "90"}, False),
        ((*SOURCES[:1], "https://h/b.mp4"), {}, False),
    ],
    ids=["the same", "another order", "a part of it", "a clip of it", "a URL"],
)
def test_a_video_is_published_of_the_same_parts_in_the_same_order(
    submitted: tuple[str, ...],
    options: dict[str, str],
    is_published: bool,  # noqa: FBT001 (named by parametrize)
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = effective_job(request(*SOURCES), DEFINITION)
    assert made is not None
    manifest = publish_to(RecordingStore()).manifest.model_copy(
        update={
            "source": SOURCES[0],
            "parts": tuple(
                PartRecord(source=at, name="x", identity=name)
                for at, name in zip(SOURCES, IDENTITIES, strict=True)
            ),
            "request": request_digest(joined_identity(IDENTITIES), made),
        }
    )
    videos = PublishedVideos(
        aws=Aws(region="x", profile=None, endpoint_url=None), definition=DEFINITION
    )
    monkeypatch.setattr(PublishedVideos, "_client", lambda *_: Bucket(manifest))
    assert (videos.find(request(*submitted, **options)) is not None) is is_published
