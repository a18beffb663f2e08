"""Image to image, inpainting, the second pass, variations, embeddings and batches, on the tiny model that knows shapes."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from narrow_family import Silent, make, pixels_of
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_shapes import colour_of_centre, draw

from tessera_engine.engine import Engine
from tessera_engine.errors import EngineError

SHAPE: dict[str, Any] = {
    "prompt": "a red circle",
    "width": 32,
    "height": 32,
    "steps": 12,
    "cfg": 3,
    "seed": 1000,
    "sampler": "Euler",
}


def picture(place: Path, name: str, image: Image.Image | None = None, **options: Any) -> str:
    drawn = image or Image.fromarray(
        ((draw("blue", "square", random.Random(3)).movedim(0, 2).numpy() + 1) * 127.5).astype("uint8")
    )
    drawn.save(place / name, **options)
    return name


def test_image_to_image_keeps_the_more_the_less_it_denoises(engine: Engine, place: Path) -> None:
    name = picture(place, "blue.png")
    before = np.asarray(Image.open(place / name)).astype(float)
    distances, colours = [], []
    for denoise in (0, 0.3, 0.95):
        made = pixels_of(place, make(engine, **SHAPE, init={"file": name, "denoise": denoise}))[0]
        distances.append(np.abs(made - before).mean())
        colours.append(colour_of_centre(torch.tensor(made).movedim(2, 0).float() / 127.5 - 1))
    assert distances[0] == 0, "without denoising the pixels are the very ones that came"
    assert distances[0] < distances[1] < distances[2]
    assert colours == ["blue", "blue", "red"]


def test_it_runs_the_share_of_the_steps_that_a1111_runs(engine: Engine, place: Path) -> None:
    wire = Counting()
    make(engine, wire, **{**SHAPE, "steps": 20}, init={"file": picture(place, "blue.png"), "denoise": 0.5})
    assert wire.last["denoise"] == (11, 11)
    make(engine, wire, **{**SHAPE, "steps": 6}, hires={"scale": 2, "steps": 4, "denoise": 0.5})
    assert wire.last["denoise"] == (10, 10)


class Counting(Silent):
    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, tuple[int, int]] = {}

    def progress(self, _job: str, phase: str, step: int, total: int, **_fields: Any) -> None:
        self.last[phase] = (step, total)


def test_inpainting_changes_nothing_outside_its_mask(engine: Engine, place: Path) -> None:
    mask = np.zeros((32, 32), dtype="uint8")
    mask[8:24, 8:24] = 255
    picture(place, "mask.png", Image.fromarray(mask))
    init = {"file": picture(place, "blue.png"), "mask": "mask.png", "denoise": 1}
    made = pixels_of(place, make(engine, **SHAPE, init=init))[0]
    before = np.asarray(Image.open(place / "blue.png"))
    assert np.array_equal(made[mask == 0], before[mask == 0])
    assert np.abs(made[mask > 0].astype(float) - before[mask > 0]).mean() > 10
    with pytest.raises(EngineError) as error:
        make(engine, **SHAPE, init=init, hires={"scale": 2})
    assert (error.value.code, error.value.path) == ("unsupported", "p.hires")
    picture(place, "small.png", Image.new("L", (8, 8)))
    with pytest.raises(EngineError) as error:
        make(engine, **SHAPE, init={**init, "mask": "small.png"})
    assert (error.value.code, error.value.path) == ("bad_params", "p.init.mask")


@pytest.mark.parametrize("resize", ["crop", "fill", "stretch"])
def test_a_picture_of_another_shape_is_brought_to_size(engine: Engine, place: Path, resize: str) -> None:
    wide = np.full((20, 80, 3), 60, dtype="uint8")
    wide[:, :20] = 250  # a bright end that cropping to the middle cuts off
    name = picture(place, "wide.png", Image.fromarray(wide))
    made = pixels_of(place, make(engine, **SHAPE, init={"file": name, "denoise": 0, "resize": resize}))[0]
    assert made.shape == (32, 32, 3)
    bright = (made.mean(2) > 200).mean()
    assert bright == 0 if resize == "crop" else 0.15 < bright < 0.35


def test_pictures_that_are_none_or_too_much_are_refused(engine: Engine, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "text.png").write_text("no picture")
    (place / "cut.png").write_bytes((place / picture(place, "blue.png")).read_bytes()[:200])
    picture(place, "animation.gif", Image.new("P", (8, 8)))
    for name in ("text.png", "cut.png", "animation.gif"):
        with pytest.raises(EngineError) as error:
            make(engine, **SHAPE, init={"file": name, "denoise": 0})
        assert (error.value.code, error.value.path) == ("bad_params", "p.init.file")
    monkeypatch.setattr("tessera_engine.pictures.source.MAX_PIXELS", 1000)
    with pytest.raises(EngineError, match="64 million"):
        make(engine, **SHAPE, init={"file": "blue.png", "denoise": 0})


def test_a_picture_is_turned_upright_and_transparent_parts_are_white(engine: Engine, place: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    half = np.zeros((32, 32, 3), dtype="uint8")
    half[:16] = 255
    picture(place, "turned.jpg", Image.fromarray(half), exif=exif, quality=95)
    made = pixels_of(place, make(engine, **SHAPE, init={"file": "turned.jpg", "denoise": 0}))[0]
    assert made[:12].mean() < 20 < 235 < made[20:].mean()
    picture(place, "clear.png", Image.new("RGBA", (32, 32), (0, 0, 0, 0)))
    assert pixels_of(place, make(engine, **SHAPE, init={"file": "clear.png", "denoise": 0})).min() == 255


@pytest.mark.parametrize("upscaler", ["latent", "lanczos"])
def test_the_second_pass_makes_the_same_picture_larger(engine: Engine, place: Path, upscaler: str) -> None:
    small = pixels_of(place, make(engine, **SHAPE))[0]
    images = make(engine, **SHAPE, hires={"scale": 2, "upscaler": upscaler, "steps": 6, "denoise": 0.4})
    large = pixels_of(place, images)[0]
    assert large.shape == (64, 64, 3) and (images[0]["w"], images[0]["h"]) == (64, 64)
    shrunk = np.asarray(Image.fromarray(large).resize((32, 32), Image.Resampling.BOX)).astype(float)
    assert np.abs(shrunk - small).mean() < 40
    name = upscaler.capitalize()
    assert f"Denoising strength: 0.4, Hires upscale: 2, Hires steps: 6, Hires upscaler: {name}" in images[0]["infotext"]


def test_a_size_may_be_asked_for_and_has_a_limit(engine: Engine, place: Path) -> None:
    images = make(engine, **SHAPE, hires={"size": [48, 40], "upscaler": "lanczos", "denoise": 0})
    assert (images[0]["w"], images[0]["h"]) == (48, 40) and "Hires resize: 48x40" in images[0]["infotext"]
    with pytest.raises(EngineError) as error:
        make(engine, **SHAPE, hires={"scale": 8})
    assert (error.value.code, error.value.path) == ("bad_params", "p.hires")


def test_a_picture_is_enlarged_without_a_model_having_a_say(engine: Engine, place: Path) -> None:
    name = picture(place, "blue.png")
    made = pixels_of(place, make(engine, **SHAPE, init={"file": name, "denoise": 0},
                                 hires={"scale": 2, "upscaler": "lanczos", "denoise": 0}))[0]  # fmt: skip
    wanted = np.asarray(Image.open(place / name).resize((64, 64), Image.Resampling.LANCZOS))
    assert np.abs(made.astype(int) - wanted).max() <= 1


def test_a_variation_moves_from_one_seed_to_another(engine: Engine, place: Path) -> None:
    own = pixels_of(place, make(engine, **SHAPE))
    other = pixels_of(place, make(engine, **{**SHAPE, "seed": 77}))
    near, far, whole = (
        pixels_of(place, make(engine, **SHAPE, subseed=77, subseed_strength=strength)) for strength in (0.1, 0.8, 1)
    )
    distance = lambda a, b: np.abs(a.astype(float) - b).mean()  # noqa: E731
    assert distance(near, own) < distance(far, own)
    assert distance(whole, other) < 0.5
    text = make(engine, **SHAPE, subseed=77, subseed_strength=0.1)[0]["infotext"]
    assert "Variation seed: 77, Variation seed strength: 0.1" in text


def test_nv_noise_makes_another_picture_and_says_so(engine: Engine, place: Path) -> None:
    images = make(engine, **SHAPE, rng="NV")
    assert "RNG: NV" in images[0]["infotext"]
    assert not np.array_equal(pixels_of(place, images), pixels_of(place, make(engine, **SHAPE)))
    assert np.array_equal(pixels_of(place, images), pixels_of(place, make(engine, **SHAPE, rng="NV")))


def test_an_embedding_is_a_word_with_vectors_of_its_own(engine: Engine, place: Path) -> None:
    model = engine.load_model("base.safetensors", None, lambda: None, "p")
    text = model.texts[0]
    table, tokenizer = text.text_model.embeddings.token_embedding.weight, text.tokenizer
    # The word stands for the very tokens of "blue square", so the picture must be that of those words.
    save_file({"emb_params": table[tokenizer.encode("blue square")].clone()}, place / "word.safetensors")
    embeddings = [{"file": "word.safetensors", "name": "my-word"}]
    images = make(engine, **{**SHAPE, "prompt": "a (My-Word:1.0)"}, embeddings=embeddings)
    wanted = make(engine, **{**SHAPE, "prompt": "a blue square"})
    assert np.array_equal(pixels_of(place, images), pixels_of(place, wanted))
    assert 'TI hashes: "my-word: ' in images[0]["infotext"] and '"embed:my-word"' in images[0]["infotext"]
    unused = make(engine, **{**SHAPE, "prompt": "a blue square"}, embeddings=embeddings)
    assert np.array_equal(pixels_of(place, unused), pixels_of(place, wanted))


@pytest.mark.parametrize(
    ("tensors", "code"),
    [
        ({"emb_params": torch.zeros(2, 768)}, "arch_mismatch"),
        ({"clip_l": torch.zeros(2, 32), "clip_g": torch.zeros(2, 32)}, "arch_mismatch"),
        ({"emb_params": torch.zeros(80, 32)}, "model_invalid"),
        ({"emb_params": torch.full((1, 32), float("nan"))}, "model_invalid"),
    ],
)
def test_an_embedding_that_does_not_fit_is_refused(engine: Engine, place: Path, tensors: dict, code: str) -> None:
    save_file(tensors, place / "bad.safetensors")
    with pytest.raises(EngineError) as error:
        make(engine, **SHAPE, embeddings=[{"file": "bad.safetensors", "name": "x"}])
    assert (error.value.code, error.value.path) == (code, "p.embeddings[0].file")


def test_requests_of_several_people_run_as_one_batch_and_each_is_as_if_alone(engine: Engine, place: Path) -> None:
    batch = [
        {"prompt": "a red circle", "seed": 5},
        {"prompt": "a green square", "seed": 9, "cfg": 2, "negative": "a blue circle"},
        {"prompt": "a blue triangle, " + "very " * 80, "seed": 5},
    ]
    together = make(engine, **SHAPE, batch=batch)
    pixels = pixels_of(place, together)
    for i, one in enumerate(batch):
        alone = make(engine, **{**SHAPE, **one})
        assert np.abs(pixels_of(place, alone)[0].astype(int) - pixels[i]).max() <= 2, i
        assert together[i]["infotext"] == alone[0]["infotext"] and together[i]["seed"] == one["seed"]


def test_batch1_is_bit_equal_to_one_image_alone(engine: Engine, place: Path) -> None:
    many = make(engine, **{**SHAPE, "count": 3, "sampler": "DPM++ SDE", "steps": 6}, determinism="batch1")
    alone = make(engine, **{**SHAPE, "seed": 1002, "sampler": "DPM++ SDE", "steps": 6})
    assert np.array_equal(pixels_of(place, many)[2], pixels_of(place, alone)[0])


@pytest.mark.parametrize("sampler", ["DPM adaptive", "DPM fast", "Restart", "DDIM CFG++", "TCD", "UniPC", "HeunPP2"])
def test_samplers_of_their_own_kind_run_in_the_whole_engine(engine: Engine, place: Path, sampler: str) -> None:
    cfg = 12.5 if sampler == "DDIM CFG++" else 3
    made = pixels_of(place, make(engine, **{**SHAPE, "sampler": sampler, "steps": 25, "cfg": cfg, "count": 2}))
    colours = [colour_of_centre(torch.tensor(row).movedim(2, 0).float() / 127.5 - 1) for row in made]
    assert "red" in colours


def test_a_vae_of_its_own_is_used_and_named(engine: Engine, place: Path) -> None:
    base = load_file(place / "base.safetensors")
    vae = {n.removeprefix("first_stage_model."): v for n, v in base.items() if n.startswith("first_stage_model.")}
    save_file(vae, place / "vae.safetensors")
    same = make(engine, **SHAPE, vae={"file": "vae.safetensors"})
    assert np.array_equal(pixels_of(place, same), pixels_of(place, make(engine, **SHAPE)))
    assert "VAE hash: " in same[0]["infotext"] and "VAE: vae" in same[0]["infotext"]
    save_file(vae | {"decoder.conv_out.bias": vae["decoder.conv_out.bias"] + 1}, place / "vae2.safetensors")
    other = make(engine, **SHAPE, vae={"file": "vae2.safetensors"})
    assert pixels_of(place, other).mean() > pixels_of(place, same).mean()
    shutil.copy(place / "style.safetensors", place / "no-vae.safetensors")
    with pytest.raises(EngineError) as error:
        make(engine, **SHAPE, vae={"file": "no-vae.safetensors"})
    assert error.value.code == "model_invalid"
