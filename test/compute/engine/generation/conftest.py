"""The tiny model that has learnt shapes, in an engine without a process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_client import FIXTURES
from narrow_family import engine_at

from tessera_engine.engine import Engine


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    for name, own in (("tiny-base", "base"), ("tiny-style-lora", "style")):
        shutil.copy(FIXTURES / f"{name}.safetensors", folder / f"{own}.safetensors")
    return folder


@pytest.fixture(scope="module")
def engine(place: Path) -> Iterator[Engine]:
    yield engine_at(place, test_families=True)
