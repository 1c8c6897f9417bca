"""The template as CloudFormation gets it."""

from __future__ import annotations

import re
from pathlib import Path

from ops.names import TEMPLATE

# CloudFormation takes no larger template that is not in a bucket.
MAX_BODY_BYTES = 51_200
# The end of a line that begins a block of text, whose lines are further indented.
_BLOCK = re.compile(r"[|>][-+]?$")


def template_body(path: Path = TEMPLATE) -> str:
    """Return the template without its comments and empty lines, which count for the limit.

    In blocks of text (user data, policies, queries) nothing is left out.
    """
    kept = []
    block: int | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.lstrip()
        indent = len(line) - len(words)
        if block is not None and (not words or indent > block):
            kept.append(line)
            continue
        block = None
        if not words or words.startswith("#"):
            continue
        kept.append(line)
        if _BLOCK.search(line):
            block = indent
    return "\n".join(kept) + "\n"
