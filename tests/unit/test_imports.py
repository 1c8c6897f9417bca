"""A library is imported as if one that it can use were not installed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from worker.__main__ import import_without

LIBRARY = """
try:
    import unwanted_one
except ImportError:
    unwanted_one = None
"""


@pytest.fixture(autouse=True)
def _two_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "library_one.py").write_text(LIBRARY)
    (tmp_path / "unwanted_one.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("library_one", "unwanted_one"):
        # Set first, so that the import of a test is undone, too.
        monkeypatch.setitem(sys.modules, name, sys)
        monkeypatch.delitem(sys.modules, name)


def test_the_library_finds_the_other_one_missing_and_later_imports_find_it() -> None:
    import_without("library_one", unwanted="unwanted_one")
    assert sys.modules["library_one"].__dict__["unwanted_one"] is None
    assert importlib.import_module("unwanted_one")


@pytest.mark.parametrize("name", ["library_one", "unwanted_one"])
def test_what_is_imported_already_stays(name: str) -> None:
    there = importlib.import_module(name)
    import_without("library_one", unwanted="unwanted_one")
    assert sys.modules[name] is there
