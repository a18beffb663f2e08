"""The parameters of `caption`, read once and checked."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EngineError
from ..fields import Fields

MOST_ITEMS = 1_000
MOST_EXCLUDED = 200


@dataclass(frozen=True)
class CaptionParams:
    #: Under the root `job`.
    files: tuple[str, ...]
    threshold: float
    #: Of names of characters, which taggers guess more boldly.
    character_threshold: float
    replace_underscores: bool
    escape_parentheses: bool
    #: In lower case, with spaces.
    exclude: frozenset[str]


def plain(tag: str) -> str:
    """As tags are compared: whoever excludes `long hair` means `long_hair`."""
    return tag.strip().lower().replace("_", " ")


def read_caption(data: object) -> CaptionParams:
    p = Fields(data, "p")
    files = tuple(item.text("file", None, 255) for item in p.items("items", MOST_ITEMS))
    if not files:
        raise EngineError("bad_params", "There is no picture to caption.", "p.items")
    if len(set(files)) < len(files):
        raise EngineError("bad_params", "A picture stands there twice.", "p.items")
    excluded = p.data.get("exclude", [])
    if not isinstance(excluded, list) or len(excluded) > MOST_EXCLUDED or not all(isinstance(tag, str) for tag in excluded):
        raise EngineError("bad_params", f"A list of at most {MOST_EXCLUDED} tags is expected.", "p.exclude")
    return CaptionParams(
        files=files,
        threshold=p.number("threshold", 0.01, 1, 0.35),
        character_threshold=p.number("character_threshold", 0.01, 1, 0.85),
        replace_underscores=p.flag("replace_underscores", True),
        escape_parentheses=p.flag("escape_parentheses", False),
        exclude=frozenset(plain(tag[:200]) for tag in excluded),
    )
