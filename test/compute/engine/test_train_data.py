"""Buckets, captions and pictures: what a training sees of a dataset."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from test_train_params import read

from tessera_engine.errors import EngineError
from tessera_engine.roots import Roots
from tessera_engine.train.buckets import cover, list_buckets, pick_bucket, plan_epoch
from tessera_engine.train.captions import count_tags, shuffled, split_tags, with_trigger
from tessera_engine.train.params import BucketRules, Dataset, Item
from tessera_engine.train.pictures import decode, find_pictures, load_pixels

RULES = BucketRules(enable=True, step=64, min=256, max=1024, no_upscale=True)


def test_buckets_are_all_multiples_of_the_step_within_the_area() -> None:
    buckets = list_buckets(512, RULES)
    assert (512, 512) in buckets and (256, 1024) in buckets and (1024, 256) in buckets and (576, 448) in buckets
    for width, height in buckets:
        assert width % 64 == 0 and height % 64 == 0 and width * height <= 512 * 512
        assert min(width, height) >= 256 and max(width, height) <= 1024 and (height, width) in buckets
    assert list_buckets(512, replace(RULES, enable=False)) == [(512, 512)]


def test_a_picture_goes_to_the_bucket_of_its_shape_and_a_small_one_is_not_enlarged() -> None:
    buckets = list_buckets(512, RULES)
    assert pick_bucket((1000, 1000), buckets, 512, RULES) == (512, 512)
    assert pick_bucket((4000, 1000), buckets, 512, RULES) == (1024, 256)
    assert pick_bucket((1000, 4000), buckets, 512, RULES) == (256, 1024)
    assert pick_bucket((1600, 1000), buckets, 512, RULES) == (640, 384)
    assert pick_bucket((400, 300), buckets, 512, RULES) == (384, 256)
    assert pick_bucket((400, 300), buckets, 512, replace(RULES, no_upscale=False)) == (576, 448)
    assert pick_bucket((400, 300), [(512, 512)], 512, replace(RULES, enable=False)) == (512, 512)


def test_a_picture_covers_its_bucket_and_loses_as_much_on_both_sides() -> None:
    assert cover((1000, 800), (512, 512)) == ((640, 512), (64, 0))
    assert cover((500, 1000), (512, 512)) == ((512, 1024), (0, 256))
    assert cover((511, 511), (512, 512)) == ((512, 512), (0, 0))


def test_an_epoch_shows_each_picture_as_often_as_it_repeats_and_no_batch_mixes_buckets() -> None:
    buckets = [(512, 512)] * 5 + [(640, 384)] * 4 + [(384, 640)]
    repeats = [2] * 9 + [3]
    steps = plan_epoch(buckets, repeats, 4, 2, random.Random(1))
    assert len(steps) == -(-21 // 8)
    shown = [item for step in steps for batch in step for item in batch]
    assert sorted(shown) == sorted(i for i, n in enumerate(repeats) for _ in range(n))
    for step in steps[:-1]:
        assert sum(map(len, step)) == 8
    for batch in (batch for step in steps for batch in step):
        assert len(batch) <= 4 and len({buckets[item] for item in batch}) == 1
    assert plan_epoch(buckets, repeats, 4, 2, random.Random(1)) == steps
    assert plan_epoch(buckets, repeats, 4, 2, random.Random(2)) != steps


def dataset(mode: str, trigger: str, *captions: str) -> Dataset:
    return Dataset(tuple(Item(f"{i}.png", c, 1) for i, c in enumerate(captions)), trigger, mode)


@pytest.mark.parametrize(
    ("mode", "caption", "wanted"),
    [
        ("tags", "1girl,  red hair,", "zz, 1girl, red hair"),
        ("tags", "1girl, ZZ, smile", "zz, 1girl, smile"),
        ("tags", "", "zz"),
        ("sentence", "a  cat,\n sleeping", "zz a cat, sleeping"),
        ("sentence", "a cat in Zz style", "a cat in Zz style"),
        ("sentence", "a pizza (fresh:1.2)", "zz a pizza (fresh:1.2)"),
    ],
)
def test_the_trigger_stands_before_the_caption_unless_it_is_there(mode: str, caption: str, wanted: str) -> None:
    assert with_trigger(caption, dataset(mode, "zz")) == wanted


def test_shuffling_keeps_the_first_tags_and_the_trigger_is_one_of_them() -> None:
    data = dataset("tags", "zz", "a, b, c, d, e")
    for keep, fixed in ((0, ["zz"]), (1, ["zz"]), (3, ["zz", "a", "b"])):
        params = replace(read(preset="anime"), dataset=data, keep_tokens=keep)
        orders = {shuffled(with_trigger("a, b, c, d, e", data), params, random.Random(i)) for i in range(20)}
        assert len(orders) > 3
        for order in map(split_tags, orders):
            assert order[: len(fixed)] == fixed and sorted(order) == ["a", "b", "c", "d", "e", "zz"]


def test_tags_are_counted_and_sentences_stay_private() -> None:
    assert count_tags(dataset("tags", "zz", "a, b", "b")) == {"zz": 2, "b": 2, "a": 1}
    assert count_tags(dataset("sentence", "zz", "my secret cat")) == {"zz": 1}
    assert count_tags(dataset("sentence", "", "my secret cat")) == {}


def test_a_picture_is_turned_upright_put_on_white_scaled_and_cropped(tmp_path: Path) -> None:
    image = Image.new("RGBA", (96, 64), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 96, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise: what was above is at the right
    image.save(tmp_path / "a.png", exif=exif)
    (tmp_path / "job").mkdir()
    assert decode(tmp_path / "a.png").size == (64, 96)
    params = read(dataset={"items": [{"file": "a.png"}]}, resolution=256, bucket={"min": 64})
    picture = find_pictures(params, Roots({"job": str(tmp_path)}), lambda: None)[0]
    assert (picture.size, picture.bucket, picture.crop) == ((64, 96), (64, 64), (0, 16))
    pixels = load_pixels(picture)
    assert pixels.shape == (3, 64, 64)
    assert torch.allclose(pixels[:, 32, 8], torch.ones(3)) and torch.allclose(pixels[:, 32, 56], torch.tensor([-1.0, -1.0, 1.0]))


def test_a_file_that_is_no_picture_is_named_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "good.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "bitmap.bmp")
    Image.new("RGB", (8, 64)).save(tmp_path / "thin.png")
    data = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "link.png").symlink_to(tmp_path / "good.png")
    roots = Roots({"job": str(tmp_path)})

    def refusal(name: str) -> EngineError:
        with pytest.raises(EngineError) as error:
            params = read(dataset={"items": [{"file": "good.png"}, {"file": name}]})
            find_pictures(params, roots, lambda: None)
        assert error.value.path == "p.dataset.items[1].file"
        return error.value

    for name, why in (("cut.png", "no whole"), ("text.png", "no whole"), ("bitmap.bmp", "no whole"), ("none.png", "no such"),
                      ("thin.png", "smaller")):  # fmt: skip
        error = refusal(name)
        assert error.code == "dataset_invalid" and error.detail == {"file": name, "index": 1}
        assert error.message.startswith(f"{name}: ") and why in error.message
    assert refusal("link.png").code == refusal("../x.png").code == "bad_params"
    monkeypatch.setattr("tessera_engine.train.pictures.MAX_PIXELS", 64 * 63)
    with pytest.raises(EngineError, match="million pixels"):
        find_pictures(read(dataset={"items": [{"file": "good.png"}]}), roots, lambda: None)
