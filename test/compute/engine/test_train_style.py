"""T2: a style is learnt through the engine process, and the gates tell it from what only has its colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_client import FIXTURES, Client, started
from style_gates import Outcome, learn_style
from train_style import BASE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("style")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Client]:
    with started(folder, threads=1, roots={"models": str(FIXTURES), "loras": str(folder), "job": str(folder)}) as client:
        yield client


@pytest.fixture(scope="module")
def learnt(engine: Client, folder: Path) -> Outcome:
    return learn_style(engine, folder, BASE, seed=3)


def test_a_style_is_learnt_and_what_the_pictures_show_is_kept(learnt: Outcome) -> None:
    assert learnt.failures() == [], learnt


def test_pictures_of_scrambled_pixels_teach_colours_and_fail_where_they_should(
    engine: Client, folder: Path, learnt: Outcome
) -> None:
    outcome = learn_style(engine, folder, BASE, seed=3, shuffle_pixels=True, like=learnt)
    assert outcome.failures() == ["accuracy"], outcome
