"""Paths on the wire are relative to a root of `configure`, and stay inside it: no `..`, no symbolic link on the way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .errors import EngineError

NAMES = ("models", "loras", "job", "captioner")
_NOT_PLAIN = "A path has no links and ends at a plain file."


class Roots:
    def __init__(self, folders: dict[str, str]) -> None:
        self._folders: dict[str, Path] = {}
        for name, folder in folders.items():
            if name not in NAMES:
                raise EngineError("bad_params", f"There is no root named {name[:40]!r}.", "roots")
            path = Path(folder)
            if not path.is_absolute() or not path.is_dir():
                raise EngineError("bad_params", "A root is an absolute path of a folder that exists.", f"roots.{name}")
            self._folders[name] = path.resolve()

    def folder(self, root: str) -> Path:
        if root not in self._folders:
            raise EngineError("bad_params", f"The root {root} is not configured.", f"roots.{root}")
        return self._folders[root]

    def maybe(self, root: str) -> Path | None:
        return self._folders.get(root)

    def find(self, root: str, relative: object, where: str) -> Path:
        """The file at `relative` in `root`. Throws `bad_params` for a path that could leave it, `model_not_found`."""
        path = self._walk(root, relative, where)
        if path.is_dir():
            raise EngineError("bad_params", _NOT_PLAIN, where)
        return path

    def find_model(self, relative: object, where: str) -> Path:
        """As `find` in `models`, or a folder of diffusers."""
        path = self._walk("models", relative, where)
        if path.is_dir() and not (path / "model_index.json").is_file():
            raise EngineError("bad_params", _NOT_PLAIN, where)
        return path

    def _walk(self, root: str, relative: object, where: str) -> Path:
        folder = self.folder(root)
        if not isinstance(relative, str) or not relative or len(relative) > 1024:
            raise EngineError("bad_params", "A path is a string of 1 to 1024 characters.", where)
        parts = relative.split("/")
        if "\\" in relative or "\0" in relative or any(part in ("", ".", "..") for part in parts):
            raise EngineError("bad_params", "A path is relative to its root, without . or ..", where)
        path = folder
        for i, part in enumerate(parts):
            path = path / part
            try:
                mode = os.lstat(path).st_mode
            except OSError as error:
                raise EngineError("model_not_found", f"There is no file {relative}.", where) from error
            last = i == len(parts) - 1
            if not (stat.S_ISDIR(mode) or (last and stat.S_ISREG(mode))):
                raise EngineError("bad_params", _NOT_PLAIN, where)
        return path
