"""From probabilities to a caption."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import EngineError
from .params import CaptionParams, plain

#: Categories of selected_tags.csv, which are those of Danbooru; 9 is the rating, which is no part of a caption.
GENERAL, CHARACTER = 0, 4
MAX_CSV_BYTES = 8 << 20
MOST_TAGS = 100_000


@dataclass(frozen=True)
class Tag:
    name: str
    category: int


def read_tags(path: Path) -> list[Tag]:
    """The rows of selected_tags.csv, one for each output of the model, in its order. Throws `model_invalid`."""
    broken = EngineError("model_invalid", "selected_tags.csv is not a table with the columns name and category.")
    try:
        if path.stat().st_size > MAX_CSV_BYTES:
            raise broken
        with path.open(encoding="utf-8", newline="") as file:
            tags = [Tag(row["name"][:200], int(row["category"])) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise broken from error
    if not 0 < len(tags) <= MOST_TAGS:
        raise broken
    return tags


def write_caption(tags: Sequence[Tag], scores: Sequence[float], params: CaptionParams) -> str:
    """What the picture shows, the surest first; of two that are as sure, the one that stands earlier in the table."""
    least = {GENERAL: params.threshold, CHARACTER: params.character_threshold}
    sure = [
        (score, tag)
        for tag, score in zip(tags, scores, strict=True)
        if score >= least.get(tag.category, 2) and plain(tag.name) not in params.exclude
    ]
    sure.sort(key=lambda found: -found[0])
    return ", ".join(_spelled(tag.name, params) for _, tag in sure)


def _spelled(name: str, params: CaptionParams) -> str:
    # a comma would make two tags of one
    name = name.replace(",", " ")
    # faces such as ^_^ and 0_0 keep theirs: they have no two letters in a row
    if params.replace_underscores and any(a.isalpha() and b.isalpha() for a, b in zip(name, name[1:], strict=False)):
        name = name.replace("_", " ")
    if params.escape_parentheses:
        name = name.replace("(", "\\(").replace(")", "\\)")
    return name
