"""Which size each picture is trained at, and which pictures go together.

Sizes are (width, height) in pixels. A picture is scaled until it covers its bucket and cropped in the middle.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from .params import BucketRules

Size = tuple[int, int]


def list_buckets(resolution: int, rules: BucketRules) -> list[Size]:
    """For each width the largest height with no more than resolution² pixels, and the same turned round."""
    if not rules.enable:
        return [(resolution, resolution)]
    found = {(resolution, resolution)}
    for width in range(rules.min, rules.max + 1, rules.step):
        height = min(rules.max, resolution * resolution // width // rules.step * rules.step)
        if height >= rules.min:
            found |= {(width, height), (height, width)}
    return sorted(found)


def pick_bucket(size: Size, buckets: Sequence[Size], resolution: int, rules: BucketRules) -> Size:
    """The bucket of the nearest shape; with `no_upscale`, a picture that is smaller has a bucket of its own size."""
    width, height = size
    if rules.enable and rules.no_upscale and width * height < resolution * resolution:
        own = [max(rules.min, min(rules.max, side // rules.step * rules.step)) for side in size]
        return own[0], own[1]

    def distance(bucket: Size) -> tuple[float, int]:
        # In ratios, so that 2:1 is as far from a square as 1:2 is.
        shape = (width * bucket[1]) / (height * bucket[0])
        return max(shape, 1 / shape), -bucket[0] * bucket[1]

    return min(buckets, key=distance)


def cover(size: Size, bucket: Size) -> tuple[Size, tuple[int, int]]:
    """(size after scaling, left and top of the crop)"""
    scale = max(bucket[0] / size[0], bucket[1] / size[1])
    scaled = max(bucket[0], round(size[0] * scale)), max(bucket[1], round(size[1] * scale))
    return scaled, ((scaled[0] - bucket[0]) // 2, (scaled[1] - bucket[1]) // 2)


def plan_epoch(
    buckets: Sequence[Size], repeats: Sequence[int], batch: int, accum: int, rng: random.Random
) -> list[list[list[int]]]:
    """The steps of an epoch; each a list of batches; each a list of items, all of one bucket.

    A step has batch × accum pictures, the last one the rest, so their number follows from the pictures alone. What does
    not fill a batch of its bucket comes last: there a step may hold several smaller batches.
    """
    by_bucket: dict[Size, list[int]] = {}
    for item, (bucket, count) in enumerate(zip(buckets, repeats, strict=True)):
        by_bucket.setdefault(bucket, []).extend([item] * count)
    whole: list[list[int]] = []
    rest: list[int] = []
    for _, items in sorted(by_bucket.items()):
        rng.shuffle(items)
        full = len(items) // batch * batch
        whole += [items[at : at + batch] for at in range(0, full, batch)]
        rest += items[full:]
    rng.shuffle(whole)
    order = [item for run in whole for item in run] + rest
    size = batch * accum
    return [_split(order[at : at + size], buckets, batch) for at in range(0, len(order), size)]


def _split(items: list[int], buckets: Sequence[Size], batch: int) -> list[list[int]]:
    runs: list[list[int]] = []
    for item in items:
        if runs and len(runs[-1]) < batch and buckets[runs[-1][0]] == buckets[item]:
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs
