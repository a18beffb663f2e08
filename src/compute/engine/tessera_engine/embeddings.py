"""Textual inversion: words that stand for vectors of their own.

A file of SD1.5 holds one tensor [n, 768] (`emb_params`, or under the word itself); one of SDXL holds `clip_l` [n, 768]
and `clip_g` [n, 1280]. In a prompt the word becomes n tokens whose ids lie past the end of the vocabulary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from .errors import EngineError
from .families import Family
from .header import read_header

MAX_VECTORS = 75


def read_embedding(path: Path, family: Family, where: str) -> list[Tensor]:
    """One tensor [n, width] for each text encoder of the family. Throws `arch_mismatch`, `model_invalid`."""
    header = read_header(path)
    matrices = {name: info for name, info in header.tensors.items() if len(info.shape) in (1, 2)}
    names = ["clip_l", "clip_g"] if len(family.text) == 2 else ["emb_params"]
    if len(family.text) == 1 and "emb_params" not in matrices and len(matrices) == 1:
        names = list(matrices)
    if any(name not in matrices for name in names):
        raise EngineError("arch_mismatch", f"This file is no embedding for {family.label}.", where)
    found = []
    with safe_open(path, framework="pt", device="cpu") as file:
        for name, config in zip(names, family.text, strict=True):
            if matrices[name].shape[-1] != config.width:
                raise EngineError("arch_mismatch", f"This embedding is not for {family.label}.", where)
            found.append(torch.atleast_2d(file.get_tensor(name).float()))
    if len({len(vectors) for vectors in found}) != 1 or not 1 <= len(found[0]) <= MAX_VECTORS:
        raise EngineError("model_invalid", f"An embedding has 1 to {MAX_VECTORS} vectors.", where)
    if not all(torch.isfinite(vectors).all() for vectors in found):
        raise EngineError("model_invalid", "The embedding holds numbers that are not finite.", where)
    return found


@dataclass
class Words:
    """The words of a job that stand for vectors. Ids count up from `first`, the size of the vocabulary."""

    first: int
    ids: dict[str, list[int]] = field(default_factory=dict)
    #: One list for each text encoder; together a table of [vectors, width].
    vectors: list[list[Tensor]] = field(default_factory=list)

    def add(self, name: str, vectors: list[Tensor]) -> None:
        if not self.vectors:
            self.vectors = [[] for _ in vectors]
        start = self.first + sum(len(v) for v in self.vectors[0])
        self.ids[name.lower()] = [*range(start, start + len(vectors[0]))]
        for table, rows in zip(self.vectors, vectors, strict=True):
            table.append(rows)

    def table(self, encoder: int) -> Tensor | None:
        return torch.cat(self.vectors[encoder]) if self.vectors else None

    def split(self, text: str) -> list[str | list[int]]:
        """Text between the words as it is, and each word as its ids."""
        if not self.ids:
            return [text]
        names = "|".join(re.escape(name) for name in sorted(self.ids, key=len, reverse=True))
        pieces: list[str | list[int]] = []
        at = 0
        for match in re.finditer(rf"(?<![\w.-])(?:{names})(?![\w-])", text, re.IGNORECASE):
            pieces += [text[at : match.start()], self.ids[match.group().lower()]]
            at = match.end()
        return [piece for piece in [*pieces, text[at:]] if piece]
