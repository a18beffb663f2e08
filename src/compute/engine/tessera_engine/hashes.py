"""Hashes of model files, remembered for as long as the file is the same one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

_known: dict[tuple[str, int, int, int, int], str] = {}


def _hash(path: Path, offset: int, check: Callable[[], None] | None) -> str:
    found = os.stat(path)
    key = (str(path), offset, found.st_size, found.st_mtime_ns, found.st_ino)
    if key not in _known:
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            file.seek(offset)
            while chunk := file.read(4 << 20):
                digest.update(chunk)
                if check:
                    check()
        if len(_known) > 1000:
            _known.clear()
        _known[key] = digest.hexdigest()
    return _known[key]


def file_sha256(path: Path, check: Callable[[], None] | None = None) -> str:
    """Of the whole file, 64 hex digits. `check` is called now and then and may throw, to cancel."""
    return _hash(path, 0, check)


def tensor_sha256(path: Path, data_offset: int, check: Callable[[], None] | None = None) -> str:
    """Of the bytes after the header; its first 12 digits are AutoV3, what A1111 writes under "Lora hashes"."""
    return _hash(path, data_offset, check)
