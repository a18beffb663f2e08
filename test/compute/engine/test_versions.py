from __future__ import annotations

import importlib.metadata

import pytest

from tessera_engine import versions


def pretend(monkeypatch: pytest.MonkeyPatch, **found: str | None) -> str | None:
    """What is missing when these distributions have these versions; None is not installed."""

    def version(name: str) -> str:
        answer = found.get(name, versions.NEEDED[name][0])
        if answer is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return answer

    monkeypatch.setattr(importlib.metadata, "version", version)
    return versions.find_missing()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pretend(monkeypatch) is None
    assert pretend(monkeypatch, torch="2.13.0+cpu", diffusers="0.40.0", numpy="2.4.6") is None
    assert pretend(monkeypatch, torch=None) == "torch"
    assert pretend(monkeypatch, diffusers=None) == "diffusers"
    assert pretend(monkeypatch, diffusers="0.39.0") == "diffusers 0.40.0 or later and below 0.41 (found 0.39.0)"
    assert pretend(monkeypatch, huggingface_hub="2.4.0") == "huggingface_hub 1.23 or later and below 2.0 (found 2.4.0)"
    assert pretend(monkeypatch, torch="2.5.1+cu121") == "torch 2.6 or later (found 2.5.1+cu121)"
