"""Names of languages. Pure."""

from __future__ import annotations

import re

_CODE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
# Not determined, several, none, not coded: no language that anyone could ask for.
_NONE = frozenset({"und", "mul", "zxx", "mis"})


def language_code(text: str) -> str | None:
    """Return what a container calls a language, where it is a code: `kor`, `en`, `zh-Hant`."""
    return text if _CODE.fullmatch(text) and text.lower() not in _NONE else None


def language_tag(code: str) -> str:
    """Return the BCP 47 tag of a code: containers say `kor`, players search for `ko`."""
    # Imported where it is used: reading its tables takes as long as all the rest of the start.
    import iso639

    language, *rest = code.split("-")
    try:
        shortest = iso639.Language.match(language.lower())
    except iso639.LanguageNotFoundError:
        return code
    return "-".join([shortest.part1 or shortest.part3, *rest])


def language_name(code: str) -> str | None:
    """Return the English name of a language; None where no language has the code."""
    import iso639

    try:
        return iso639.Language.match(code.partition("-")[0].lower()).name
    except iso639.LanguageNotFoundError:
        return None
