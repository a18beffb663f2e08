"""SD1.5 and SDXL with their true topology and layout but narrow and random: written in each layout, loaded, run."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest
import torch
from narrow_family import Silent, engine_at, make, narrow, pixels_of, write_checkpoint, write_folder
from PIL import Image
from safetensors.torch import load_file, save_file

from tessera_engine import detect
from tessera_engine.condition import encode_prompts
from tessera_engine.errors import EngineError
from tessera_engine.generate import run_generate
from tessera_engine.job import Job
from tessera_engine.params import read_generate


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
def test_a_single_file_is_loaded_bit_for_bit_and_makes_a_picture(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = narrow(name)
    monkeypatch.setattr(detect, "list_families", lambda _test: [family])
    before = write_checkpoint(family, tmp_path / "base.safetensors")
    engine, wire = engine_at(tmp_path), Silent()

    model = engine.load_model("base.safetensors", None, lambda: None, "p.model.file")

    after = {"unet": model.unet.state_dict(), "vae": model.vae.state_dict()}
    after |= {f"te{i}": text.state_dict() for i, text in enumerate(model.texts)}
    for part, state in before.items():
        assert state.keys() == after[part].keys()
        assert all(torch.equal(value, after[part][key]) for key, value in state.items()), part

    condition = encode_prompts(model, ["a cat", "a dog"], 2, engine.device)
    assert condition.context.shape == (2, 77, family.context_dim)
    assert (condition.pooled is None) == (name == "sd15")

    params = read_generate({"model": {"file": "base.safetensors"}, "prompt": "a (red:1.2) circle", "negative": "bad", "width": 64,
                            "height": 128, "steps": 2, "seed": 1, "count": 2, "sampler": "DPM++ 2M"})  # fmt: skip
    images = run_generate(engine, Job(str(uuid.uuid4()), wire), params)  # type: ignore[arg-type]
    assert [Image.open(tmp_path / image["file"]).size for image in images] == [(64, 128)] * 2


def test_a_checkpoint_that_lacks_a_tensor_is_named_invalid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = narrow("sd15")
    monkeypatch.setattr(detect, "list_families", lambda _test: [family])
    write_checkpoint(family, tmp_path / "base.safetensors", skip="middle_block.1.norm.weight")
    engine = engine_at(tmp_path)
    with pytest.raises(EngineError, match=r"middle_block\.1\.norm\.weight"):
        engine.load_model("base.safetensors", None, lambda: None, "p.model.file")


def test_a_vae_that_overflows_is_decoded_again_in_fp32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = narrow("sd15")
    monkeypatch.setattr(detect, "list_families", lambda _test: [family])
    write_checkpoint(family, tmp_path / "base.safetensors")
    engine, wire = engine_at(tmp_path), Silent()
    model = engine.load_model("base.safetensors", None, lambda: None, "p.model.file")
    # Weights at the top of fp16's range: their sums overflow, as the activations of SDXL's VAE do.
    model.vae.to(torch.float16)
    request = {"model": {"file": "base.safetensors"}, "prompt": "", "width": 64, "height": 64, "steps": 1, "seed": 1}
    model.vae.decoder.conv_out.weight.copy_(torch.full_like(model.vae.decoder.conv_out.weight, 6e4))
    images = run_generate(engine, Job(str(uuid.uuid4()), wire), read_generate(request))  # type: ignore[arg-type]
    assert "nan_retry" in wire.sent and len(images) == 1


def test_a_text_encoder_that_lost_part_of_its_name_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = narrow("sd15")
    monkeypatch.setattr(detect, "list_families", lambda _test: [family])
    before = write_checkpoint(family, tmp_path / "a.safetensors")
    renamed = {n.replace("transformer.text_model.", "transformer."): v for n, v in load_file(tmp_path / "a.safetensors").items()}
    save_file(renamed, tmp_path / "base.safetensors")
    engine = engine_at(tmp_path)
    model = engine.load_model("base.safetensors", None, lambda: None, "p.model.file")
    assert all(torch.equal(value, model.texts[0].state_dict()[key]) for key, value in before["te0"].items())


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_folder_and_a_single_file_are_the_same_model_and_make_the_same_bits(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = narrow(name)
    monkeypatch.setattr(detect, "list_families", lambda _test: [family])
    write_checkpoint(
        family, tmp_path / "base.safetensors", metadata={"modelspec.prediction_type": kind.removesuffix("_prediction")}
    )
    write_folder(family, tmp_path / "folder", old_names=kind == "epsilon", prediction_type=kind)
    engine = engine_at(tmp_path)
    models = [engine.load_model(file, None, lambda: None, "p") for file in ("base.safetensors", "folder")]
    assert [model.prediction.kind for model in models] == [kind, kind]
    for part in ("unet", "vae"):
        one, other = (getattr(model, part).state_dict() for model in models)
        assert all(torch.equal(value, other[key]) for key, value in one.items())
    for one, other in zip(models[0].texts, models[1].texts, strict=True):
        assert all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())
    pictures = [pixels_of(tmp_path, make(engine, model={"file": file})) for file in ("base.safetensors", "folder")]
    assert np.array_equal(*pictures)


def test_the_prediction_type_that_a_file_states_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = narrow("sd15")
    monkeypatch.setattr(detect, "list_families", lambda _test: [family])
    for kind in ("eps", "v"):
        write_checkpoint(family, tmp_path / f"{kind}.safetensors", metadata={"modelspec.prediction_type": kind})
    engine = engine_at(tmp_path)
    one, other = (pixels_of(tmp_path, make(engine, model={"file": f"{kind}.safetensors"})) for kind in ("eps", "v"))
    assert not np.array_equal(one, other)


def test_a_checkpoint_that_is_wrong_has_a_code_that_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = narrow("sd15")
    monkeypatch.setattr(detect, "list_families", lambda _test: [family])
    write_checkpoint(family, tmp_path / "base.safetensors")
    whole = load_file(tmp_path / "base.safetensors")
    unet = "model.diffusion_model."
    changes = {
        "extra": whole | {f"{unet}control.0.weight": torch.zeros(2)},
        "reshaped": whole | {f"{unet}middle_block.0.in_layers.2.weight": torch.zeros(32, 3, 3, 32)},
        "other-family": whole | {f"{unet}input_blocks.0.0.weight": torch.zeros(24, 4, 3, 3)},
        "inpainting": whole | {f"{unet}input_blocks.0.0.weight": torch.zeros(16, 9, 3, 3)},
        "outside": whole | {"model_ema.decay": torch.zeros(1), "alphas_cumprod": torch.zeros(1000)},
    }
    for name, tensors in changes.items():
        save_file(tensors, tmp_path / f"{name}.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "base.safetensors").read_bytes()[:-9])
    (tmp_path / "pickle.safetensors").write_bytes(b"PK\x03\x04 and so on")
    (tmp_path / "empty" / "unet").mkdir(parents=True)
    (tmp_path / "empty" / "model_index.json").write_text("{}")
    (tmp_path / "pickled" / "unet").mkdir(parents=True)
    (tmp_path / "pickled" / "model_index.json").write_text("{}")
    (tmp_path / "pickled" / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04")
    (tmp_path / "no-index").mkdir()
    engine, codes = engine_at(tmp_path), {}
    for name in [*(f"{n}.safetensors" for n in (*changes, "cut", "pickle")), "empty", "pickled", "no-index", "none"]:
        try:
            engine.load_model(name, None, lambda: None, "p.model.file")
            codes[name.removesuffix(".safetensors")] = "loaded"
        except EngineError as error:
            codes[name.removesuffix(".safetensors")] = error.code
    assert codes == {
        "extra": "arch_mismatch", "reshaped": "arch_mismatch", "other-family": "unsupported", "inpainting": "unsupported",
        "outside": "loaded", "cut": "model_invalid", "pickle": "model_unsafe", "empty": "model_invalid",
        "pickled": "model_unsafe", "no-index": "bad_params", "none": "model_not_found",
    }  # fmt: skip
