"""The blocks by which weights are told apart, as merge-block-weighted names them.

BASE is all outside of the UNet and the embedding of labels; then the input blocks, the middle and the output blocks:
25 for SD1.5, 19 for SDXL. The embedding of time counts with the first and the last convolution with the last, as in
the programs that people know the numbers from.
"""

from __future__ import annotations

import re
from typing import Any

from ..families import Family, list_families
from ..ldm_keys import UNET_PREFIX, unet_blocks

BASE = "BASE"
_NUMBERED = re.compile(r"(input|output)_blocks\.(\d+)\.")


def block_names(family: Family) -> list[str]:
    """In the order in which their weights are written, without BASE."""
    inputs, outputs = _counts(family)
    return [*(f"IN{i:02d}" for i in range(inputs)), "M00", *(f"OUT{i:02d}" for i in range(outputs))]


def describe_merging(families: list[str]) -> dict[str, Any]:
    """For menus: the blocks of each family, in the order of their weights."""
    return {family.name: {"blocks": block_names(family)} for family in list_families(True) if family.name in families}


def _counts(family: Family) -> tuple[int, int]:
    names = unet_blocks(family.unet).values()
    numbers: dict[str, int] = {"input": 0, "output": 0}
    for name in names:
        if found := _NUMBERED.match(name + "."):
            numbers[found[1]] = max(numbers[found[1]], int(found[2]) + 1)
    return numbers["input"], numbers["output"]


def block_of(tensor: str, family: Family) -> str:
    """Of a tensor of a single-file checkpoint."""
    if not tensor.startswith(UNET_PREFIX):
        return BASE
    return _block_of_ldm(tensor.removeprefix(UNET_PREFIX), family)


def _block_of_ldm(name: str, family: Family) -> str:
    if found := _NUMBERED.match(name):
        return f"{'IN' if found[1] == 'input' else 'OUT'}{int(found[2]):02d}"
    if name.startswith("middle_block."):
        return "M00"
    if name.startswith("time_embed."):
        return "IN00"
    if name.startswith("out."):
        return f"OUT{_counts(family)[1] - 1:02d}"
    return BASE


def lora_blocks(family: Family) -> list[tuple[str, str]]:
    """(beginning of a module's name with underscores, block), the longest first: under both ways of naming."""
    found: list[tuple[str, str]] = []
    for ours, ldm in unet_blocks(family.unet).items():
        block = _block_of_ldm(ldm + ".", family)
        for name in (ours, ldm):
            found.append((f"lora_unet_{name.replace('.', '_')}", block))
    return sorted(found, key=lambda pair: -len(pair[0]))


def block_of_module(module: str, table: list[tuple[str, str]]) -> str:
    for start, block in table:
        if module == start or module.startswith(f"{start}_"):
            return block
    return BASE
