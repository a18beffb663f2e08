"""Budgets, precision and what is done when memory runs out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from narrow_family import Silent, engine_at, make, pixels_of

from tessera_engine.cache import ModelCache
from tessera_engine.device import Device
from tessera_engine.engine import Engine
from tessera_engine.errors import EngineError
from tessera_engine.offload import bring_back, offload_blocks

REQUEST: dict[str, Any] = {"prompt": "a red circle", "width": 32, "height": 32, "steps": 3, "seed": 7, "sampler": "Euler"}
CPU, GPU = torch.device("cpu"), torch.device("meta")


class Thing:
    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.places: list[str] = []

    def move(self, device: torch.device) -> None:
        self.places.append(device.type)


def test_what_leaves_the_gpu_waits_in_memory_and_comes_back_without_being_read_again() -> None:
    cache = ModelCache(250, 220, GPU)
    things = {name: Thing(100) for name in "abcde"}
    for name in "abc":
        cache.get(name, 100, lambda name=name: things[name])
    assert (cache.names(), cache.waiting(), things["a"].places) == (["b", "c"], ["a"], ["cpu"])
    assert cache.get("a", 100, lambda: pytest.fail("it was read again")) is things["a"]
    assert things["a"].places == ["cpu", "meta"] and cache.names() == ["c", "a"] and cache.waiting() == ["b"]
    for name in "de":
        cache.get(name, 100, lambda name=name: things[name])
    # Memory has a budget too: the oldest there is gone for good.
    assert cache.names() == ["d", "e"] and cache.waiting() == ["c", "a"]
    cache.drop_all()
    assert cache.names() == [] and cache.waiting() == [] and cache.total_bytes == 0


def test_a_model_counts_as_much_as_the_allocator_says() -> None:
    held = 0

    def load() -> Thing:
        nonlocal held
        held += 180
        return Thing(100)

    cache = ModelCache(350, 0, GPU, lambda: held)
    cache.get("a", 100, load)
    assert cache.total_bytes == 180
    cache.get("b", 100, load)
    assert cache.names() == ["b"], "two of 180 do not fit into 350, though two of 100 would"


def test_a_model_that_waits_is_the_same_to_the_last_bit_when_it_comes_back(engine: Engine, place: Path) -> None:
    before = pixels_of(place, make(engine, **REQUEST))
    engine.cache.ram_budget_bytes = 1 << 30
    try:
        assert engine.cache.drop_all_but() >= 1 and engine.cache.waiting()
        assert np.array_equal(pixels_of(place, make(engine, **REQUEST)), before)
    finally:
        engine.cache.ram_budget_bytes = 0


def failing(times: int, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The UNet runs out of memory that many times."""
    model = engine.load_model("base.safetensors", None, lambda: None, "p")
    true, left = model.unet.forward, [times]

    def forward(*args: Any, **options: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return true(*args, **options)

    monkeypatch.setattr(model.unet, "forward", forward)


def test_the_ladder_is_climbed_and_remembered_for_the_size(engine: Engine, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = pixels_of(place, make(engine, **REQUEST, count=4))
    engine.cache.drop_all()
    failing(3, engine, monkeypatch)
    wire = Silent()
    made = pixels_of(place, make(engine, wire, **REQUEST, count=4))
    assert wire.sent.count("oom_step") == 3
    assert np.abs(made.astype(int) - wanted).max() <= 2
    assert engine.known_rungs == {("tiny", 1024): ["vae_tiling", "halve_batch", "halve_batch"]}
    again = Silent()
    make(engine, again, **REQUEST, count=2)
    assert "oom_step" not in again.sent, "what helped the last time is done at once"
    engine.known_rungs.clear()


def test_when_nothing_helps_the_person_is_told_what_would(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(1000, engine, monkeypatch)
    with pytest.raises(EngineError, match="16 × 16") as error:
        make(engine, **REQUEST)
    assert error.value.code == "oom_ram"
    engine.known_rungs.clear()


def test_layers_that_visit_the_device_one_by_one_compute_the_same(engine: Engine) -> None:
    unet = engine.load_model("base.safetensors", None, lambda: None, "p").unet
    x, context = torch.randn(1, 4, 16, 16), torch.randn(1, 77, 32)
    with torch.no_grad():
        before = unet(x, 5, context).sample
        visits: list[str] = []
        handles = offload_blocks(unet, CPU, CPU)
        hook = unet.mid_block.register_forward_hook(lambda *_: visits.append("mid"))
        after = unet(x, 5, context).sample
        hook.remove()
        bring_back(unet, CPU, handles)
        assert torch.equal(before, after) and visits == ["mid"] and handles == []
        assert not unet.mid_block._forward_hooks and not unet.mid_block._forward_pre_hooks


def test_a_unet_that_overflows_runs_once_more_in_fp32_and_is_put_back(place: Path) -> None:
    engine = engine_at(place, test_families=True)
    engine.device = Device(CPU, torch.float16, torch.float32)
    model = engine.load_model("base.safetensors", None, lambda: None, "p")
    bias = model.unet.mid_block.resnets[0].conv1.bias
    bias.copy_(torch.full_like(bias, 6e4))  # near the top of fp16: what is added to it is infinite
    model.unet.mid_block.resnets[0].time_emb_proj.bias.copy_(torch.full_like(bias, 6e4))
    wire = Silent()
    images = make(engine, wire, **REQUEST)
    assert "nan_retry" in wire.sent and len(images) == 1
    assert next(model.unet.parameters()).dtype == torch.float16


def test_a_unet_of_broken_numbers_is_said_to_be_so(place: Path) -> None:
    engine = engine_at(place, test_families=True)
    model = engine.load_model("base.safetensors", None, lambda: None, "p")
    model.unet.conv_out.bias.fill_(float("nan"))
    with pytest.raises(EngineError) as error:
        make(engine, **REQUEST)
    assert error.value.code == "nan_output"


def test_loras_are_taken_out_to_the_last_bit_after_any_stack(engine: Engine, place: Path) -> None:
    model = engine.load_model("base.safetensors", None, lambda: None, "p")
    make(engine, **REQUEST)
    before = {n: v.clone() for n, v in model.unet.state_dict().items()}
    for weights in ((1.0,), (0.3, -0.7), (0.0,)):
        make(engine, **REQUEST, loras=[{"file": "style.safetensors", "name": f"s{i}", "unet": w} for i, w in enumerate(weights)])
        changed = any(not torch.equal(v, before[n]) for n, v in model.unet.state_dict().items())
        assert changed == any(weights)
    make(engine, **REQUEST)
    assert all(torch.equal(v, before[n]) for n, v in model.unet.state_dict().items())


def test_an_estimate_is_from_a_table_until_it_is_measured(place: Path) -> None:
    from tessera_engine.params import read_generate

    engine = engine_at(place, test_families=True)
    family = engine.load_model("base.safetensors", None, lambda: None, "p").family
    ask = lambda **more: engine.speeds.estimate(  # noqa: E731
        read_generate({"model": {"file": "base.safetensors"}, **REQUEST, **more}), family, engine.device
    )
    assert ask()["basis"] == "table"
    make(engine, **REQUEST)
    found = ask()
    assert found["basis"] == "measured" and 0 < found["seconds_p50"] < found["seconds_p90"]
    assert ask(steps=30)["seconds_p50"] > found["seconds_p50"]
    assert ask(count=8)["disk_mb"] >= 1 and ask(hires={"scale": 2})["seconds_p50"] > found["seconds_p50"]


def test_the_time_of_each_phase_is_told(engine: Engine) -> None:
    import uuid

    from tessera_engine.generate import run_generate
    from tessera_engine.job import Job
    from tessera_engine.params import read_generate

    timings: dict[str, float] = {}
    params = read_generate({"model": {"file": "base.safetensors"}, **REQUEST})
    run_generate(engine, Job(str(uuid.uuid4()), Silent()), params, timings)  # type: ignore[arg-type]
    assert {"load", "encode", "denoise", "decode", "save"} <= timings.keys() and all(t >= 0 for t in timings.values())
