"""The tensors of a checkpoint by name, be it a single file or a folder as diffusers writes it.

In a folder a name is the part and the tensor, for instance `unet/conv_in.weight`. Tensors are read one by one, through
a memory map.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from .errors import EngineError
from .hashes import file_sha256
from .header import Header, read_header

PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
INDEX = "model_index.json"
_SCHEDULER = "scheduler/scheduler_config.json"
MAX_CONFIG_BYTES = 1 << 20


@dataclass(frozen=True)
class Source:
    """What a checkpoint consists of, told without touching a tensor."""

    header: Header
    #: Prefix of its tensors' names → file.
    files: dict[str, list[Path]]
    is_folder: bool
    #: The scheduler's settings that a folder holds beside its weights.
    scheduler: dict[str, Any] = field(default_factory=dict)

    def sha256(self, check: Callable[[], None]) -> str:
        """Of the file; of a folder, that of a list of its files with theirs."""
        if not self.is_folder:
            return file_sha256(self.files[""][0], check)
        digest = hashlib.sha256(json.dumps(self.scheduler, sort_keys=True).encode())
        for prefix, paths in sorted(self.files.items()):
            for path in paths:
                digest.update(f"{prefix}{path.name} {file_sha256(path, check)}\n".encode())
        return digest.hexdigest()


def open_source(path: Path) -> Source:
    """Throws `model_invalid` or `model_unsafe`."""
    if not path.is_dir():
        return Source(read_header(path), {"": [path]}, False)
    files: dict[str, list[Path]] = {}
    tensors, metadata, total = {}, {}, 0
    for part in PARTS:
        if not (path / part).is_dir():
            continue
        files[f"{part}/"] = _weights(path / part)
        for file in files[f"{part}/"]:
            header = read_header(file)
            tensors |= {f"{part}/{name}": info for name, info in header.tensors.items()}
            metadata |= header.metadata
            total += header.total_bytes
    if "unet/" not in files:
        raise EngineError("model_invalid", "The folder holds no UNet.")
    return Source(Header(tensors, metadata, 0, total), files, True, _read_config(path / _SCHEDULER))


def _weights(folder: Path) -> list[Path]:
    """The safetensors of a part: whole or in shards, in full precision if there is a choice."""
    found = sorted(p for p in folder.iterdir() if p.name.endswith(".safetensors"))
    if not found:
        kind = "model_unsafe" if any(p.suffix in (".bin", ".pt", ".ckpt") for p in folder.iterdir()) else "model_invalid"
        raise EngineError(kind, f"The folder {folder.name} holds no safetensors file.")
    for path in found:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise EngineError("bad_params", "A path has no links and ends at a plain file.")
    plain = [p for p in found if ".fp16." not in p.name and ".non_ema." not in p.name]
    return plain or found


def _read_config(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError), open(path, "rb") as file:
        found = json.loads(file.read(MAX_CONFIG_BYTES))
        if isinstance(found, dict):
            return {k: v for k, v in found.items() if k in ("prediction_type", "rescale_betas_zero_snr")}
    return {}


class Reader:
    """Reads tensors of a source; `check` is called before each and may throw, to cancel."""

    def __init__(self, source: Source, check: Callable[[], None], opened: contextlib.ExitStack) -> None:
        self.header = source.header
        self.used: set[str] = set()
        self._check = check
        self._places: dict[str, tuple[Any, str]] = {}
        for prefix, paths in source.files.items():
            for path in paths:
                file = opened.enter_context(safe_open(path, framework="pt", device="cpu"))
                for name in file.keys():  # noqa: SIM118, it is no mapping
                    self._places[prefix + name] = (file, name)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def get(self, name: str, shape: torch.Size, device: torch.device, dtype: torch.dtype) -> Tensor:
        """Throws `model_invalid` if it is not there, `arch_mismatch` if it has another size."""
        self._check()
        if name not in self:
            raise EngineError("model_invalid", f"The checkpoint lacks {name}.")
        file, inner = self._places[name]
        self.used.add(name)
        tensor = file.get_tensor(inner)
        # 1 × 1 convolutions and linear layers hold the same numbers; any other difference is another architecture.
        if tensor.numel() != shape.numel() or [n for n in tensor.shape if n != 1] != [n for n in shape if n != 1]:
            raise EngineError("arch_mismatch", f"{name} has another shape than its family.")
        return tensor.reshape(shape).to(device, dtype)
