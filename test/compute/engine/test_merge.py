"""Merging against numpy: closed forms, bit-equality at 0 and 1, refusals, the recipe, and the command of the engine."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_client import FIXTURES, Client, started
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from tessera_engine.errors import Cancelled, EngineError
from tessera_engine.families import load_family
from tessera_engine.header import read_header
from tessera_engine.merge.blocks import block_names, block_of
from tessera_engine.merge.checkpoints import Checkpoints
from tessera_engine.merge.loras import mix_loras, read_parts
from tessera_engine.merge.params import MergeParams, read_merge
from tessera_engine.merge.stream import StreamWriter, in_file_order

TINY = load_family("tiny")
BASE, STYLE = FIXTURES / "tiny-base.safetensors", FIXTURES / "tiny-style-lora.safetensors"


class Quiet:
    """A job that nobody listens to."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.warned: list[str] = []
        self._stop_at = stop_at

    def check(self) -> None: ...

    def phase(self, _name: str, step: int, _total: int) -> None:
        if step == self._stop_at:
            raise Cancelled

    def warn(self, code: str, _text: str) -> None:
        self.warned.append(code)


def params(**more: Any) -> MergeParams:
    models = [{"file": f"{n}.safetensors"} for n in "ab"[: more.pop("count", 2)] + ("c" if more.get("beta") is not None else "")]
    return read_merge({"models": more.pop("models", models), "dtype": "fp32", **more})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The tiny base, and two more like it: `models/a`, `b` and `c`."""
    place = tmp_path_factory.mktemp("models")
    first = load_file(BASE)
    metadata = read_header(BASE).metadata
    save_file(first, place / "a.safetensors", metadata)
    for seed, name in enumerate("bc"):
        g = torch.Generator().manual_seed(seed)
        other = {k: v if not v.is_floating_point() else (v.float() + 0.1 * torch.randn(v.shape, generator=g)).to(v.dtype)
                 for k, v in first.items()}  # fmt: skip
        save_file(other, place / f"{name}.safetensors", metadata)
    (place / "style.safetensors").write_bytes(STYLE.read_bytes())
    yield place


def merged(folder: Path, how: MergeParams, names: str, job: Any = None) -> dict[str, Tensor]:
    mixed = Checkpoints([folder / f"{n}.safetensors" for n in names], how, job or Quiet(), True)
    return dict(mixed.tensors())


def numbers(folder: Path, name: str) -> dict[str, np.ndarray]:
    return {k: v.double().numpy() for k, v in load_file(folder / f"{name}.safetensors").items()}


def test_sums_and_differences_are_the_closed_form(folder: Path) -> None:
    a, b, c = (numbers(folder, n) for n in "abc")
    cases = [
        (params(alpha=0.3), "ab", lambda k: 0.7 * a[k] + 0.3 * b[k]),
        (params(alpha=0.3, beta=0.2), "abc", lambda k: 0.5 * a[k] + 0.3 * b[k] + 0.2 * c[k]),
        (params(method="add_difference", alpha=0.8, beta=0), "abc", lambda k: a[k] + 0.8 * (b[k] - c[k])),
    ]
    for how, names, expected in cases:
        got = merged(folder, how, names)
        assert got.keys() == a.keys()
        for key, tensor in got.items():
            if tensor.is_floating_point():
                np.testing.assert_allclose(tensor.numpy(), expected(key), rtol=1e-5, atol=1e-5)


def test_nothing_of_one_is_all_of_the_other_bit_by_bit(folder: Path) -> None:
    a, b = load_file(folder / "a.safetensors"), load_file(folder / "b.safetensors")
    dtype = {torch.float16: "fp16", torch.float32: "fp32"}[next(v.dtype for v in a.values() if v.is_floating_point())]
    for alpha, expected in ((0.0, a), (1.0, b)):
        got = merged(folder, params(alpha=alpha, dtype=dtype), "ab")
        assert all(torch.equal(got[k], expected[k]) for k in expected if expected[k].is_floating_point())
    got = merged(folder, params(method="add_difference", alpha=0, beta=0, dtype=dtype), "abc")
    assert all(torch.equal(got[k], a[k]) for k in a)


def test_each_block_has_its_own_weight(folder: Path) -> None:
    names = block_names(TINY)
    assert [len(block_names(load_family(f))) for f in ("sd15", "sdxl")] == [25, 19]
    assert names == ["IN00", "IN01", "IN02", "IN03", "IN04", "IN05", "M00", "OUT00", "OUT01", "OUT02", "OUT03", "OUT04", "OUT05"]
    weights = {name: i / (len(names) - 1) for i, name in enumerate(names)}
    got = merged(folder, params(alpha=0.25, blocks=weights), "ab")
    a, b = numbers(folder, "a"), numbers(folder, "b")
    seen = set()
    for key, tensor in got.items():
        block = block_of(key, TINY)
        seen.add(block)
        share = weights.get(block, 0.25)
        np.testing.assert_allclose(tensor.double().numpy(), (1 - share) * a[key] + share * b[key], rtol=1e-5, atol=1e-5)
    assert seen == {"BASE", *names}
    assert block_of("model.diffusion_model.time_embed.0.weight", TINY) == "IN00"
    assert block_of("model.diffusion_model.out.2.weight", TINY) == "OUT05"


def test_what_does_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    def code(how: MergeParams, *paths: Path, job: Any = None) -> str:
        with pytest.raises(EngineError) as refused:
            list(Checkpoints(paths, how, job or Quiet(), True).tensors())
        return refused.value.code

    a = load_file(BASE)
    key = "model.diffusion_model.out.2.weight"
    save_file({**a, key: a[key][:, :-1].contiguous()}, tmp_path / "shape", read_header(BASE).metadata)
    save_file({k: v for k, v in a.items() if k != key}, tmp_path / "less", read_header(BASE).metadata)
    save_file({**a, key: torch.full_like(a[key], float("nan"))}, tmp_path / "nan", read_header(BASE).metadata)
    big = {k: (v.float() * 1e30) if v.is_floating_point() else v for k, v in a.items()}
    save_file(big, tmp_path / "big", read_header(BASE).metadata)
    save_file(a, tmp_path / "eps", {"modelspec.prediction_type": "epsilon"})
    half = params(alpha=0.5)
    assert code(half, BASE, tmp_path / "shape") == "arch_mismatch"
    assert code(half, BASE, tmp_path / "less") == "arch_mismatch"
    assert code(half, BASE, tmp_path / "eps") == "arch_mismatch"
    assert code(half, BASE, STYLE) == "model_invalid"
    assert code(half, BASE, tmp_path / "nan") == "nan_output"
    assert code(params(alpha=0.5, dtype="fp16"), BASE, tmp_path / "big") == "nan_output"
    save_file({k: v for k, v in a.items() if not k.startswith("first_stage")}, tmp_path / "no-vae", read_header(BASE).metadata)
    job = Quiet()
    got = dict(Checkpoints((BASE, tmp_path / "no-vae"), params(alpha=1.0), job, True).tensors())
    assert job.warned == ["merge_partial"] and all(torch.equal(got[k], a[k].float()) for k in a if a[k].is_floating_point())
    for bad in ({"models": [{"file": "a"}]}, {"method": "add_difference"}, {"method": "sum"}, {"alpha": 3}, {"rank": 4},
                {"blocks": {"IN00": "x"}}, {"kind": "lora", "method": "sum", "weights": [0, 0]}):  # fmt: skip
        with pytest.raises(EngineError) as refused:
            params(**bad)
        assert refused.value.code == "bad_params"


def deltas(tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
    found = {}
    for name in tensors:
        if name.endswith(".lora_down.weight"):
            stem = name.removesuffix(".lora_down.weight")
            down, up = tensors[name].double(), tensors[f"{stem}.lora_up.weight"].double()
            scale = float(tensors.get(f"{stem}.alpha", torch.tensor(down.shape[0]))) / down.shape[0]
            found[stem] = (up.flatten(1) @ down.flatten(1)).numpy() * scale
    return found


def test_loras_are_summed_up_exactly_and_cut_to_the_nearest(folder: Path, tmp_path: Path) -> None:
    style = load_file(STYLE)
    g = torch.Generator().manual_seed(1)
    other = {k: torch.randn(v.shape, generator=g) * 0.1 if "lora_" in k.rpartition("lora_te")[2] else v for k, v in style.items()}
    other = {k: torch.tensor(3.0) if k.endswith("alpha") else v.float() for k, v in other.items()}
    dropped = next(k for k in other if k.endswith("lora_down.weight")).removesuffix(".lora_down.weight")
    save_file({k: v for k, v in other.items() if not k.startswith(dropped + ".")}, tmp_path / "other")
    parts = [read_parts(STYLE, "a"), read_parts(tmp_path / "other", "b")]
    one, two = deltas(style), deltas(other) | {dropped: 0.0}
    how = params(kind="lora", method="sum", weights=[0.5, -1.5])
    got, rank = mix_loras(parts, how, TINY, Quiet())
    ranks = [next(v.shape[0] for k, v in t.items() if k.endswith("lora_down.weight")) for t in (style, other)]
    assert rank == sum(ranks)
    for stem, delta in deltas(got).items():
        np.testing.assert_allclose(delta, 0.5 * one[stem] - 1.5 * two[stem], rtol=1e-4, atol=1e-5)
    assert deltas(got).keys() == one.keys()
    # nothing of one is the other, bit by bit
    dtype = {torch.float16: "fp16", torch.float32: "fp32"}[style[f"{dropped}.lora_up.weight"].dtype]
    same, _ = mix_loras(parts, params(kind="lora", alpha=0.0, dtype=dtype), TINY, Quiet())
    assert all(torch.equal(same[k], style[k].to(same[k].dtype)) for k in style)
    # cut to a rank: as near as any product of this rank comes (Eckart and Young)
    cut, rank = mix_loras(parts, params(kind="lora", method="sum", weights=[0.5, -1.5], rank=4), TINY, Quiet())
    assert rank == 4
    whole = deltas(got)
    for stem, delta in deltas(cut).items():
        values = np.linalg.svd(whole[stem], compute_uv=False)
        least = np.sqrt((values[4:] ** 2).sum())
        np.testing.assert_allclose(np.linalg.norm(delta - whole[stem]), least, rtol=1e-3, atol=1e-5)
    # by block: the other at 1 in the middle, and at 0 elsewhere
    by_block, _ = mix_loras(parts, params(kind="lora", alpha=0, blocks={"M00": 1}), TINY, Quiet())
    for stem, delta in deltas(by_block).items():
        expected = two[stem] if "mid_block" in stem or "middle_block" in stem else one[stem]
        np.testing.assert_allclose(delta, expected, rtol=1e-4, atol=1e-5)


def test_a_file_is_written_tensor_by_tensor(tmp_path: Path) -> None:
    tensors = {"b": torch.arange(6).reshape(2, 3), "a": torch.ones(3, dtype=torch.bfloat16), "c": torch.tensor(2.5)}
    shapes = in_file_order({k: (v.dtype, tuple(v.shape)) for k, v in tensors.items()})
    writer = StreamWriter(tmp_path, "x", shapes, {"k": "ü"}, {"hash": "0x"})
    written, tensor_hash = writer.write((k, tensors[k]) for k in shapes)
    with safe_open(tmp_path / written.name, framework="pt") as file:
        assert all(torch.equal(file.get_tensor(k), v) for k, v in tensors.items())
        assert file.metadata() == {"k": "ü", "hash": f"0x{tensor_hash}"}
    header = read_header(tmp_path / written.name)
    assert header.data_offset % 8 == 0 and [*tmp_path.iterdir()] == [tmp_path / written.name]

    def breaks() -> Iterator[tuple[str, Tensor]]:
        yield "b", tensors["b"]
        raise Cancelled

    with pytest.raises(Cancelled):
        StreamWriter(tmp_path, "y", shapes, {}, {}).write(breaks())
    assert [*tmp_path.iterdir()] == [tmp_path / written.name]


def test_the_engine_merges_on_command(folder: Path, tmp_path: Path) -> None:
    with started(tmp_path, roots={"models": str(folder), "loras": str(folder), "job": str(tmp_path)}) as client:
        caps = next(e for e in client.seen if e["t"] == "ready")["caps"]
        assert "merge" in caps["tasks"] and caps["merging"]["tiny"]["blocks"][6] == "M00" and "sdxl" in caps["merging"]
        a = read_header(folder / "a.safetensors")
        models = [{"file": f"{n}.safetensors", "name": f"{n}, the model"} for n in "ab"]
        told = {"title": "Both", "author": "ann", "own": {"run": "1"}}
        asked = {"models": models, "alpha": 0.4, "blocks": {"M00": 1}, "dtype": "fp16", "name": "both", "metadata": told}
        job = merge(client, asked)
        done = client.wait("merged", "error", job=job)
        assert done["t"] == "merged" and done["family"] == "tiny"
        assert client.wait("result", job=job)["ms"] >= 0
        header = read_header(tmp_path / done["file"])
        assert done["file"].startswith(f"{job}-") and header.tensors.keys() == a.tensors.keys()
        assert {info.dtype for info in header.tensors.values()} <= {"F16", "I64"}
        facts = header.metadata
        assert facts["modelspec.title"] == "Both" and facts["modelspec.merged_from"] == "a  the model, b  the model"
        assert facts["modelspec.hash_sha256"][2:14] == done["autov3"] and facts["tessera.run"] == "1"
        recipe = json.loads(facts["tessera.merge"])
        assert recipe["alpha"] == 0.4 and recipe["blocks"] == {"M00": 1} and len(recipe["parents"][0]["sha256"]) == 64
        assert [*json.loads(facts["sd_merge_models"])] == [parent["sha256"] for parent in recipe["parents"]]
        # what it made can be generated with, and two LoRAs of one family become one
        (folder / "made.safetensors").write_bytes((tmp_path / done["file"]).read_bytes())
        size = {"width": 32, "height": 32, "steps": 1, "cfg": 1, "sampler": "Euler", "seed": 1}
        assert client.result(model={"file": "made.safetensors"}, prompt="", **size)["t"] == "result"
        loras = [{"file": "style.safetensors"}] * 2
        job = merge(client, {"kind": "lora", "method": "sum", "weights": [1, 0.5], "models": loras})
        assert client.wait("merged", "error", job=job)["rank"] > 0
        # refusals name the place
        job = merge(client, {"models": [models[0], {"file": "style.safetensors"}]})
        assert client.wait("error", job=job)["code"] == "model_invalid"
        job = merge(client, {"models": [models[0], {**models[1], "sha256": "0" * 64}]})
        assert client.wait("error", job=job)["path"] == "p.models[1].sha256"
        job = merge(client, {"models": models, "blocks": {"IN11": 1}})
        assert client.wait("error", job=job)["code"] == "bad_params"
        assert not [p for p in tmp_path.iterdir() if p.suffix == ".part"]


def merge(client: Client, p: dict[str, Any]) -> str:
    job = str(uuid.uuid4())
    client.send("merge", job=job, p=p)
    return job


def test_a_merge_can_be_cancelled_between_two_tensors(folder: Path) -> None:
    job = Quiet(stop_at=3)
    seen: list[str] = []
    with pytest.raises(Cancelled):
        for name, _ in Checkpoints([folder / "a.safetensors", folder / "b.safetensors"], params(), job, True).tensors():
            seen.append(name)
    assert len(seen) == 3 and threading.active_count() < 50
