"""A safetensors file written tensor by tensor, so that one tensor is in memory and not a model.

The header stands first and says where each tensor lies, which shapes and types tell without any number. What can be
known only at the end has its place kept: the hash of the tensors.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from ..errors import disk_error
from ..hashes import file_sha256
from ..train.files import Written, flush_folder

TYPES = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64", torch.int64: "I64",
         torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}  # fmt: skip
_PLACE = "0" * 64


class StreamWriter:
    """`shapes`: name → (type, shape), in the order in which they are written. `hash_keys` get the tensors' SHA-256."""

    def __init__(
        self,
        folder: Path,
        stem: str,
        shapes: dict[str, tuple[torch.dtype, tuple[int, ...]]],
        metadata: dict[str, str],
        hash_keys: dict[str, str],
    ) -> None:
        self._folder, self._stem = folder, stem
        self._part = folder / f".{stem}.part"
        self._shapes, self._metadata, self._hash_keys = shapes, metadata, hash_keys
        self._digest = hashlib.sha256()

    def _header(self, tensor_hash: str) -> bytes:
        told = {key: prefix + tensor_hash for key, prefix in self._hash_keys.items()}
        entries: dict[str, object] = {"__metadata__": self._metadata | told}
        at = 0
        for name, (dtype, shape) in self._shapes.items():
            size = math.prod(shape) * dtype.itemsize
            entries[name] = {"dtype": TYPES[dtype], "shape": list(shape), "data_offsets": [at, at + size]}
            at += size
        text = json.dumps(entries, ensure_ascii=True, separators=(",", ":")).encode("ascii")
        text += b" " * (-len(text) % 8)
        return len(text).to_bytes(8, "little") + text

    def write(self, tensors: Iterable[tuple[str, Tensor]]) -> tuple[Written, str]:
        """Takes them in the order of the header. (the file, SHA-256 of the tensors). Throws `disk_full`."""
        try:
            with open(self._part, "wb+") as file:
                file.write(self._header(_PLACE))
                for (name, tensor), wanted in zip(tensors, self._shapes, strict=True):
                    dtype, shape = self._shapes[wanted]
                    assert (name, tensor.dtype, tuple(tensor.shape)) == (wanted, dtype, shape), name
                    data = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
                    self._digest.update(data)
                    file.write(data)
                tensor_hash = self._digest.hexdigest()
                file.seek(0)
                file.write(self._header(tensor_hash))
                file.flush()
                os.fsync(file.fileno())
            digest = file_sha256(self._part)
            written = Written(f"{self._stem}-{digest[:16]}.safetensors", digest, self._part.stat().st_size)
            os.replace(self._part, self._folder / written.name)
            flush_folder(self._folder)
            return written, tensor_hash
        except OSError as error:
            raise disk_error(error) from error
        finally:
            self._part.unlink(missing_ok=True)


def in_file_order(shapes: dict[str, tuple[torch.dtype, tuple[int, ...]]]) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """Wide types first, then by name, as the reference writer has it: each tensor is aligned to its type."""
    return dict(sorted(shapes.items(), key=lambda item: (-item[1][0].itemsize, item[0])))
