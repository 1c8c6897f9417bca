"""scripts/audit on a store with every kind of damage: all of it is found, and nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.audit.finding import Code
from tests.digests import without_digests
from tests.functional.audit.changes import Tree
from tests.functional.audit.conftest import BUCKET, upload
from tests.functional.audit.planted import PLANTS, Found
from tests.functional.conftest import ROOT, Server, wait_for
from tests.functional.operating import ops, ops_environment

# Where the tests run in a shell's background, they have SIGINT ignored.
INTERRUPTIBLE = (
    "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from ops.__main__ import main\nsys.exit(main(sys.argv[1:]))"
)
ALL = f"s3://{BUCKET}/hls"


def audit(server: Server, *words: str, status: int) -> tuple[dict[str, Any], dict[str, int]]:
    """Audit with --json; return the results by destination, and the figures."""
    done = ops(server, "audit", *words, "--json", "--requests-per-second", "10000")
    assert done.returncode == status, done.stderr + done.stdout[-2000:]
    *results, last = map(json.loads, done.stdout.splitlines())
    return {each["destination"]: each for each in results}, last["summary"]


def found(result: Mapping[str, Any]) -> Found:
    run = result["run"] or "none"
    return frozenset(
        (Code(each["code"]), without_digests(each["key"].replace(run, "RUN")))
        if each["code"] != Code.RUN_MISSING
        else (Code.RUN_MISSING, each["key"])
        for each in result["findings"]
    )


@pytest.mark.parametrize("mode", [(), ("--deep",)])
def test_each_kind_of_damage_is_found_and_none_is_invented(
    planted: Server, mode: tuple[str, ...]
) -> None:
    results, figures = audit(planted, ALL, *mode, status=1)
    expected = {f"{ALL}/{name}": plant.finds for name, plant in PLANTS.items()}
    assert {name: found(result) for name, result in results.items()} == expected
    assert figures["destinations"] == len(PLANTS)
    assert figures["unpublished"] == 1
    # Of each: two records, a checkpoint, seven playlists at most; and what is damaged.
    if not mode:
        assert figures["requests"] < 14 * len(PLANTS)


def test_a_store_without_damage_ends_with_0(planted: Server) -> None:
    for name in ("clean-plain", "clean-muxed", "clean-secret", "orphaned-files"):
        results, _ = audit(planted, f"{ALL}/{name}", status=0)
        assert results[f"{ALL}/{name}"]["verdict"] == ("waste" if "orphan" in name else "clean")


def test_a_table_for_people_names_what_is_wrong(planted: Server) -> None:
    done = ops(planted, "audit", f"{ALL}/segment-cut")
    assert done.returncode == 1
    head, row, _, counts, figures = done.stdout.splitlines()
    assert head.split()[:3] == ["destination", "severity", "finding"]
    assert row.startswith(f"{ALL}/segment-cut  damage")
    assert "bytes, recorded are" in row
    assert counts.startswith("1 destinations: 0 clean")
    assert "1 were judged, 0 are unchanged" in figures


def test_a_folder_of_this_machine_is_audited_alike(
    planted: Server, trees: Mapping[str, Tree], tmp_path: Path
) -> None:
    for name in ("clean-muxed", "segment-flipped"):
        tree = dict(trees[PLANTS[name].base])
        PLANTS[name].change(tree)
        for key, data in tree.items():
            path = tmp_path / name / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    results, _ = audit(planted, str(tmp_path), status=1)
    assert {Path(name).name: found(result) for name, result in results.items()} == {
        name: PLANTS[name].finds for name in ("clean-muxed", "segment-flipped")
    }


def test_an_interrupted_audit_goes_on_where_it_was(
    planted: Server, trees: Mapping[str, Tree], tmp_path: Path
) -> None:
    """It is cut in the middle of a line; then one video is damaged."""
    root, state = f"s3://{BUCKET}/resumed", tmp_path / "state.jsonl"
    for name in "abcd":
        upload(planted, f"resumed/{name}", trees["plain"])
    _, first = audit(planted, root, "--state", str(state), status=0)
    assert (first["judged"], first["unchanged"]) == (4, 0)
    lines = state.read_text().splitlines(keepends=True)
    state.write_text("".join(lines[:2]) + lines[2][:100])
    _, second = audit(planted, root, "--state", str(state), status=0)
    assert (second["judged"], second["unchanged"]) == (2, 2)
    key = next(key for key in trees["plain"] if key.endswith(".ts"))
    planted.client().delete_object(Bucket=BUCKET, Key=f"resumed/b/{key}")
    results, third = audit(planted, root, "--state", str(state), status=1)
    assert (third["judged"], third["unchanged"]) == (1, 3)
    assert results[f"{root}/b"]["verdict"] == "damaged"
    _, fourth = audit(planted, root, "--state", str(state), status=1)
    # What was found before still counts, for the one request of the listing.
    assert (fourth["judged"], fourth["requests"]) == (0, 1)


def test_ctrl_c_ends_it_at_once_and_keeps_what_was_found(planted: Server, tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    words = ("audit", ALL, "--state", str(state), "--endpoint-url", planted.endpoint)
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *words, "--requests-per-second", "20"],
        cwd=ROOT,
        env=ops_environment(),
        stdout=subprocess.DEVNULL,
    ) as process:
        wait_for(lambda: state.is_file() and state.read_text().count("\n"), what="first result")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    *lines, _ = state.read_text().split("\n")
    assert len(lines) < len(PLANTS)
    kept = sum(json.loads(line)["is_settled"] for line in lines)
    _, figures = audit(planted, ALL, "--state", str(state), status=1)
    assert (figures["unchanged"], figures["judged"]) == (kept, len(PLANTS) - kept)
