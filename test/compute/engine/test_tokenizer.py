from __future__ import annotations

import random

import pytest

from tessera_engine.tokenizer import load_tokenizer


def test_the_vocabulary_is_that_of_clip() -> None:
    tokenizer = load_tokenizer(48894)
    assert (tokenizer.size, tokenizer.begin, tokenizer.end) == (49408, 49406, 49407)


# Ids as CLIP's own tokenizer gives them; widely printed examples.
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("a photo of a dog", [320, 1125, 539, 320, 1929]),
        ("A  Photo of\na CAT ", [320, 1125, 539, 320, 2368]),
        ("hello world!", [3306, 1002, 256]),
        ("it's", [585, 568]),
        ("2024", [273, 271, 273, 275]),
    ],
)
def test_known_ids(text: str, ids: list[int]) -> None:
    assert load_tokenizer(48894).encode(text) == ids


def test_any_text_is_encoded_and_comes_back() -> None:
    rng = random.Random(4)
    tokenizer = load_tokenizer(48894)
    names = {i: s for s, i in tokenizer.ids.items()}
    from tessera_engine.tokenizer import byte_symbols

    back = {s: b for b, s in byte_symbols().items()}
    for _ in range(300):
        text = "".join(chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x100, 0x2FFF), 0x1F600))) for _ in range(30))
        ids = tokenizer.encode(text)
        assert all(0 <= i < tokenizer.begin for i in ids)
    joined = "".join(names[i] for i in tokenizer.encode("Grüße 日本 😀")).replace("</w>", " ")
    assert bytes(back[c] if c != " " else 32 for c in joined).decode() == "grüße 日本 😀 "


def test_the_tiny_family_uses_the_first_thousand_merges_of_the_same_file() -> None:
    tiny = load_tokenizer(1000)
    assert tiny.size == 512 + 1000 + 2
    assert max(tiny.encode("a red circle, a blue square, zzstyle")) < tiny.begin
