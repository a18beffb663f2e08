"""Trainings through the whole engine as a process: progress, checkpoints, samples, pause, resume, cancel, mistakes."""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_client import FIXTURES, Client, started
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from train_style import run_to_end, training, write_style


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="module")
def items(folder: Path) -> list[dict[str, Any]]:
    return write_style(folder, 6)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Client]:
    # What was trained is found among the LoRAs at once.
    roots = {"models": str(FIXTURES), "loras": str(folder), "job": str(folder)}
    with started(folder, threads=1, roots=roots) as client:
        yield client


SMALL: dict[str, Any] = {"rank": 4, "alpha": 2, "conv_rank": 0, "batch": 2, "epochs": 2, "flip": True}


def tensors(folder: Path, result: dict[str, Any], at: int = -1) -> dict[str, torch.Tensor]:
    assert result["t"] == "result", result
    return load_file(folder / result["train"]["files"][at]["file"])


def pixels(folder: Path, name: str) -> np.ndarray:
    return np.asarray(Image.open(folder / name)).astype(int)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_training_tells_how_it_goes_and_leaves_a_file_and_samples_for_each_epoch(
    engine: Client, folder: Path, items: list[dict[str, Any]]
) -> None:
    samples = {"prompts": ["zzstyle a red circle", "a blue square"], "steps": 3, "cfg": 3, "seed": 7}
    metadata = {"title": "Outlines", "license": "CC0-1.0", "own": {"node": "https://example.org"}}
    result = run_to_end(engine, training(items, **SMALL, samples=samples, name="outline-1", metadata=metadata))
    assert result["t"] == "result", result
    mine = [e for e in engine.seen if e.get("job") == result["job"]]
    phases = [e["phase"] for e in mine if e["t"] == "progress"]
    assert [p for i, p in enumerate(phases) if i == 0 or phases[i - 1] != p][:3] == ["load", "cache_latents", "train"]
    assert {"sample", "save"} <= set(phases)
    last = [e for e in mine if e["t"] == "progress" and e["phase"] == "train"][-1]
    assert (last["step"], last["total"], last["epoch"]) == (6, 6, 2) and {"loss_ema", "lr", "it_s", "eta_s"} <= last.keys()

    loras = [e for e in mine if e["t"] == "checkpoint" and e["kind"] == "lora"]
    assert [(e["epoch"], e["step"]) for e in loras] == [(1, 3), (2, 6)]
    assert result["train"]["steps"] == 6 and len(result["train"]["files"]) == 2 and result["train"]["best"] in (1, 2)
    for event, file in zip(loras, result["train"]["files"], strict=True):
        data = (folder / file["file"]).read_bytes()
        assert event["file"] == file["file"] and len(data) == file["bytes"] == event["bytes"]
        assert hashlib.sha256(data).hexdigest() == file["sha256"] == event["sha256"]
        assert file["autov2"] == file["sha256"][:10]

    made = [e for e in mine if e["t"] == "sample"]
    assert [(e["epoch"], e["prompt_index"], e["seed"]) for e in made] == [(1, 0, 7), (1, 1, 7), (2, 0, 7), (2, 1, 7)]
    assert len({e["sha256"] for e in made}) == 4 and all((folder / e["file"]).is_file() for e in made)

    # A sample is what `generate` makes of the file of that epoch, but for the digits that fp16 cuts off.
    lora = {"file": result["train"]["files"][1]["file"], "name": "outline-1"}
    again = engine.result(model={"file": "tiny-base.safetensors"}, prompt=samples["prompts"][1], width=32, height=32, steps=3,
                          cfg=3, seed=7, loras=[lora])  # fmt: skip
    assert np.abs(pixels(folder, again["images"][0]["file"]) - pixels(folder, made[3]["file"])).max() <= 3
    assert np.abs(pixels(folder, made[1]["file"]) - pixels(folder, made[3]["file"])).max() > 3
    assert not list(folder.glob(".*"))


def test_the_header_says_what_others_look_for_and_names_no_file(
    engine: Client, folder: Path, items: list[dict[str, Any]]
) -> None:
    metadata = {"title": "Outlines", "license": "CC0-1.0", "own": {"node": "https://example.org"}}
    result = run_to_end(engine, training(items, **{**SMALL, "epochs": 1}, name="outline-1", metadata=metadata))
    path = folder / result["train"]["files"][0]["file"]
    with safe_open(path, "pt") as file:
        found = file.metadata()
        names = set(file.keys())
        assert all(file.get_tensor(name).dtype == torch.float16 for name in names)
        assert file.get_tensor("lora_unet_mid_block_attentions_0_proj_in.alpha").item() == 2
    assert len(names) % 3 == 0 and all(n.startswith("lora_unet_") for n in names)
    wanted = {
        "ss_v2": "False", "ss_base_model_version": "sd_v1", "ss_network_module": "networks.lora", "ss_network_dim": "4",
        "ss_network_alpha": "2.0", "ss_output_name": "outline-1", "ss_sd_model_name": "tiny", "ss_epoch": "1", "ss_steps": "3",
        "ss_seed": "3", "ss_mixed_precision": "no", "ss_min_snr_gamma": "5.0", "ss_num_train_images": "6",
        "modelspec.architecture": "stable-diffusion-v1/lora", "modelspec.title": "Outlines", "modelspec.license": "CC0-1.0",
        "modelspec.trigger_phrase": "zzstyle", "modelspec.prediction_type": "v", "modelspec.resolution": "32x32",
        "tessera.node": "https://example.org",
    }  # fmt: skip
    assert {name: found.get(name) for name in wanted} == wanted
    assert json.loads(found["ss_tag_frequency"]) == {"dataset": {"zzstyle": 6}}
    assert json.loads(found["ss_bucket_info"])["buckets"] == {"0": {"resolution": [32, 32], "count": 6}}
    assert ".png" not in json.dumps(found)
    data = path.read_bytes()
    body = data[8 + struct.unpack("<Q", data[:8])[0] :]
    digest = hashlib.sha256(body).hexdigest()
    assert found["sshs_model_hash"] == digest and found["modelspec.hash_sha256"] == f"0x{digest}"
    assert result["train"]["files"][0]["autov3"] == digest[:12] and len(found["sshs_legacy_hash"]) == 8

    id = engine.send("inspect", p={"root": "loras", "file": path.name})
    report = engine.wait("report", id=id)
    assert (report["kind"], report["family"], report["rank"], report["alpha"]) == ("lora", "tiny", 4, 2.0)
    assert (report["autov2"], report["autov3"]) == (result["train"]["files"][0]["autov2"], digest[:12])


def test_a_paused_training_goes_on_to_the_same_bits_and_generation_fits_between(
    engine: Client, folder: Path, items: list[dict[str, Any]]
) -> None:
    params = training(items, **{**SMALL, "te_lr": 1e-3, "shuffle_tags": False, "caption_dropout": 0.3, "repeats": 4})
    whole = tensors(folder, run_to_end(engine, params))
    assert any(name.startswith("lora_te_") for name in whole)

    job = str(uuid.uuid4())
    engine.send("train", job=job, p=params)
    engine.wait("progress", job=job, phase="train")
    engine.send("pause", job=job, release=True)
    paused = engine.wait("paused", job=job)
    assert paused["released"] and 0 < paused["step"] < 24 and (folder / paused["state"]).is_file()
    id = engine.send("unload", p={"model": "none"})
    assert engine.wait("unloaded", id=id)["warm"] == [], "the pause gave the model back"
    generate = {"model": {"file": "tiny-base.safetensors"}, "prompt": "a red circle", "width": 32, "height": 32, "steps": 2,
                "cfg": 3, "sampler": "DDIM", "seed": 1}  # fmt: skip
    assert engine.result(**generate)["t"] == "result"

    engine.send("resume", job=job, p={**params, "state": {"file": paused["state"]}})
    result = engine.wait("result", "error", job=job)
    assert same(tensors(folder, result), whole)
    assert [file["epoch"] for file in result["train"]["files"]] == [1, 2]


def test_a_training_may_start_from_an_epoch_of_another(engine: Client, folder: Path, items: list[dict[str, Any]]) -> None:
    first = run_to_end(engine, training(items, **SMALL, save={"dtype": "fp32"}))
    file = {"file": first["train"]["files"][0]["file"], "sha256": first["train"]["files"][0]["sha256"]}
    still = {**SMALL, "unet_lr": 1e-12, "epochs": 1, "save": {"dtype": "fp32"}, "start_from": file}
    before, after = tensors(folder, first, 0), tensors(folder, run_to_end(engine, training(items, **still)))
    assert all(torch.allclose(after[name], before[name], atol=1e-6) for name in before)
    # Another alpha changes the scale of a layer, and so the factors must make up for it.
    other = tensors(folder, run_to_end(engine, training(items, **{**still, "alpha": 4})))
    name = "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight"
    assert torch.allclose(other[name] * 2, before[name], atol=1e-6) and before[name].abs().sum() > 0

    for change in ({"rank": 8}, {"te_lr": 1e-4}, {"conv_rank": 4}):
        error = run_to_end(engine, training(items, **{**still, **change}))
        assert (error["t"], error.get("code"), error.get("path")) == ("error", "lora_mismatch", "p.start_from.file"), change


def test_a_killed_training_goes_on_from_its_last_state_to_the_same_bits(
    engine: Client, folder: Path, items: list[dict[str, Any]]
) -> None:
    params = training(items, **{**SMALL, "repeats": 2, "state_every_s": 0, "optimizer": "prodigy", "unet_lr": 1.0})
    with started(folder, threads=1) as client:
        job = str(uuid.uuid4())
        client.send("train", job=job, p=params)
        states = [client.wait("checkpoint", job=job, kind="state") for _ in range(8)]
        client.process.kill()
        client.process.wait()
    assert [s["step"] for s in states] == sorted(s["step"] for s in states)
    kept = sorted(path.name for path in folder.glob(f"{job}-state-*.safetensors"))
    assert states[-1]["file"] in kept and len(kept) <= 3
    engine.send("resume", job=job, p={**params, "state": {"file": states[-1]["file"]}})
    result = engine.wait("result", "error", job=job)
    resumed = [e for e in engine.seen if e.get("job") == job and e["t"] == "progress" and e["phase"] == "train"]
    assert resumed[0]["step"] > states[-1]["step"] - 1
    assert same(tensors(folder, result), tensors(folder, run_to_end(engine, params)))


def test_a_state_is_refused_for_another_training(engine: Client, folder: Path, items: list[dict[str, Any]]) -> None:
    params = training(items, **SMALL, state_every_s=0)
    result = run_to_end(engine, params)
    state = next(e["file"] for e in reversed(engine.seen) if e["t"] == "checkpoint" and e["kind"] == "state")

    def refusal(**changes: Any) -> tuple[str, str | None]:
        job = str(uuid.uuid4())
        engine.send("resume", job=job, p={**params, "state": {"file": state}, **changes})
        error = engine.wait("error", "result", job=job)
        return error["code"], error.get("path")

    assert refusal(seed=4) == ("bad_params", "p.state.file")
    assert refusal(state={"file": "none"}) == ("model_not_found", "p.state.file")
    assert refusal(state={"file": result["train"]["files"][0]["file"]}) == ("model_invalid", "p.state.file")
    assert refusal(state={}) == ("bad_params", "p.state.file")


def test_a_cancelled_training_keeps_the_files_of_whole_epochs(engine: Client, folder: Path, items: list[dict[str, Any]]) -> None:
    generate = {"model": {"file": "tiny-base.safetensors"}, "prompt": "a red circle", "width": 32, "height": 32, "steps": 2,
                "cfg": 3, "sampler": "DDIM", "seed": 1}  # fmt: skip
    engine.send("unload", p={"model": "all"})
    before = engine.result(**generate)
    job = str(uuid.uuid4())
    engine.send("train", job=job, p=training(items, **{**SMALL, "epochs": 500}))
    first = engine.wait("checkpoint", job=job, kind="lora")
    id = engine.send("cancel", job=job)
    engine.wait("ack", id=id, timeout=10)
    partial = engine.wait("cancelled", job=job)["partial"]
    assert first["file"] in partial and all((folder / name).is_file() for name in partial)
    after = engine.result(**generate)
    assert after["images"][0]["sha256"] == before["images"][0]["sha256"], "no layer stays on the base"


def test_no_more_files_are_kept_than_were_asked_for(engine: Client, folder: Path, items: list[dict[str, Any]]) -> None:
    result = run_to_end(
        engine, training(items, **{**SMALL, "epochs": 5, "save": {"every_epochs": 2, "keep": 2, "dtype": "fp32"}})
    )
    assert [file["epoch"] for file in result["train"]["files"]] == [4, 5]
    assert len(list(folder.glob(f"{result['job']}-e*.safetensors"))) == 2
    assert all(t.dtype == torch.float32 for t in tensors(folder, result).values())
    removed = [e["removed"] for e in engine.seen if e["t"] == "checkpoint" and e["kind"] == "lora" and e["job"] == result["job"]]
    assert [len(names) for names in removed] == [0, 0, 1]


def test_a_mistake_has_a_code_and_a_place_and_the_engine_goes_on(
    engine: Client, folder: Path, items: list[dict[str, Any]]
) -> None:
    (folder / "text.png").write_text("no picture")
    for change, code, path in (
        ({"base": {"file": "none.safetensors"}}, "model_not_found", "p.base.file"),
        ({"base": {"file": "tiny-style-lora.safetensors"}}, "model_invalid", None),
        ({"base": {"file": "tiny-base.safetensors", "sha256": "0" * 64}}, "model_invalid", None),
        ({"dataset": {"items": [{"file": "../x.png"}]}}, "bad_params", "p.dataset.items[0].file"),
        ({"dataset": {"items": [{"file": "text.png"}]}}, "dataset_invalid", "p.dataset.items[0].file"),
        ({"resolution": 33}, "bad_params", "p.resolution"),
        ({"epochs": 10_000}, "bad_params", "p.epochs"),
    ):
        error = run_to_end(engine, training(items, **{**SMALL, **change}))
        assert (error["t"], error.get("code"), error.get("path")) == ("error", code, path), change
    id = engine.send("pause", job=str(uuid.uuid4()))
    assert engine.wait("error", id=id)["code"] == "bad_params"


def test_a_loss_that_is_no_number_ends_the_training_with_advice(engine: Client, items: list[dict[str, Any]]) -> None:
    error = run_to_end(engine, training(items, **{**SMALL, "unet_lr": 10, "alpha": 1024, "epochs": 30, "min_snr_gamma": 0}))
    assert error["t"] == "error" and error["code"] == "nan_output" and "learning rate" in error["message"]
    assert error["detail"]["step"] > 0


def test_an_estimate_comes_from_the_table_at_first_and_then_from_own_runs(folder: Path, items: list[dict[str, Any]]) -> None:
    params = training(items, **SMALL)
    with started(folder, threads=1) as client:
        for basis in ("table", "measured"):
            id = client.send("estimate", task="train", p=params)
            found = client.wait("estimate", id=id)
            assert found["basis"] == basis and found["steps"] == 6
            assert 0 < found["seconds_p50"] <= found["seconds_p90"] and found["disk_mb"] > 0 and found["ram_mb"] > 0
            run_to_end(client, params)
