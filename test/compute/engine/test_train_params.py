from __future__ import annotations

from typing import Any

import pytest

from tessera_engine.errors import EngineError
from tessera_engine.families import load_family
from tessera_engine.train.params import TrainParams
from tessera_engine.train.read import read_base, read_train


def read(family: str = "sd15", count: int = 20, **changes: Any) -> TrainParams:
    data = {
        "base": {"file": "a/b.safetensors"},
        "dataset": {"items": [{"file": f"{i}.png", "caption": "a"} for i in range(count)]},
    }
    data |= changes
    return read_train(data, read_base(data), load_family(family))


def test_what_is_not_said_is_the_preset_of_the_family() -> None:
    p = read()
    assert (p.resolution, p.batch, p.epochs, p.rank, p.alpha, p.unet_lr, p.te_lr) == (512, 6, 10, 32, 16, 5e-4, 5e-5)
    assert (p.optimizer, p.lr_schedule, p.lr_cycles, p.min_snr_gamma) == ("adamw8bit", "cosine_restarts", 3, 5)
    assert (p.conv_rank, p.clip_skip, p.state_every_s, p.save.keep, p.save.dtype) == (0, 1, 300, 20, "fp16")
    anime = read(preset="anime")
    assert (anime.rank, anime.alpha, anime.te_lr, anime.clip_skip, anime.shuffle_tags, anime.keep_tokens) == (
        16,
        8,
        1e-4,
        2,
        True,
        1,
    )
    assert read(preset="realistic").batch == 2 and read(preset="realistic").rank == 32
    sdxl, pony = read("sdxl"), read("sdxl", preset="pony")
    assert (sdxl.resolution, sdxl.batch, sdxl.optimizer, sdxl.te_lr, sdxl.cache_text) == (1024, 4, "adafactor", 0, True)
    assert (pony.optimizer, pony.unet_lr, pony.weight_decay, pony.cache_text) == ("prodigy", 1, 0.5, False)


def test_repeats_are_chosen_so_that_an_epoch_shows_about_as_many_pictures_whatever_the_dataset() -> None:
    assert [read(count=n).dataset.items[0].repeats for n in (1, 20, 30, 400, 401)] == [400, 20, 14, 1, 1]
    assert read("sdxl", count=30).dataset.items[0].repeats == 7
    assert read(repeats=3).images_per_epoch == 60
    items = [{"file": "a.png", "caption": "", "repeats": 5}, {"file": "b.png", "caption": ""}]
    assert read(repeats=2, dataset={"items": items}).images_per_epoch == 7


def test_steps_follow_from_pictures_batch_and_accumulation() -> None:
    p = read(count=7, repeats=3, batch=2, grad_accum=2, epochs=4)  # ceil(21 / 2 / 2) × 4
    assert (p.steps_per_epoch, p.total_steps) == (6, 24)
    assert read(count=7, repeats=3, batch=2, epochs=4, max_steps=10).total_steps == 10


BAD: list[tuple[dict[str, Any], str]] = [
    ({"dataset": {"items": []}}, "p.dataset.items"),
    ({"dataset": {"items": [{"file": 3}]}}, "p.dataset.items[0].file"),
    ({"dataset": {"items": [{"file": "a", "caption": "x" * 2001}]}}, "p.dataset.items[0].caption"),
    ({"dataset": {"items": [{"file": "a"}], "caption_mode": "poem"}}, "p.dataset.caption_mode"),
    ({"resolution": 500}, "p.resolution"),
    ({"resolution": 4096}, "p.resolution"),
    ({"bucket": {"step": 32}}, "p.bucket.step"),
    ({"bucket": {"min": 768}}, "p.bucket"),
    ({"epochs": 0}, "p.epochs"),
    ({"epochs": 1000}, "p.epochs"),
    ({"max_steps": 10_001}, "p.max_steps"),
    ({"rank": 513}, "p.rank"),
    ({"alpha": 0}, "p.alpha"),
    ({"unet_lr": 0, "te_lr": 0}, "p.unet_lr"),
    ({"unet_lr": float("nan")}, "p.unet_lr"),
    ({"optimizer": "sgd"}, "p.optimizer"),
    ({"lr_warmup": 9999}, "p.lr_warmup"),
    ({"shuffle_tags": True}, "p.shuffle_tags"),
    ({"cache_text": True}, "p.cache_text"),
    ({"caption_dropout": 1.1}, "p.caption_dropout"),
    ({"seed": -1}, "p.seed"),
    ({"name": "../x"}, "p.name"),
    ({"preset": "best"}, "p.preset"),
    ({"samples": {"prompts": ["a"] * 5}}, "p.samples.prompts"),
    ({"samples": {"prompts": ["(" * 40 + "a" + ")" * 40]}}, "p.samples.prompts[0]"),
    ({"samples": {"w": 100}}, "p.samples.w"),
    ({"samples": {"sampler": "Magic"}}, "p.samples.sampler"),
    ({"save": {"keep": 21}}, "p.save.keep"),
    ({"save": {"dtype": "int8"}}, "p.save.dtype"),
    ({"metadata": {"own": {"No Good": "x"}}}, "p.metadata.own"),
    ({"metadata": {"title": 1}}, "p.metadata.title"),
]


@pytest.mark.parametrize(("change", "path"), BAD, ids=[path for _, path in BAD])
def test_a_mistake_is_named_with_its_place(change: dict[str, Any], path: str) -> None:
    with pytest.raises(EngineError) as error:
        read(**change)
    assert error.value.code in ("bad_params", "unsupported") and error.value.path == path


def test_too_many_steps_are_refused_with_their_number() -> None:
    with pytest.raises(EngineError) as error:
        read(count=400, repeats=10, batch=2, epochs=10)
    assert error.value.path == "p.epochs" and error.value.detail == {"steps": 20_000, "max_steps": 10_000}
    assert read(count=400, repeats=10, batch=2, epochs=10, max_steps=10_000).total_steps == 10_000


def test_the_fingerprint_holds_what_changes_the_weights_and_nothing_else() -> None:
    mark = read().fingerprint()
    for change in ({"name": "x"}, {"state_every_s": 5}, {"samples": {"prompts": ["a"]}}, {"save": {"dtype": "fp32"}}):
        assert read(**change).fingerprint() == mark
    for change in ({"seed": 1}, {"rank": 8}, {"epochs": 9}, {"count": 19}, {"unet_lr": 1e-4}):
        assert read(**change).fingerprint() != mark
