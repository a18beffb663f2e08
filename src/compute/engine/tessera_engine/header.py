"""The header of a safetensors file, checked before any tensor is touched.

u64 little-endian N, N bytes of JSON, then the tensors without holes. The same list of refusals as on the TypeScript
side, because the engine may be given a file that the node never saw.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import EngineError

MAX_HEADER_BYTES = 16 << 20
MAX_TENSORS = 20_000
DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64,
    "I64": 64, "U64": 64, "F64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


@dataclass(frozen=True)
class TensorInfo:
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]
    #: Where the tensors begin in the file.
    data_offset: int
    total_bytes: int

    def shape(self, name: str) -> tuple[int, ...] | None:
        info = self.tensors.get(name)
        return info.shape if info else None


def _bad(message: str) -> EngineError:
    return EngineError("model_invalid", message)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _bad("The header names a tensor twice.")
    return found


def _refuse_constant(_name: str) -> None:
    raise _bad("The header holds a number that is not finite.")


def read_header(path: Path) -> Header:
    """Throws `model_invalid`, or `model_unsafe` for what looks like a pickle or a zip."""
    total = os.path.getsize(path)
    with open(path, "rb") as file:
        start = file.read(8)
        if start[:4] == b"PK\x03\x04" or start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
            raise EngineError("model_unsafe", "This is a pickle or an archive. Only safetensors files are loaded.")
        if len(start) < 8:
            raise _bad("The file is shorter than a header.")
        length = int.from_bytes(start, "little")
        if length > MAX_HEADER_BYTES or 8 + length > total:
            raise _bad("The header is longer than the file or than 16 MiB.")
        raw = file.read(length)
    if not raw.startswith(b"{"):
        raise _bad("The header does not begin with {.")
    try:
        entries = json.loads(raw, object_pairs_hook=_no_duplicates, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _bad("The header is not JSON.") from error
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _bad("Metadata is a map of strings.")
    if len(entries) > MAX_TENSORS:
        raise _bad("The file has more than 20,000 tensors.")
    tensors = {name: _tensor(name, entry) for name, entry in entries.items()}
    _check_cover(tensors, total - 8 - length)
    return Header(tensors, metadata, 8 + length, total)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _tensor(name: str, entry: object) -> TensorInfo:
    if len(name) > 256:
        raise _bad("A tensor's name is longer than 256 characters.")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _bad(f"The entry of {name} is not a tensor.")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise _bad(f"{name} has an unknown type.")
    if not isinstance(shape, list) or len(shape) > 5 or not all(map(_is_count, shape)):
        raise _bad(f"{name} has a shape that is none.")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_count, offsets)):
        raise _bad(f"{name} has no place in the file.")
    bits = DTYPE_BITS[dtype]
    for size in shape:
        bits *= size
    if bits != (offsets[1] - offsets[0]) * 8:
        raise _bad(f"{name} does not have the size that its shape says.")
    return TensorInfo(dtype, tuple(shape), offsets[0], offsets[1])


def _check_cover(tensors: dict[str, TensorInfo], total: int) -> None:
    at = 0
    for info in sorted(tensors.values(), key=lambda t: (t.begin, t.end)):
        if info.begin != at:
            raise _bad("The tensors overlap or leave holes.")
        at = info.end
    if at != total:
        raise _bad("The tensors do not fill the file.")
