"""T2: a style is learnt through the engine process, and the gates tell it from what only has its colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_client import FIXTURES, Client, started
from style_gates import learn_style
from train_style import BASE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("style")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Client]:
    with started(folder, threads=2, roots={"models": str(FIXTURES), "loras": str(folder), "job": str(folder)}) as client:
        yield client


def test_a_style_is_learnt_and_what_the_pictures_show_is_kept(engine: Client, folder: Path) -> None:
    outcome = learn_style(engine, folder, BASE, seed=3)
    assert outcome.failures() == [], outcome


def test_pictures_of_scrambled_pixels_teach_colours_and_fail_where_they_should(engine: Client, folder: Path) -> None:
    outcome = learn_style(engine, folder, BASE, seed=3, shuffle_pixels=True)
    assert outcome.failures() == ["accuracy"], outcome
