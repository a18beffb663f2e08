"""Safetensors written whole or not at all: beside the name, flushed, hashed, renamed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from ..errors import disk_error
from ..hashes import file_sha256


@dataclass(frozen=True)
class Written:
    #: Relative to the root `job`.
    name: str
    sha256: str
    total_bytes: int


def write_tensors(folder: Path, stem: str, tensors: dict[str, Tensor], metadata: dict[str, str]) -> Written:
    """The name is `stem-<16 digits of the hash>.safetensors`. Throws `disk_full`."""
    part = folder / f".{stem}.part"
    try:
        save_file(tensors, part, metadata)
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        digest = file_sha256(part)
        name = f"{stem}-{digest[:16]}.safetensors"
        size = part.stat().st_size
        os.replace(part, folder / name)
        flush_folder(folder)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise disk_error(error) from error
    except Exception as error:
        part.unlink(missing_ok=True)
        if "No space left" in str(error):  # safetensors has an exception of its own
            raise disk_error(OSError(28, "No space left on device")) from error
        raise
    return Written(name, digest, size)


def flush_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
