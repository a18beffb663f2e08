from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from engine_client import FIXTURES
from safetensors.torch import load_file, save_file
from torch import Tensor

from tessera_engine.device import pick_device
from tessera_engine.errors import EngineError
from tessera_engine.families import load_family
from tessera_engine.ldm_keys import unet_blocks, unet_module_to_ldm
from tessera_engine.load import Model, load_model
from tessera_engine.lora_file import read_lora
from tessera_engine.lora_merge import LoraUse

MODULE = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
TEXT = "text_model.encoder.layers.0.self_attn.q_proj"
STYLE = FIXTURES / "tiny-style-lora.safetensors"


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    yield load_model(FIXTURES / "tiny-base.safetensors", pick_device(), True, lambda: None, None)


def state(model: Model) -> dict[str, Tensor]:
    parts = {"unet": model.unet, "te": model.texts[0]}
    return {f"{n}.{k}": v.clone() for n, part in parts.items() for k, v in part.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[k], b[k]) for k in a)


def merge(model: Model, path: Path, unet: float, te: float = 0.0) -> None:
    use = LoraUse(str(path), unet, te)
    model.loras.merge((use,), lambda u: read_lora(path, model.loras.targets, "p.loras[0].file"))


def factors(seed: int = 0, rank: int = 4, outputs: int = 64, inputs: int = 32) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(rank, inputs, generator=g), torch.randn(outputs, rank, generator=g)


def test_a_stack_is_merged_by_the_formula_and_taken_out_without_a_trace(model: Model, tmp_path: Path) -> None:
    before = state(model)
    down, up = factors()
    stem = "lora_unet_" + MODULE.replace(".", "_")
    save_file(
        {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up, f"{stem}.alpha": torch.tensor(2.0)}, tmp_path / "l"
    )
    merge(model, tmp_path / "l", 0.8)
    got = model.unet.get_submodule(MODULE).weight
    assert torch.allclose(got, before[f"unet.{MODULE}.weight"] + 0.8 * (2.0 / 4) * up @ down, atol=1e-5)
    for weight in (1.0, -3.7, 1e-3):
        merge(model, STYLE, weight)
        assert not same(before, state(model))
    model.loras.restore()
    assert same(before, state(model))


def test_weight_zero_changes_no_bit(model: Model) -> None:
    before = state(model)
    merge(model, STYLE, 0.0)
    assert same(before, state(model))


def test_unet_and_text_encoder_have_their_own_weights(model: Model, tmp_path: Path) -> None:
    before = state(model)
    tensors = {}
    for stem, inputs in (("lora_unet_" + MODULE.replace(".", "_"), 32), ("lora_te_" + TEXT.replace(".", "_"), 32)):
        down, up = factors(outputs=64 if "unet" in stem else 32, inputs=inputs)
        tensors |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}
    save_file(tensors, tmp_path / "l")
    merge(model, tmp_path / "l", unet=0.0, te=1.0)
    after = state(model)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {f"te.{TEXT}.weight"}
    model.loras.restore()


def test_every_common_naming_means_the_same(model: Model, tmp_path: Path) -> None:
    before = state(model)
    ldm = unet_module_to_ldm(MODULE, unet_blocks(load_family("tiny").unet))
    down, up = factors()
    flat = MODULE.replace(".", "_")
    processor = MODULE.replace(".attn2.to_k", ".attn2.processor.to_k")
    namings = {
        "kohya": (f"lora_unet_{flat}.lora_down.weight", f"lora_unet_{flat}.lora_up.weight"),
        "kohya with sgm names": (f"lora_unet_{str(ldm).replace('.', '_')}.lora_down.weight",
                                 f"lora_unet_{str(ldm).replace('.', '_')}.lora_up.weight"),
        "PEFT": (f"unet.{MODULE}.lora_A.weight", f"unet.{MODULE}.lora_B.weight"),
        "PEFT, wrapped": (f"base_model.model.{MODULE}.lora_A.default.weight", f"base_model.model.{MODULE}.lora_B.default.weight"),
        "old diffusers": (f"unet.{processor}_lora.down.weight", f"unet.{processor}_lora.up.weight"),
        "older diffusers": (f"unet.{MODULE}.lora.down.weight", f"unet.{MODULE}.lora.up.weight"),
        "generic": (f"diffusion_model.{ldm}.lora_A.weight", f"diffusion_model.{ldm}.lora_B.weight"),
    }  # fmt: skip
    wanted = before[f"unet.{MODULE}.weight"] + up @ down
    for naming, (a, b) in namings.items():
        save_file({a: down, b: up}, tmp_path / naming)
        merge(model, tmp_path / naming, 1.0)
        assert torch.allclose(model.unet.get_submodule(MODULE).weight, wanted, atol=1e-5), naming
    model.loras.restore()
    assert same(before, state(model))


def test_convolutions_are_merged_with_and_without_a_middle_factor(model: Model, tmp_path: Path) -> None:
    name = "down_blocks.0.resnets.0.conv1"
    stem = "lora_unet_" + name.replace(".", "_")
    before = model.unet.get_submodule(name).weight.clone()
    g = torch.Generator().manual_seed(1)
    up = torch.randn(32, 4, 1, 1, generator=g)
    down = torch.randn(4, 32, 3, 3, generator=g)
    save_file({f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}, tmp_path / "locon")
    merge(model, tmp_path / "locon", 1.0)
    wanted = before + torch.einsum("or,rihw->oihw", up[:, :, 0, 0], down)
    assert torch.allclose(model.unet.get_submodule(name).weight, wanted, atol=1e-5)
    thin, mid = torch.randn(4, 32, 1, 1, generator=g), torch.randn(4, 4, 3, 3, generator=g)
    tensors = {f"{stem}.lora_down.weight": thin, f"{stem}.lora_mid.weight": mid, f"{stem}.lora_up.weight": up}
    save_file(tensors, tmp_path / "mid")
    merge(model, tmp_path / "mid", 1.0)
    x = torch.randn(1, 32, 8, 8, generator=g)
    conv = torch.nn.functional.conv2d
    wanted_y = conv(conv(conv(x, thin), mid, padding=1), up)
    got_y = conv(x, model.unet.get_submodule(name).weight - before, padding=1)
    assert torch.allclose(got_y, wanted_y, atol=1e-2, rtol=1e-3)
    model.loras.restore()


def refusal(path: Path, model: Model) -> str:
    before = state(model)
    with pytest.raises(EngineError) as error:
        merge(model, path, 1.0)
    assert same(before, state(model)), "a file that is refused changes nothing"
    return error.value.code


def test_files_that_do_not_fit_are_refused(model: Model, tmp_path: Path) -> None:
    stem = "lora_unet_" + MODULE.replace(".", "_")
    down, up = factors()

    def save(name: str, tensors: dict[str, Tensor]) -> Path:
        save_file({k: v.clone() for k, v in tensors.items()}, tmp_path / name)
        return tmp_path / name

    other = {f"lora_unet_other_{i}.{k}": v for i in range(9) for k, v in (("lora_down.weight", down), ("lora_up.weight", up))}
    mine = {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}
    assert refusal(save("strangers", {**mine, **other}), model) == "lora_mismatch"
    assert refusal(save("wide", {**mine, f"{stem}.lora_down.weight": torch.ones(4, 768)}), model) == "lora_mismatch"
    big = {f"{stem}.lora_down.weight": torch.ones(513, 32), f"{stem}.lora_up.weight": torch.ones(64, 513)}
    assert refusal(save("rank", big), model) == "lora_mismatch"
    assert refusal(save("nan", {**mine, f"{stem}.lora_up.weight": up * float("nan")}), model) == "model_invalid"
    assert refusal(save("none", {"x": torch.ones(1)}), model) == "lora_mismatch"
    for ending in ("hada_w1_a", "lokr_w1", "dora_scale"):
        assert refusal(save(ending, {f"{stem}.{ending}": torch.ones(1)}), model) == "unsupported"


def test_sd15_and_sdxl_have_as_many_attention_modules_as_kohya_writes() -> None:
    """192 + 72 for SD1.5, 722 + 264 for SDXL: linear layers and 1 × 1 convolutions inside the transformers."""
    from diffusers import UNet2DConditionModel

    from tessera_engine.clip import ClipText
    from tessera_engine.lora_file import find_targets

    for name, unet_count, text_count in (("sd15", 192, 72), ("sdxl", 722, 264)):
        family = load_family(name)
        with torch.device("meta"):
            unet, texts = UNet2DConditionModel.from_config(family.unet), [ClipText(c) for c in family.text]
        targets = find_targets(family, unet, list(texts))
        inside = {(t.part, t.module) for t in targets.values() if t.part == "unet" and ".attentions." in t.module}
        texts_inside = {(t.part, t.module) for t in targets.values() if t.part != "unet" and ".layers." in t.module}
        assert (len(inside), len(texts_inside)) == (unet_count, text_count)
        assert f"lora_unet_{'input_blocks_4_1' if name == 'sdxl' else 'down_blocks_1_attentions_0'}_proj_in" in targets


def test_the_style_fixture_is_read_whole(model: Model) -> None:
    found = read_lora(STYLE, model.loras.targets, "p")
    assert not found.skipped
    assert len(found.factors) * 3 == len(load_file(STYLE))
