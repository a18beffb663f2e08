"""Versions of the engine and of what it stands on, read from package metadata so that nothing heavy is imported."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

from . import PROTOCOLS, __version__

#: Distribution → the versions that the engine was tried with: at least the first, below the second.
NEEDED: dict[str, tuple[str, str | None]] = {
    "torch": ("2.6", None),
    "diffusers": ("0.40.0", "0.41"),
    "httpx": ("0.20", "1"),
    "huggingface_hub": ("1.23", "2.0"),
    "safetensors": ("0.8", None),
    "numpy": ("1.26", None),
    "pillow": ("10", None),
    "scipy": ("1.11", None),
}


def versions() -> dict[str, Any]:
    def of(name: str) -> str:
        return importlib.metadata.version(name)

    return {"proto": PROTOCOLS, "engine": __version__, "python": platform.python_version(),
            "torch": of("torch"), "diffusers": of("diffusers")}  # fmt: skip


def _numbers(version: str) -> tuple[int, ...]:
    """ "2.13.0+cpu" → (2, 13, 0); stops at the first part that is not a number, such as rc1 or dev0."""
    numbers: list[int] = []
    for part in version.partition("+")[0].split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def find_missing() -> str | None:
    """What keeps the engine from starting, in words, or None."""
    if tuple(map(int, platform.python_version_tuple()[:2])) < (3, 11):
        return f"Python 3.11 or later (this is {platform.python_version()})"
    for name, (least, below) in NEEDED.items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return name
        if _numbers(found) < _numbers(least) or (below and _numbers(found) >= _numbers(below)):
            wanted = f"{least} or later" + (f" and below {below}" if below else "")
            return f"{name} {wanted} (found {found})"
    return None
