"""The preview's options, ranges and hosts."""

from __future__ import annotations

import pytest

from tests.digests import without_digests
from tests.unit.report.test_report import EVIL, documents
from worker.config.location import LocalLocation, S3Location
from worker.errors import BadParametersError
from worker.preview.options import parse_options
from worker.preview.page import render_preview
from worker.preview.serve import is_local_host, read_range
from worker.records.manifest import ChapterRecord
from worker.report.load import load_figures


def test_a_folder_is_shown_on_loopback_at_a_free_port() -> None:
    options = parse_options(["/out"], {})
    assert isinstance(options.location, LocalLocation)
    assert (options.host, options.port) == ("127.0.0.1", 0)
    assert not options.opens_browser
    assert not options.writes_report


def test_a_store_is_found_as_a_job_finds_it() -> None:
    environment = {"WORKER_S3_ENDPOINT": "http://e", "AWS_REGION": "ap-northeast-2"}
    options = parse_options(["s3://bucket/a/b", "--port", "8000", "--open"], environment)
    assert options.location == S3Location(bucket="bucket", key="a/b")
    assert (options.s3_endpoint, options.s3_region) == ("http://e", "ap-northeast-2")
    given = parse_options(["s3://bucket/a", "--s3-region", "auto"], environment)
    assert given.s3_region == "auto"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a", "b"],
        ["https://x/y"],
        ["s3://bucket"],
        ["s3://B/x"],
        ["/out", "--port", "x"],
        ["/out", "--port", "65536"],
        ["/out", "--nonsense"],
    ],
)
def test_what_cannot_be_shown_is_refused(arguments: list[str]) -> None:
    with pytest.raises(BadParametersError, match="preview --help"):
        parse_options(arguments, {})


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, (0, 10)),
        ("bytes=0-3", (0, 4)),
        ("bytes=4-", (4, 10)),
        ("bytes=4-99", (4, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=10-", None),
        ("bytes=5-4", None),
        ("bytes=-0", None),
        ("bytes=-", (0, 10)),
        ("bytes=0-1,3-4", (0, 10)),
        ("pages=1-2", (0, 10)),
        ("bytes=" + "9" * 99 + "-", (0, 10)),
    ],
)
def test_ranges(header: str | None, part: tuple[int, int] | None) -> None:
    assert read_range(header, 10) == part


def test_an_empty_file_is_whole_without_a_range() -> None:
    assert read_range(None, 0) == (0, 0)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1:80", "[::1]:9", "10.0.0.1"]
)
def test_an_address_is_local(host: str) -> None:
    assert is_local_host(host)


@pytest.mark.parametrize("host", ["", "a.example", "localhost.a.example", "[::1", "127.0.0.1.a:1"])
def test_a_host_name_is_not_local(host: str) -> None:
    assert not is_local_host(host)


def test_the_page_has_only_what_is_there() -> None:
    page = render_preview(load_figures(*documents()))
    assert 'data-storyboard=""' in page
    assert "data-seek" not in page
    manifest, segments = documents()
    changes = {
        "storyboard": "run/storyboard/index.vtt",
        "chapters": (ChapterRecord(start_s=1.5, title=EVIL),),
    }
    page = render_preview(load_figures(manifest.model_copy(update=changes), segments))
    assert 'data-storyboard="/media/run/storyboard/index.vtt"' in page
    assert 'data-seek="1.500"' in page
    assert 'src="/media/run/thumbnails/0.jpg"' in without_digests(page)
    assert "<script>alert" not in page
