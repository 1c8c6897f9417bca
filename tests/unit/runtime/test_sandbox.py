"""Which sandbox is chosen, and the words that set it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from worker.runtime import launcher, sandbox
from worker.runtime.landlock import landlock_words
from worker.runtime.sandbox import Level, Part, Sandbox
from worker.runtime.seccomp import NoFilterError

SETPRIV = ("/usr/bin/setpriv",)
LAUNCHER = (sys.executable, "-I", "-S", launcher.__file__)
ALL = tuple(Part)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has all parts."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sandbox, "landlock_version", lambda: 7)
    monkeypatch.setattr(sandbox, "filter_descriptor", lambda: 9)


def choose(*works: Level) -> tuple[Sandbox, list[Level]]:
    """Choose where these levels alone work; return the sandbox and what was tried."""
    chosen, tried = Sandbox("auto"), []

    def find_fault() -> str | None:
        tried.append(chosen.level)
        return None if chosen.level in works else f"fault {len(tried)}"

    chosen.choose(find_fault)
    return chosen, tried


def test_all_parts_by_setpriv_are_tried_first_and_nothing_after_what_works() -> None:
    chosen, tried = choose(Level(SETPRIV, ALL))
    assert tried == [chosen.level] == [Level(SETPRIV, ALL)]
    assert (chosen.lacks, chosen.reasons) == ((), {})
    assert chosen.descriptors == (9,)


def test_an_older_setpriv_is_replaced_by_the_launcher() -> None:
    """That of Debian 12 refuses the options."""
    chosen, tried = choose(Level(LAUNCHER, ALL), Level(SETPRIV, (Part.NO_NEW_PRIVS,)))
    assert chosen.level == Level(LAUNCHER, ALL)
    assert len(tried) == 2
    assert chosen.reasons == {}


def test_where_a_part_does_not_work_the_reason_is_what_the_last_attempt_said() -> None:
    chosen, _ = choose(Level(SETPRIV, (Part.NO_NEW_PRIVS, Part.SECCOMP)))
    assert chosen.lacks == (Part.LANDLOCK,)
    assert chosen.reasons == {Part.LANDLOCK: "fault 2"}


def test_a_part_that_is_not_there_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under emulation: no Landlock, no seccomp."""

    def no_filter() -> int:
        raise NoFilterError("no libseccomp")

    monkeypatch.setattr(sandbox, "landlock_version", lambda: 0)
    monkeypatch.setattr(sandbox, "filter_descriptor", no_filter)
    chosen, tried = choose(Level(SETPRIV, (Part.NO_NEW_PRIVS,)))
    assert tried == [Level(SETPRIV, (Part.NO_NEW_PRIVS,))]
    assert chosen.reasons == {
        Part.LANDLOCK: "the kernel has none, or denies it",
        Part.SECCOMP: "no libseccomp",
    }
    assert chosen.descriptors == ()


def test_where_ffmpeg_runs_with_nothing_it_is_left_unrestricted() -> None:
    chosen, tried = choose()
    assert chosen.level == Level(SETPRIV)
    assert chosen.lacks == ALL
    assert set(chosen.reasons) == set(ALL)
    assert len(tried) == 8


def test_unrestricted_a_program_still_has_limits_and_ends_with_the_worker(tmp_path: Path) -> None:
    words = Sandbox("off").command("ffmpeg", tmp_path, file_bytes=1000)
    assert words[:3] == ["/usr/bin/prlimit", "--core=0", "--fsize=1000"]
    assert words[words.index("--") :] == [
        "--",
        *("/usr/bin/setpriv", "--pdeathsig=KILL", "--"),
        "/usr/bin/ffmpeg",
    ]


def test_restricted_its_words_come_after_the_limits(tmp_path: Path) -> None:
    """prlimit itself may not be run within."""
    chosen, _ = choose(Level(SETPRIV, ALL))
    words = chosen.command("ffmpeg", tmp_path, file_bytes=1000)
    own = words[words.index("--") + 1 :]
    assert own[:4] == [
        *("/usr/bin/setpriv", "--pdeathsig=KILL", "--no-new-privs"),
        own[3],
    ]
    assert own[3].startswith("--landlock-access=fs:execute,")
    assert own[-3:] == ["--seccomp-filter=/proc/self/fd/9", "--", "/usr/bin/ffmpeg"]


def rules(version: int, folder: Path, **arguments: str) -> dict[str, str]:
    words = landlock_words(
        version,
        program=folder / "opt" / "bin" / "ffmpeg",
        folder=folder / "work",
        readable=[folder / "a:b.mp4", folder / "missing.mp4"],
        library_path=arguments.get("library_path", ""),
        root=folder,
    )
    found = {}
    for word in words:
        option, _, value = word.partition("=")
        if option == "--landlock-access":
            found[option] = value
        else:
            _, rights, path = value.split(":", 2)
            found[path] = rights
    return found


def test_the_program_and_the_loader_may_be_run_and_the_work_folder_written(tmp_path: Path) -> None:
    loader, libraries = tmp_path / "lib64" / "ld-linux-x86-64.so.2", tmp_path / "opt" / "lib"
    for folder in (loader.parent, libraries):
        folder.mkdir(parents=True)
    loader.touch()
    (tmp_path / "a:b.mp4").touch()
    found = rules(7, tmp_path)
    found.pop("--landlock-access")
    executable = {path for path, allowed in found.items() if "execute" in allowed.split(",")}
    written = {path for path, allowed in found.items() if "write-file" in allowed.split(",")}
    assert executable == {f"{tmp_path}/opt/bin/ffmpeg", str(loader)}
    assert written == {f"{tmp_path}/work"}
    assert found[f"{tmp_path}/a:b.mp4"] == "read-file"
    assert found[str(libraries)] == "read-file,read-dir"
    assert f"{tmp_path}/missing.mp4" not in found
    assert not [path for path in found if path in {"/", "/proc", "/etc", "/bin", "/usr/bin"}]


def test_libraries_of_the_handed_on_path_are_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two", "relative"):
        (tmp_path / name).mkdir()
    found = rules(7, tmp_path, library_path=f"{tmp_path}/one::relative:{tmp_path}/two")
    assert {f"{tmp_path}/one", f"{tmp_path}/two"} <= set(found)
    assert not [path for path in found if "relative" in path]


@pytest.mark.parametrize(
    ("version", "later"), [(1, set()), (2, {"refer"}), (3, {"refer", "truncate"})]
)
def test_only_rights_that_the_kernel_knows_are_named(
    tmp_path: Path, version: int, later: set[str]
) -> None:
    """Another would make the kernel refuse the whole ruleset."""
    found = rules(version, tmp_path)
    access = {*found.pop("--landlock-access").removeprefix("fs:").split(",")}
    assert access == {*launcher._RIGHTS[:13], *later}
    assert {right for rights in found.values() for right in rights.split(",")} <= access


def test_the_launcher_knows_the_rights_in_the_order_of_the_kernel() -> None:
    assert launcher._bits("execute,write-file,read-file") == 0b111
    assert launcher._bits("make-sym") == 1 << 12
    assert launcher._bits("refer") == 1 << 13
    assert launcher._bits("execute,truncate") == 1 | (1 << 14)
