from __future__ import annotations

import random
import time

import pytest

from tessera_engine.errors import EngineError
from tessera_engine.prompt import chunk_prompt, find_unsupported, parse_prompt, strip_tags
from tessera_engine.tokenizer import load_tokenizer


def weights(prompt: str) -> list[tuple[str, float]]:
    return [("BREAK" if p.ends_chunk else p.text, round(p.weight, 4)) for p in parse_prompt(prompt)]


# The cases that A1111 documents beside its own parser (modules/prompt_parser.py), as facts about the grammar.
@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("normal text", [("normal text", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        ("[less]", [("less", 0.9091)]),
        ("(a:1.3) b", [("a", 1.3), (" b", 1.0)]),
        ("(a:.5)", [("a", 0.5)]),
        ("((twice))", [("twice", 1.21)]),
        ("(a (b:2) c:0.5)", [("a ", 0.5), ("b", 1.0), (" c", 0.5)]),
        ("a) b]", [("a) b]", 1.0)]),
        ("ratio 3:4", [("ratio 3:4", 1.0)]),
        ("a BREAK b", [("a ", 1.0), ("BREAK", 1.0), (" b", 1.0)]),
        ("BREAKFAST", [("BREAKFAST", 1.0)]),
        ("", []),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [("a ", 1.0), ("house", 1.573), (" ", 1.1), ("on", 1.0), (" a ", 1.1), ("hill", 0.55), (", sun, ", 1.1),
             ("sky", 1.4641), (".", 1.1)],
        ),
    ],
)  # fmt: skip
def test_the_grammar(prompt: str, wanted: list[tuple[str, float]]) -> None:
    assert weights(prompt) == wanted


def test_lora_tags_are_stripped_and_nothing_else() -> None:
    assert strip_tags("a <lora:x:0.8> cat <lora:y:1:0.5> <3") == "a  cat  <3"


def test_what_is_not_supported_yet_is_named() -> None:
    assert find_unsupported("a [cat:dog:0.5]") and find_unsupported("a AND b")
    assert not find_unsupported("a (cat:1.2), [dog] and BAND")


def test_brackets_nest_only_so_deep_and_prompts_are_only_so_long() -> None:
    for prompt in ("(" * 33, "x" * 10_001):
        with pytest.raises(EngineError, match="at most"):
            parse_prompt(prompt)


def test_any_text_is_parsed_in_linear_time() -> None:
    rng = random.Random(3)
    for _ in range(300):
        prompt = "".join(rng.choice("()[]:\\.15 a,<lora>BREAK") for _ in range(200))
        try:
            assert all(p.weight == p.weight for p in parse_prompt(prompt))
        except EngineError as error:
            assert error.code == "bad_params"
    started = time.perf_counter()
    for prompt in (":" * 10_000, "(:1" * 30 + ")" * 9000, "[a:" * 31, "\\(" * 5000, "(a:1" + "1" * 9000):
        parse_prompt(prompt)
        find_unsupported(prompt)
    assert time.perf_counter() - started < 1


def test_a_chunk_has_75_tokens_and_is_cut_back_to_a_near_comma() -> None:
    tokenizer = load_tokenizer(48894)
    assert [len(c.ids) for c in chunk_prompt("", tokenizer)] == [0]
    assert [len(c.ids) for c in chunk_prompt("cat " * 80, tokenizer)] == [75, 5]
    near = "cat " * 60 + ", " + "dog " * 20
    assert [len(c.ids) for c in chunk_prompt(near, tokenizer)] == [61, 20]
    far = "cat " * 40 + ", " + "dog " * 40
    assert [len(c.ids) for c in chunk_prompt(far, tokenizer)] == [75, 6]
    assert [len(c.ids) for c in chunk_prompt("cat BREAK dog", tokenizer)] == [1, 1]


def test_each_token_has_the_weight_of_its_text() -> None:
    chunk = chunk_prompt("cat (dog:1.5)", load_tokenizer(48894))[0]
    assert chunk.weights == [1.0, 1.5]
