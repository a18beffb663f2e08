"""The parts between prompt and picture: loading, conditioning, infotext, files, memory."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_client import FIXTURES
from PIL import Image

from tessera_engine.cache import ModelCache
from tessera_engine.condition import emphasise, encode_prompts
from tessera_engine.device import pick_device
from tessera_engine.errors import EngineError
from tessera_engine.families import load_family
from tessera_engine.infotext import UsedFiles, write_infotext
from tessera_engine.ladder import Ladder, Rung
from tessera_engine.ldm_keys import ldm_names
from tessera_engine.load import Model, load_model
from tessera_engine.output import encode_png, write_whole
from tessera_engine.params import GenerateParams, read_generate
from tessera_engine.preview import MAX_BYTES, render_preview

BASE = FIXTURES / "tiny-base.safetensors"
MINIMAL: dict[str, Any] = {"model": {"file": "base.safetensors"}, "prompt": "a cat", "width": 512, "height": 768, "seed": 5}


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    yield load_model(BASE, pick_device(), True, lambda: None, None)


@pytest.mark.parametrize("name", ["sd15", "sdxl", "tiny"])
def test_our_names_of_tensors_are_those_of_diffusers_converter(name: str) -> None:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

    family = load_family(name)
    with torch.device("meta"):
        unet, vae = UNet2DConditionModel.from_config(family.unet), AutoencoderKL.from_config(family.vae)
    for part, module, config, convert in (
        ("unet", unet, family.unet, convert_ldm_unet_checkpoint),
        ("vae", vae, family.vae, convert_ldm_vae_checkpoint),
    ):
        state = module.state_dict()
        names = ldm_names(list(state), part, config)
        theirs = convert({names[own]: value for own, value in state.items()}, dict(module.config))
        assert all(theirs[own] is value for own, value in state.items())


def test_sd15_and_sdxl_have_their_known_number_of_parameters() -> None:
    from diffusers import UNet2DConditionModel

    for name, wanted in (("sd15", 859_520_964), ("sdxl", 2_567_463_684)):
        with torch.device("meta"):
            assert sum(p.numel() for p in UNet2DConditionModel.from_config(load_family(name).unet).parameters()) == wanted


def test_a_cut_file_a_wrong_digest_and_a_lora_are_no_checkpoint(tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(BASE.read_bytes()[:-10])
    for path, digest in ((cut, None), (BASE, "0" * 64), (FIXTURES / "tiny-style-lora.safetensors", None)):
        with pytest.raises(EngineError) as error:
            load_model(path, pick_device(), True, lambda: None, digest)
        assert error.value.code == "model_invalid"


def test_a_prompt_does_not_depend_on_its_neighbours(model: Model) -> None:
    device = pick_device()
    alone = encode_prompts(model, ["a (red:1.4) circle"], 1, device).context[0]
    beside = encode_prompts(model, ["a blue square", "a (red:1.4) circle"], 1, device).context[1]
    assert torch.allclose(alone, beside, atol=1e-5)


def test_prompts_are_padded_to_as_many_chunks(model: Model) -> None:
    both = encode_prompts(model, ["", "red " * 100], 1, pick_device())
    assert both.context.shape == (2, 77 * 2, 32)


def test_clip_skip_2_takes_the_layer_before_the_last(model: Model) -> None:
    one, two = (encode_prompts(model, ["a red circle"], n, pick_device()).context for n in (1, 2))
    text = model.texts[0]
    ids = [text.tokenizer.begin, *text.tokenizer.encode("a red circle")]
    padded = torch.tensor([ids + [text.tokenizer.end] * (77 - len(ids))])
    assert torch.equal(one, text.final_norm(text(padded).hidden[-1]))
    assert torch.equal(two, text.final_norm(text(padded).hidden[-2]))


def test_emphasis_keeps_the_mean() -> None:
    torch.manual_seed(0)
    context, weights = torch.randn(2, 77, 32) + 0.1, torch.ones(2, 77)
    weights[0, 3] = 1.5
    after = emphasise(context, weights)
    assert torch.allclose(after.mean((1, 2)), context.mean((1, 2)), atol=1e-6)
    assert torch.allclose(after[1], context[1])
    assert not torch.allclose(after[0], context[0])


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"width": 513}, "p.width"), ({"height": 0}, "p.height"), ({"steps": 151}, "p.steps"), ({"steps": 1.5}, "p.steps"),
        ({"seed": -1}, "p.seed"), ({"seed": 1 << 32}, "p.seed"), ({"seed": True}, "p.seed"), ({"cfg": "7"}, "p.cfg"),
        ({"cfg": 31}, "p.cfg"), ({"prompt": 7}, "p.prompt"), ({"prompt": "x" * 10_001}, "p.prompt"), ({"model": None}, "p.model"),
        ({"model": {"file": "x", "sha256": "ABC"}}, "p.model.sha256"), ({"loras": [{}]}, "p.loras[0].file"),
        ({"loras": [{"file": "x", "name": "a b"}]}, "p.loras[0].name"), ({"loras": [{"file": "x"}] * 17}, "p.loras"),
        ({"clip_skip": 13}, "p.clip_skip"), ({"count": 65}, "p.count"), ({"prompt": "(" * 40}, "p.prompt"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_parameters_is_named_by_its_place(change: dict[str, Any], path: str) -> None:
    with pytest.raises(EngineError) as error:
        read_generate({**MINIMAL, **change})
    assert (error.value.code, error.value.path) == ("bad_params", path)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"init": {"file": "x", "denoise": 2}}, "p.init.denoise"), ({"init": {"file": "x", "resize": "no"}}, "p.init.resize"),
        ({"init": {"denoise": 1}}, "p.init.file"), ({"hires": {"scale": 9}}, "p.hires.scale"),
        ({"hires": {"size": [64]}}, "p.hires.size"), ({"hires": {"size": [64, "x"]}}, "p.hires.size.h"),
        ({"hires": {"upscaler": "model:"}}, "p.hires.upscaler"), ({"hires": {"upscaler": "magic"}}, "p.hires.upscaler"),
        ({"output": {"format": "gif"}}, "p.output.format"), ({"output": {"quality": 0}}, "p.output.quality"),
        ({"rng": "GPU"}, "p.rng"), ({"subseed_strength": 2}, "p.subseed_strength"), ({"eta": -1}, "p.eta"),
        ({"embeddings": [{"file": "x", "name": "a b"}]}, "p.embeddings[0].name"), ({"batch": [{}]}, "p.batch[0].seed"),
        ({"batch": [{"seed": 1, "prompt": "(" * 40}]}, "p.batch[0].prompt"), ({"batch": [{"seed": 1}] * 65}, "p.batch"),
        ({"init": 7}, "p.init"), ({"hires": [1]}, "p.hires"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_newer_parameters_is_named_by_its_place(change: dict[str, Any], path: str) -> None:
    with pytest.raises(EngineError) as error:
        read_generate({**MINIMAL, **change})
    assert (error.value.code, error.value.path) == ("bad_params", path)


def params(**change: Any) -> GenerateParams:
    return read_generate({**MINIMAL, **change})


def test_infotext_is_what_a1111_writes() -> None:
    p = params(
        prompt="a cat <lora:style:0.8>", negative="dog, bad", steps=25, cfg=7, sampler="DPM++ 2M Karras", clip_skip=2,
        model={"file": "base.safetensors", "name": "My Model, v1"}, version="node 1.0",
        loras=[{"file": "a", "name": "style", "unet": 0.8}, {"file": "b", "name": "other", "unet": 1, "te": 0.5}],
        resources=[{"type": "lora", "weight": 0.8, "modelVersionId": 12}],
    )  # fmt: skip
    text = write_infotext(p, p.samples[0], UsedFiles("ab" * 32, None, {"style": "0123456789ab", "other": "ba9876543210"}))
    assert text.split("\n") == [
        "a cat <lora:style:0.8> <lora:other:0.5:1>",
        "Negative prompt: dog, bad",
        'Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 5, Size: 512x768, Model hash: ababababab, '
        'Model: "My Model, v1", Clip skip: 2, RNG: CPU, Lora hashes: "style: 0123456789ab, other: ba9876543210", '
        'Hashes: {"model":"ababababab","lora:style":"0123456789ab","lora:other":"ba9876543210"}, '
        'Civitai resources: [{"type":"lora","weight":0.8,"modelVersionId":12}], Version: node 1.0',
    ]  # fmt: skip


def test_a_picture_carries_its_recipe_and_is_renamed_whole(tmp_path: Path) -> None:
    data = encode_png(torch.zeros(3, 16, 8), "a cat, 日本\nSteps: 1", {"job": "x", "licence": "CC0-1.0"})
    name, digest = write_whole(tmp_path, "job-0", ".png", data)
    assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    assert [p.name for p in tmp_path.iterdir()] == [name]
    image = Image.open(io.BytesIO(data))
    assert image.size == (8, 16)
    assert image.info["parameters"] == "a cat, 日本\nSteps: 1"
    assert json.loads(image.info["tessera"])["licence"] == "CC0-1.0"
    assert "parameters" not in Image.open(io.BytesIO(encode_png(torch.zeros(3, 8, 8), None, {"x": 1}))).info


def test_a_full_disk_is_named_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EngineError) as error:
        write_whole(tmp_path, "job-0", ".png", b"x")
    assert error.value.code == "disk_full" and not list(tmp_path.iterdir())


def test_a_preview_is_small_whatever_the_latents_are() -> None:
    import base64

    torch.manual_seed(0)
    for latents in (torch.randn(4, 256, 256) * 5, torch.full((4, 16, 16), float("nan"))):
        data = base64.b64decode(render_preview(latents, load_family("sd15"), 1024))
        assert len(data) <= MAX_BYTES and Image.open(io.BytesIO(data)).format == "WEBP"


def test_the_ladder_takes_each_rung_in_turn_and_then_gives_a_hint() -> None:
    taken: list[str] = []
    left = {"evict": 1, "halve": 2}

    def take(name: str) -> bool:
        left[name] -= 1
        return left[name] >= 0

    rungs = [Rung("evict", lambda: take("evict")), Rung("halve", lambda: take("halve"))]
    ladder = Ladder(rungs, taken.append, lambda: "Try 256 × 256.", True)
    fails = iter([True, True, False])

    def work() -> str:
        if next(fails):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "made"

    assert ladder.run(work) == "made" and taken == ["evict", "halve"]

    def never() -> str:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(EngineError, match="Try 256") as error:
        ladder.run(never)
    assert error.value.code == "oom_vram" and taken == ["evict", "halve", "halve"]
    with pytest.raises(ZeroDivisionError):
        ladder.run(lambda: 1 / 0)


def test_the_cache_lets_the_least_recently_used_go(model: Model) -> None:
    cache = ModelCache(budget_bytes=250)
    models = {name: replace(model, total_bytes=100) for name in "abcd"}
    for name in "ab":
        cache.get(name, 100, lambda name=name: models[name])
    cache.get("a", 100, lambda: pytest.fail("it was loaded twice"))
    cache.get("c", 100, lambda: models["c"])
    assert cache.names() == ["a", "c"]
    cache.pin("a")
    cache.get("d", 100, lambda: models["d"])
    assert cache.names() == ["a", "d"]
    assert cache.drop_all_but("d") == 1 and cache.names() == ["d"]
