"""Checkpoints mixed tensor by tensor: one tensor of each is in memory at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from ..detect import detect_prediction, load_family_of
from ..errors import EngineError
from ..families import Family
from ..header import Header
from ..job import Job
from ..ldm_keys import UNET_PREFIX
from ..tensors import open_source
from .blocks import block_of
from .params import MergeParams
from .stream import in_file_order

FLOATS = {"F16", "BF16", "F32", "F64"}
TORCH = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
#: A second set of weights, which trainers keep and nobody generates with; mixed they would be of no model.
_LEFT_OUT = "model_ema."
_INTEGERS = {"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
             "BOOL": torch.bool}  # fmt: skip

Shapes = dict[str, tuple[torch.dtype, tuple[int, ...]]]


class Checkpoints:
    """Two or three files of one family. Throws `arch_mismatch` where they are not, and what `load_family_of` throws."""

    def __init__(self, paths: Sequence[Path], params: MergeParams, job: Job, test_families: bool) -> None:
        self._params, self._job = params, job
        sources = [open_source(path) for path in paths]
        if any(source.is_folder for source in sources):
            raise EngineError("unsupported", "Only checkpoints of a single file are mixed.", "p.models")
        self._headers = [source.header for source in sources]
        self._paths = paths
        self.family = self._one_family(test_families)
        self.prediction = self._one_prediction()
        self._check_shapes()
        self.shapes = in_file_order(dict(self._out_shapes()))

    def _one_family(self, test_families: bool) -> Family:
        families = [load_family_of(header, test_families) for header in self._headers]
        for i, family in enumerate(families):
            if family.name != families[0].name:
                message = f"{family.label} and {families[0].label} are different families and cannot be mixed."
                raise EngineError("arch_mismatch", message, f"p.models[{i}].file")
        return families[0]

    def _one_prediction(self) -> str:
        kinds = [detect_prediction(header) for header in self._headers]
        for i, kind in enumerate(kinds):
            if kind != kinds[0]:
                message = "One of these predicts noise and another velocity: mixed they make nothing."
                raise EngineError("arch_mismatch", message, f"p.models[{i}].file")
        return kinds[0].kind

    def _check_shapes(self) -> None:
        first, *others = self._headers
        for i, header in enumerate(others, 1):
            for name in first.tensors.keys() & header.tensors.keys():
                if first.shape(name) != header.shape(name):
                    raise EngineError("arch_mismatch", f"{name} has another shape.", f"p.models[{i}].file")
            unet = {n for n in first.tensors.keys() ^ header.tensors.keys() if n.startswith(UNET_PREFIX)}
            if unet:
                raise EngineError("arch_mismatch", f"Only one of them has {min(unet)}.", f"p.models[{i}].file")

    def _out_shapes(self) -> Iterator[tuple[str, tuple[torch.dtype, tuple[int, ...]]]]:
        wanted = TORCH[self._params.dtype]
        lacking = 0
        for name, info in self._headers[0].tensors.items():
            if name.startswith(_LEFT_OUT):
                continue
            if info.dtype not in FLOATS and info.dtype not in _INTEGERS:
                raise EngineError("unsupported", f"{name} is {info.dtype}, which cannot be mixed.", "p.models[0].file")
            lacking += any(name not in header.tensors for header in self._headers)
            yield name, (wanted if info.dtype in FLOATS else _INTEGERS[info.dtype], info.shape)
        if lacking:
            self._job.warn("merge_partial", f"{lacking} tensors are not in all of them and come from the first alone.")
        if any(name.startswith(_LEFT_OUT) for name in self._headers[0].tensors):
            self._job.warn("merge_ema", "The averaged weights that a trainer kept are left out.")

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """In the order of `shapes`. Throws `nan_output` for one that is not finite in the wanted precision."""
        with contextlib.ExitStack() as opened:
            files = [opened.enter_context(safe_open(p, framework="pt", device="cpu")) for p in self._paths]
            for step, (name, (dtype, _)) in enumerate(self.shapes.items()):
                self._job.phase("merge", step, len(self.shapes))
                yield name, finite(name, self._mixed(name, files).to(dtype), self._params.dtype)
            self._job.phase("merge", len(self.shapes), len(self.shapes))

    def _mixed(self, name: str, files: Sequence[Any]) -> Tensor:
        first: Tensor = files[0].get_tensor(name)
        is_whole = all(name in header.tensors for header in self._headers)
        if not first.is_floating_point() or not is_whole:
            return first
        return mix(self._params.coefficients(block_of(name, self.family)), lambda i: files[i].get_tensor(name))

    @property
    def headers(self) -> list[Header]:
        return self._headers


def mix(coefficients: Sequence[float], read: Any) -> Tensor:
    """The sum, in fp32; a single one with the factor 1 is handed on bit by bit."""
    used = [(i, c) for i, c in enumerate(coefficients) if c != 0]
    if len(used) == 1 and used[0][1] == 1:
        only: Tensor = read(used[0][0])
        return only
    if not used:
        return torch.zeros_like(read(0))
    total: Tensor | None = None
    for i, factor in used:
        part = read(i).to(torch.float32)
        total = part * factor if total is None else total.add_(part, alpha=factor)
    assert total is not None
    return total


def finite(name: str, tensor: Tensor, dtype: str) -> Tensor:
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise EngineError("nan_output", f"{name} has numbers that {dtype} cannot hold, or that were none before.")
    return tensor
