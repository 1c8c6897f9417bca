"""A listing is cut into destinations, whatever an academy names them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.audit.listing import Folder, ListedObject, folder_of, folders
from ops.errors import UnexpectedError

RUN, VIDEO = "0123456789abcdef", "fedcba9876543210"
OBJECT = ListedObject(bytes=1, etag="1")


@pytest.mark.parametrize(
    ("key", "folder"),
    [
        (f"hls/talk/{RUN}/720p/00000.ts", "hls/talk"),
        (f"{RUN}/720p/00000.ts", ""),
        (f"hls/talk/{RUN}/checkpoint.json", "hls/talk"),
        ("hls/talk/master.m3u8", "hls/talk"),
        ("master.m3u8", ""),
        # An academy's own names may be like those of runs.
        (f"hls/{VIDEO}/{RUN}/720p/00000.ts", f"hls/{VIDEO}"),
        (f"hls/{VIDEO}/manifest.json", f"hls/{VIDEO}"),
        ("uploads/talk.mp4", "uploads"),
    ],
)
def test_an_object_belongs_to_the_destination_above_its_run(key: str, folder: str) -> None:
    assert folder_of(key) == folder


def cut(*keys: str) -> dict[str, Folder]:
    found = list(folders((key, OBJECT) for key in sorted(keys)))
    assert len({folder.name for folder in found}) == len(found)
    return {folder.name: folder for folder in found}


def test_destinations_within_each_other_are_apart() -> None:
    found = cut(
        f"a/{RUN}/720p/0.ts",
        "a/b/master.m3u8",
        f"a/b/{RUN}/720p/0.ts",
        "a/master.m3u8",
        "a/notes.txt",
        "a-b/manifest.json",
        "uploads/talk.mp4",
    )
    assert {name: sorted(f.objects) for name, f in found.items() if f.is_destination} == {
        "a": [f"{RUN}/720p/0.ts", "master.m3u8"],
        "a/b": [f"{RUN}/720p/0.ts", "master.m3u8"],
        "a-b": ["manifest.json"],
    }
    assert (found["a"].others, found["a"].other_example) == (1, "notes.txt")
    assert not found["uploads"].is_destination


def test_a_run_folder_alone_is_nobodys() -> None:
    """Without a record beside it nothing says that a worker made it."""
    assert not cut(f"a/{RUN}/720p/0.ts")["a"].is_destination


def test_what_is_complete_is_not_kept_while_the_rest_is_listed() -> None:
    listed: list[str] = []

    def listing() -> Iterator[tuple[str, ListedObject]]:
        for name in "abc":
            listed.append(name)
            yield f"{name}/master.m3u8", OBJECT

    first = next(folders(listing()))
    assert (first.name, listed) == ("a", ["a", "b"])


def test_a_store_that_lists_in_no_order_is_refused() -> None:
    listing = [(key, OBJECT) for key in ("a/master.m3u8", "b/master.m3u8", "a/manifest.json")]
    with pytest.raises(UnexpectedError, match="keeps no order"):
        list(folders(listing))
