"""The options of a video are those that make its request, and are not guessed otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ops.repair.options import find_options
from tests.unit.fakes import RecordingStore
from tests.unit.publish.test_publish import publish_to
from tests.unit.sample import job
from worker.config.job import Job
from worker.config.option import option_name
from worker.plan.digest import PLAN_VERSION, request_digest
from worker.records.manifest import (
    DownloadRecord,
    EncryptionRecord,
    ManifestRecord,
    RenditionRecord,
)

IDENTITY = "s3 etag 1"
KEY_ID = "0123456789abcdef0123456789abcdef01234567"
URI = "https://api.example/keys/{key_id}"
SUBTITLES = RenditionRecord(name="text-ko", kind="subtitles", segments=1, bytes=1)


def published(
    options: Mapping[str, str], *, version: int = PLAN_VERSION, **changes: Any
) -> tuple[ManifestRecord, str]:
    """A manifest and master playlist of a video that was made with these options."""
    store = RecordingStore()
    manifest = publish_to(store).manifest
    secret = {"key_uri": URI} if "encrypt" in options else {}
    given = {"ladder": "auto", **options, **secret}
    words = [word for name, value in given.items() for word in (option_name(name), value)]
    values = job(*words) if not secret else None
    request = (
        request_digest(IDENTITY, values, version=version)
        if values
        else request_digest(IDENTITY, _encrypted(given), fingerprint=KEY_ID[:8], version=version)
    )
    manifest = manifest.model_copy(
        update={"source_identity": IDENTITY, "request": request, "video_request": request} | changes
    )
    return manifest, store.objects["master.m3u8"].decode()


def _encrypted(values: Mapping[str, str]) -> Job:
    return job().model_copy(update={"encrypt": True, "key_uri": values["key_uri"]})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ladder": "1080,720,480"},
        {"ladder": "720,480", "copy_top": "never"},
        {"chapters": "true", "loudness": "-16"},
        {"segment_s": "4", "max_frame_rate": "60"},
    ],
)
def test_options_that_nothing_shows_are_found(options: Mapping[str, str]) -> None:
    found = find_options(*published(options), {})
    assert found.is_proven
    assert options.items() <= found.options.items()
    # What the job definition may have otherwise is given in any case.
    assert {"ladder", "audio", "segment_s", "max_frame_rate"} <= found.options.keys()


def test_those_of_an_older_worker_are_found() -> None:
    assert find_options(*published({"ladder": "720"}, version=7), {}).is_proven


def test_encryption_is_shown_by_the_manifest() -> None:
    encryption = EncryptionRecord(
        method="AES-128", key_id=KEY_ID, key_uri=URI.replace("{key_id}", KEY_ID)
    )
    found = find_options(*published({"encrypt": "true"}, encryption=encryption), {})
    assert found.is_proven
    assert found.options | {"encrypt": "true", "key_uri": URI} == found.options


def test_options_that_were_not_tried_may_be_given() -> None:
    manifest, master = published({"loudness": "-17.5"})
    unknown = find_options(manifest, master, {})
    assert not unknown.is_proven
    assert "loudness" not in unknown.options
    found = find_options(manifest, master, {"loudness": "-17.5"})
    assert found.is_proven
    assert found.options["loudness"] == "-17.5"


def test_the_files_of_subtitles_from_outside_are_not_known() -> None:
    manifest, master = published({})
    manifest = manifest.model_copy(update={"renditions": (*manifest.renditions, SUBTITLES)})
    found = find_options(manifest, master, {})
    assert (found.is_proven, found.lacks_subtitles) == (False, True)
    found = find_options(manifest, master, {"subtitles": "ko=s3://uploads/talk.srt"})
    assert (found.is_proven, found.lacks_subtitles) == (True, False)


def test_downloads_are_made_again() -> None:
    """They are no part of the request of the video alone."""
    records = tuple(
        DownloadRecord(
            format=suffix, key=f"run/{suffix}", bytes=1, md5="", etag="", content_type="video/mp4"
        )
        for suffix in ("mp4", "m4a")
    )
    found = find_options(*published({}, downloads=records), {})
    assert found.is_proven
    assert found.options["download"] == "mp4\nm4a"


@pytest.mark.parametrize("layout", ["separate", "muxed"])
def test_audio_alone_is_accepted_again_whatever_the_layout(layout: str) -> None:
    """Its master playlist shows none."""
    manifest, _ = published({"audio": layout})
    audio = tuple(each for each in manifest.renditions if each.kind == "audio")
    alone = manifest.model_copy(update={"renditions": audio})
    found = find_options(alone, "#EXTM3U\n", {})
    assert found.is_proven
    assert (found.options["audio"], found.options["audio_only"]) == (layout, "allow")
    assert "audio_only" not in find_options(*published({}), {}).options


def test_tags_are_given_again() -> None:
    manifest, master = published({}, tags={"course": "7", "week": "2"})
    assert find_options(manifest, master, {}).options["tag"] == "course=7\nweek=2"
