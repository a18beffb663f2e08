"""Enlargers of the ESRGAN family: both ways of naming, what is refused, and tiles without seams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from narrow_family import make, pixels_of
from safetensors.torch import save_file
from torch import Tensor

from tessera_engine.detect import inspect_file
from tessera_engine.engine import Engine
from tessera_engine.errors import EngineError
from tessera_engine.pictures import upscale
from tessera_engine.pictures.esrgan import RrdbNet, load_upscaler

CPU = torch.device("cpu")


def network(doublings: int = 2, fold: int = 1, blocks: int = 2) -> RrdbNet:
    torch.manual_seed(1)
    return RrdbNet(8, 4, blocks, doublings, fold).eval()


def old_names(net: RrdbNet) -> dict[str, Tensor]:
    """As the first ESRGAN's file had them, with its gaps where layers have no weights."""
    blocks = len(net.body)
    table = {"conv_first": "model.0", "conv_body": f"model.1.sub.{blocks}"}
    at = 3
    for i in range(1, net.doublings + 1):
        table[f"conv_up{i}"] = f"model.{at}"
        at += 3
    table |= {"conv_hr": f"model.{at - 1}", "conv_last": f"model.{at + 1}"}
    state = {}
    for name, value in net.state_dict().items():
        head, _, leaf = name.rpartition(".")
        if head.startswith("body."):
            _, block, dense, conv = head.split(".")
            state[f"model.1.sub.{block}.{dense.upper()}.{conv}.0.{leaf}"] = value
        else:
            state[f"{table[head]}.{leaf}"] = value
    return {name: value.clone() for name, value in state.items()}


@pytest.mark.parametrize(("doublings", "fold", "scale"), [(1, 1, 2), (2, 1, 4), (2, 2, 2), (3, 1, 8)])
def test_both_ways_of_naming_give_the_same_network(tmp_path: Path, doublings: int, fold: int, scale: int) -> None:
    net = network(doublings, fold)
    files = {
        "new": net.state_dict(),
        "wrapped": {f"params_ema.{n}": v.clone() for n, v in net.state_dict().items()},
        "old": old_names(net),
    }
    x = torch.rand(1, 3, 12, 16)
    for name, state in files.items():
        if name == "old" and fold > 1:
            continue  # pixels were not folded before Real-ESRGAN
        save_file(state, tmp_path / f"{name}.safetensors")
        loaded = load_upscaler(tmp_path / f"{name}.safetensors", CPU, lambda: None)
        assert loaded.scale == scale and torch.equal(loaded(x), net(x)), name
        assert inspect_file(tmp_path / f"{name}.safetensors", False)["kind"] == "upscaler"


def test_a_file_that_is_no_enlarger_is_refused(tmp_path: Path) -> None:
    state = network().state_dict()
    changes: dict[str, tuple[dict[str, Tensor], str]] = {
        "other": ({"x": torch.zeros(1)}, "model_invalid"),
        "lacks": ({n: v for n, v in state.items() if n != "conv_hr.bias"}, "arch_mismatch"),
        "odd": ({**state, "body.0.rdb1.conv2.weight": torch.zeros(3, 12, 3, 3)}, "arch_mismatch"),
        "wide": ({**state, "conv_first.weight": torch.zeros(512, 3, 3, 3)}, "arch_mismatch"),
        "nan": ({**state, "conv_hr.bias": torch.full((8,), float("nan"))}, "model_invalid"),
    }
    for name, (tensors, code) in changes.items():
        save_file(tensors, tmp_path / name)
        with pytest.raises(EngineError) as error:
            load_upscaler(tmp_path / name, CPU, lambda: None)
        assert error.value.code == code, name


@pytest.mark.parametrize("fold", [1, 2])
def test_tiles_leave_no_seam(monkeypatch: pytest.MonkeyPatch, fold: int) -> None:
    net = network(2, fold, blocks=1)
    x = torch.rand(1, 3, 70, 90)
    whole = net(x)
    monkeypatch.setattr(upscale, "TILE", 24)
    monkeypatch.setattr(upscale, "MARGIN", 24)
    with torch.no_grad():
        tiled = upscale._tiled(x, net, lambda: None)
    assert tiled.shape == whole.shape and torch.allclose(tiled, whole, atol=1e-4)


def test_an_enlarger_is_the_second_pass_of_a_job(engine: Engine, place: Path) -> None:
    save_file(network().state_dict(), place / "4x-test.safetensors")
    request = {"prompt": "a red circle", "width": 32, "height": 32, "steps": 2, "seed": 1}
    hires = {"scale": 2, "upscaler": "model:4x-test.safetensors"}
    images = make(engine, **request, hires={**hires, "denoise": 0})
    assert pixels_of(place, images).shape == (1, 64, 64, 3) and "Hires upscaler: 4x-test" in images[0]["infotext"]
    again = make(engine, **request, hires={**hires, "denoise": 0.5, "steps": 2})
    assert not np.array_equal(pixels_of(place, images), pixels_of(place, again))
    with pytest.raises(EngineError) as error:
        make(engine, **request, hires={"upscaler": "model:none.safetensors"})
    assert (error.value.code, error.value.path) == ("model_not_found", "p.hires.upscaler")
