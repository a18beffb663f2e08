"""Objects from the wire, read field by field; nothing else reads them unchecked."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from .errors import EngineError

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileRef:
    file: str
    sha256: str | None
    name: str


class Fields:
    """An object from the wire; each getter says where a mistake is."""

    def __init__(self, data: object, path: str) -> None:
        if not isinstance(data, dict):
            raise EngineError("bad_params", "An object is expected.", path)
        self.data: dict[str, Any] = data
        self.path = path

    def _bad(self, name: str, message: str) -> EngineError:
        return EngineError("bad_params", message, f"{self.path}.{name}")

    def text(self, name: str, default: str | None = None, longest: int = 1024) -> str:
        value = self.data.get(name, default)
        if not isinstance(value, str) or len(value) > longest:
            raise self._bad(name, f"A text of at most {longest} characters is expected.")
        return value

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        value = self.data.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise self._bad(name, "A number is expected.")
        if not low <= value <= high:
            raise self._bad(name, f"It must be from {low:g} to {high:g}.")
        return float(value)

    def count(self, name: str, low: int, high: int, default: int | None = None) -> int:
        value = self.number(name, low, high, default)
        if value != int(value):
            raise self._bad(name, "A whole number is expected.")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self.data.get(name, default)
        if not isinstance(value, bool):
            raise self._bad(name, "true or false is expected.")
        return value

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.data.get(name, default)
        if value not in allowed:
            raise self._bad(name, f"One of {', '.join(allowed)} is expected.")
        return str(value)

    def inner(self, name: str) -> Fields:
        return Fields(self.data.get(name, {}), f"{self.path}.{name}")

    def sha256(self) -> str | None:
        value = self.data.get("sha256")
        if value is not None and not (isinstance(value, str) and _SHA256.fullmatch(value)):
            raise self._bad("sha256", "64 lower case hex digits are expected.")
        return value

    def file_ref(self) -> FileRef:
        """`file`, `sha256` and `name`, which is the file's own if it has none."""
        file = self.text("file")
        stem = file.rpartition("/")[2].removesuffix(".safetensors")
        return FileRef(file, self.sha256(), self.text("name", stem, 200))

    def items(self, name: str, most: int) -> list[Fields]:
        found = self.data.get(name, [])
        if not isinstance(found, list) or len(found) > most:
            raise self._bad(name, f"A list of at most {most} is expected.")
        return [Fields(item, f"{self.path}.{name}[{i}]") for i, item in enumerate(found)]

    def maybe(self, name: str) -> Fields | None:
        return self.inner(name) if self.data.get(name) else None
