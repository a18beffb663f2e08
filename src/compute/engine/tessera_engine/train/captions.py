"""Captions as the text encoder sees them: trigger first, tags in another order each time, now and then none."""

from __future__ import annotations

import random
import re
from collections import Counter

from .params import Dataset, TrainParams

#: So many orders of its tags are encoded beforehand for each picture when text is cached.
CACHED_ORDERS = 8


def split_tags(caption: str) -> list[str]:
    return [tag for part in caption.split(",") if (tag := part.strip())]


def with_trigger(caption: str, dataset: Dataset) -> str:
    """The caption with the trigger before it; among tags it is moved there, in a sentence it may stand anywhere."""
    trigger = dataset.trigger
    if dataset.caption_mode == "tags":
        tags = split_tags(caption)
        if trigger:
            tags = [trigger, *(tag for tag in tags if tag.casefold() != trigger.casefold())]
        return ", ".join(tags)
    caption = " ".join(caption.split())
    if not trigger or re.search(rf"(?<!\w){re.escape(trigger)}(?!\w)", caption, re.IGNORECASE):
        return caption
    return f"{trigger} {caption}".strip()


def shuffled(caption: str, params: TrainParams, rng: random.Random) -> str:
    """Another order of the tags behind the first `keep_tokens`; the trigger is one of those that stay."""
    if not params.shuffle_tags:
        return caption
    tags = split_tags(caption)
    kept = max(params.keep_tokens, 1 if params.dataset.trigger else 0)
    rest = tags[kept:]
    rng.shuffle(rest)
    return ", ".join(tags[:kept] + rest)


def count_tags(dataset: Dataset) -> dict[str, int]:
    """What the file tells about its words: all tags, or of sentences the trigger alone, which are people's own prose."""
    if dataset.caption_mode == "sentence":
        return {dataset.trigger: len(dataset.items)} if dataset.trigger else {}
    counts = Counter(tag for item in dataset.items for tag in split_tags(with_trigger(item.caption, dataset)))
    return dict(counts.most_common(1000))
