"""The operator package: what it may use, what writes its output, its documented commands.

Layers, circles and sizes are those of tests/unit/test_architecture.py.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import pytest

from ops.__main__ import COMMANDS, build_parser, main
from tests.architecture import imported, module_graph, modules, package_of

ROOT = Path(__file__).resolve().parents[3]
# What scripts/setup installs without --dev, and the tree's own.
AT_RUN_TIME = {"boto3", "botocore", "ops", "pydantic", "rich", "worker", "yaml"}
# What describes a job or stores its results; nothing that runs one.
OF_THE_WORKER = (
    *("config", "errors", "layout", "messages", "monitoring.logs", "plan.digest", "records"),
    *("hls.master", "storage.base", "storage.s3", "storage.s3_source"),
)
# What reads a published folder, for these alone.
AUDIT = ("audit", "repair", "commands.audit")
OF_A_FOLDER = (
    *("hls.encryption", "hls.keys", "hls.master", "plan.digest", "publish.manifest"),
    *("publish.standing", "runtime.threads", "storage"),
)

MODULES = modules("ops")


def commands() -> dict[str, argparse.ArgumentParser]:
    (action,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {o for a in parser._actions for o in a.option_strings if o.startswith("--")}


def test_no_command_imports_another() -> None:
    found = {
        name: others
        for name, needs in module_graph("ops").items()
        if package_of(name) == "commands"
        and (others := {other for other in needs if package_of(other) == "commands"})
    }
    assert found == {}


def test_of_the_worker_only_what_describes_a_job_is_imported() -> None:
    for module, path in MODULES.items():
        folder = OF_A_FOLDER if f"{module}.".startswith(tuple(f"{name}." for name in AUDIT)) else ()
        allowed = tuple(f"{name}." for name in (*OF_THE_WORKER, *folder))
        found = {
            other.removeprefix("worker.")
            for other in imported(path)
            if package_of(other) == "worker"
        }
        assert {name for name in found if not f"{name}.".startswith(allowed)} == set(), module


def test_only_the_console_writes_what_is_shown() -> None:
    """It leaves out secrets and control characters."""
    pattern = r"sys\.std(out|err)|(?<![.\w])print\("
    writers = {n for n, p in MODULES.items() if re.search(pattern, p.read_text())}
    assert writers == {"console"}


def test_it_needs_nothing_that_the_worker_does_not() -> None:
    found = {name.partition(".")[0] for path in MODULES.values() for name in imported(path)}
    others = {n for n in found - AT_RUN_TIME if n not in sys.stdlib_module_names}
    # Stubs, imported for the type checker alone.
    assert {name for name in others if not name.startswith("mypy_boto3_")} == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_script_and_each_option_is_documented(command: str) -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    script = ROOT / "scripts" / command
    assert f'/ops" {command} "$@"' in script.read_text()
    assert script.stat().st_mode & 0o111
    assert f"scripts/{command}" in page
    missing = {o for o in options(commands()[command]) if f"`{o}" not in page} - {"--help"}
    worker_options = (ROOT / "docs" / "job-parameters.md").read_text()
    assert {o for o in missing if f"| `{o}` |" not in worker_options} == set()


def test_each_exit_status_is_documented() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    for status in (0, 1, 64, 65, 66, 69, 70, 75, 76, 77, 78, 130):
        assert re.search(rf"^\| {status} \|", page, re.MULTILINE), status


def test_each_template_parameter_is_documented() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    template = (ROOT / "scripts" / "aws" / "template.yaml").read_text()
    section = template.partition("\nParameters:\n")[2].partition("\nConditions:")[0]
    for name in re.findall(r"^  (\w+):$", section, re.MULTILINE):
        assert f"`{name}`" in page, name


def test_an_error_that_nobody_expected_is_no_drift(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python's own status of it would be 1."""

    def fail(*_: object) -> int:
        raise KeyError("Stacks")

    monkeypatch.setattr(COMMANDS["verify"], "run", fail)
    assert main(["verify"]) == 70
    shown = capsys.readouterr().err
    assert re.match(r"verify: a fault of this command, not of AWS: in test_shape.py:\d+: K", shown)
    assert "Traceback" not in shown


@pytest.mark.parametrize("limit", ["0", "-3", "many", "1.5"])
def test_a_limit_is_a_number_of_jobs(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    # With an equals sign: -3 is no option.
    assert main(["jobs", f"--limit={limit}"]) == 64
    assert "--limit" in capsys.readouterr().err


def test_a_faulty_command_line_ends_with_64(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "s3://a/b"]) == 64
    assert "DESTINATION" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["jobs", "--status", "LOST"])
    assert caught.value.code == 64


def test_help_is_there_before_anything_is_installed_or_configured() -> None:
    for command in COMMANDS:
        help_text = commands()[command].format_help()
        for word in ("--region", "--profile", "--endpoint-url", f"scripts/{command}"):
            assert word in help_text


def test_the_image_declares_the_volume_that_a_read_only_job_needs() -> None:
    assert re.search(r"^VOLUME /scratch$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
