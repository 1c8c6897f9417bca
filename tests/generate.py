"""Writes what is derived from the code: tables of the docs, JSON Schemas, completion of shells.

`scripts/generate` writes it, `--check` only compares; tests/unit/test_generated.py holds it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import shtab
from pydantic import BaseModel

from ops.__main__ import build_parser
from worker.config.job import Job
from worker.config.option import GivenBy, options_of
from worker.records.schema import SCHEMAS, render_schema

ROOT = Path(__file__).resolve().parents[1]
SHELLS = ("bash", "zsh")
_HEADING = re.compile(r"^#(compdef.*| AUTOMATICALLY(.*\n#)+.*)\n", re.MULTILINE)
_OPTIONS_PAGE = "docs/job-parameters.md"
_BLOCK = re.compile(
    r"(<!-- options: begin \(scripts/generate\) -->\n).*?(<!-- options: end -->)", re.DOTALL
)


def options_table(job: type[BaseModel] = Job) -> str:
    """Render the table of all options from the fields of a job."""
    rows = ["| option | variable | default | meaning |", "|---|---|---|---|"]
    for option in options_of(job):
        default = (
            f"`{option.default}`" if option.default not in {"", "required"} else option.default
        )
        text = option.help.replace("|", "\\|")
        name = "–" if option.given_by is GivenBy.SECRETS else f"`{option.name}`"
        rows.append(f"| {name} | `{option.variable}` | {default} | {text} |")
    return "\n".join(rows) + "\n"


def generated() -> Iterator[tuple[Path, str]]:
    """Yield each file that is derived from the code, or holds something that is, and its text."""
    page = ROOT / _OPTIONS_PAGE
    text, count = _BLOCK.subn(
        lambda match: match[1] + options_table() + match[2], page.read_text(encoding="utf-8")
    )
    if count != 1:
        raise SystemExit(f"{_OPTIONS_PAGE} has no block of options")
    yield page, text
    for name in SCHEMAS:
        yield ROOT / "docs" / "schemas" / f"{name}.schema.json", render_schema(name)
    for shell in SHELLS:
        yield ROOT / "scripts" / "completions" / f"ops.{shell}", render_completion(shell)


def render_completion(shell: str) -> str:
    """Render what completes the options of all operator commands in a shell."""
    (commands,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    parts = ["# Made by scripts/generate from the commands' arguments (shtab)."]
    for command in commands.choices.values():
        for action in command._actions:
            if action.type is Path:
                action.complete = shtab.FILE
        text = shtab.complete(command, shell=shell)
        # The heading says how to install a file that has one command alone.
        parts.append(_HEADING.sub("", text).strip())
    return "\n\n".join(parts) + "\n"


def outdated() -> list[Path]:
    """Return the files that are not as they would be generated."""
    return [
        path
        for path, text in generated()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` name those that are outdated and return 1."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("Usage: scripts/generate [--check]\n")
        return 64
    if arguments:
        faults = outdated()
        for path in faults:
            print(f"{path.relative_to(ROOT)} is outdated: run scripts/generate")
        return 1 if faults else 0
    for path, text in generated():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
