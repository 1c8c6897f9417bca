"""Words that this project does not use, so that one thing has one name, the field's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What is not used, and what is said instead.
BANNED = {
    r"mend(s|ed|ing)?": "fix, repair",
    r"tell(s|ing)?|told": "say, report, show, state",
    r"borne": "tolerated",
    r"walls?": "deadline",
    r"linger(s|ed|ing)?": "grace period",
    r"hurr(y|ied|ies)": "shorten the grace period",
    r"crews?": "thread pool",
    r"desks?": "context, workspace",
    r"looks": "frame stats; `looks for` is searches for",
    r"whom": "a sentence with who or whoever",
    r"the door": "the entry point",
    r"came to nothing": "failed",
    r"none of ours": "not one of these",
    r"pictures?": "frame; image for a JPEG; video beside audio",
    r"sounds?": "audio",
    r"places?": "location, position",
    r"pilots?": "sample encode",
    r"clock_mended": "timestamps_repaired",
}
# SO_LINGER is the name of a socket's option.
PATTERN = re.compile(
    r"(?<![a-z])(?<!SO_)(" + "|".join(BANNED) + r")(?![a-z])",
    re.IGNORECASE,
)
FOLDERS = {"node_modules", "__pycache__", "out"}
TEXT = {
    *("", ".py", ".md", ".toml", ".yaml", ".yml", ".json", ".js", ".mjs", ".css", ".html"),
    *(".sh", ".tsv", ".txt", ".cfg", ".ini", ".in", ".vtt"),
}
# Others' words: package lists, a licence. Korean has words of its own. This list itself.
OTHERS = re.compile(
    r"requirements[\w-]*\.txt|package-lock\.json|LICENSE|.*\.ko\.md|test_words\.py|hls\.min\.js"
)


def tracked() -> Iterator[Path]:
    """Every text file of the tree; what git ignores lies in hidden folders or in FOLDERS."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part not in {".github", ".ci"} for part in parts[:-1])
        if hidden or FOLDERS & set(parts) or not path.is_file() or path.is_symlink():
            continue
        if path.suffix in TEXT and not OTHERS.fullmatch(path.name):
            yield path


def test_each_word_is_the_fields() -> None:
    faults = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        faults += [
            f"{path.relative_to(ROOT)}:{number}: {match[1]}"
            for number, line in enumerate(text.splitlines(), 1)
            for match in PATTERN.finditer(line)
        ]
    assert faults == [], "see BANNED for what is said instead"


def test_a_word_within_an_identifier_is_found_and_one_within_a_word_is_not() -> None:
    assert [m[1] for m in PATTERN.finditer("wall_s sound_segments Told the-door; the door")] == [
        *("wall", "sound", "Told", "the door"),
    ]
    assert PATTERN.search("replace placeholder firewall soundness lookup storyteller") is None
