"""Figures of the engine, one JSON object a line: {"name", "value", "unit"}. Started by engine.ts.

`ratio` sets our loop against a bare one of diffusers, in turn, with the same weights, prompts, steps and guidance.
Weights are random: work, memory and kernels are those of a true model. On a CPU the network is SD1.5 at half its width;
with --gpu SD1.5 and SDXL are whole, and their share of what the card does on matrices is told too.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TESTS = ROOT / "test" / "compute" / "engine"
sys.path[:0] = [str(ROOT / "src" / "compute" / "engine"), str(TESTS), str(TESTS / "generation")]

from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel  # noqa: E402
from narrow_family import Silent, write_checkpoint  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from tessera_engine import detect  # noqa: E402
from tessera_engine.clip import ClipText  # noqa: E402
from tessera_engine.detect import Prediction  # noqa: E402
from tessera_engine.doctor import measure_tflops  # noqa: E402
from tessera_engine.engine import Engine  # noqa: E402
from tessera_engine.families import Family, load_family  # noqa: E402
from tessera_engine.generate import run_generate  # noqa: E402
from tessera_engine.job import Job  # noqa: E402
from tessera_engine.load import Model, count_bytes  # noqa: E402
from tessera_engine.lora_file import find_targets  # noqa: E402
from tessera_engine.lora_merge import LoraStack  # noqa: E402
from tessera_engine.params import read_generate  # noqa: E402
from tessera_engine.pictures.guided import encode_pair  # noqa: E402

GPU = "--gpu" in sys.argv
ROUNDS = 6
#: 10¹² operations of one evaluation of one sample at the family's own size.
WORK = {"sd15": 0.68, "sdxl": 5.98}


def tell(name: str, value: float, unit: str = "") -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit}), flush=True)


def half_width() -> Family:
    true = load_family("sd15")
    unet = {**true.unet, "block_out_channels": [160, 320, 640, 640]}
    vae = {**true.vae, "block_out_channels": [32, 64, 64, 64]}
    text = (replace(true.text[0], vocab_merges=1000, layers=2),)
    return replace(true, unet=unet, vae=vae, text=text)


class Given(Engine):
    """An engine whose only model is there already."""

    def __init__(self, family: Family) -> None:
        super().__init__()
        place, dtype = self.device.torch, self.device.dtype
        torch.manual_seed(0)
        with torch.device(place):
            unet = UNet2DConditionModel.from_config(family.unet).to(dtype).requires_grad_(False).eval()
            vae = AutoencoderKL.from_config(family.vae).to(self.device.vae_dtype).requires_grad_(False).eval()
            texts = [ClipText(config).to(dtype).requires_grad_(False).eval() for config in family.text]
        if self.device.is_cuda:
            unet.to(memory_format=torch.channels_last)
        stack = LoraStack(find_targets(family, unet, list(texts)))
        self.model = Model(
            family, Prediction("epsilon", False), "0" * 64, unet, vae, texts, stack, count_bytes(unet, vae, *texts)
        )

    def load_model(self, *_args: Any) -> Model:
        return self.model


def wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def ours(engine: Given, folder: str, size: int, steps: int, count: int) -> float:
    """Seconds of the denoising loop, as a job runs it: progress, previews, cancel flag and all."""
    engine.configure({"roots": {root: folder for root in ("models", "loras", "job")}, "max_batch": count})
    request = {"model": {"file": "x"}, "prompt": "a cat", "negative": "bad", "width": size, "height": size, "steps": steps,
               "seed": 1, "count": count, "sampler": "Euler"}  # fmt: skip
    timings: dict[str, float] = {}
    run_generate(engine, Job(str(uuid.uuid4()), Silent()), read_generate(request), timings)  # type: ignore[arg-type]
    return timings["denoise"]


@torch.no_grad()
def bare(engine: Given, size: int, steps: int, count: int) -> float:
    """The same loop in diffusers' own words."""
    model, device = engine.model, engine.device
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace"
    )
    scheduler.set_timesteps(steps, device=device.torch)
    plain, wanted = encode_pair(model, "bad", "a cat", 1, device, None)
    context = torch.cat([plain.context.expand(count, -1, -1), wanted.context.expand(count, -1, -1)]).to(device.dtype)
    extra = None
    if wanted.pooled is not None and plain.pooled is not None:
        pooled = torch.cat([plain.pooled.expand(count, -1), wanted.pooled.expand(count, -1)]).to(device.dtype)
        ids = torch.tensor([[size, size, 0, 0, size, size]], device=device.torch).expand(2 * count, -1)
        extra = {"text_embeds": pooled, "time_ids": ids}
    side = size // model.family.vae_scale
    x = torch.randn(count, 4, side, side, device=device.torch) * scheduler.init_noise_sigma
    wait()
    started = time.perf_counter()
    for t in scheduler.timesteps:
        twice = scheduler.scale_model_input(torch.cat([x, x]), t).to(device.dtype)
        output = model.unet(twice, t, encoder_hidden_states=context, added_cond_kwargs=extra).sample.float()
        without, with_prompt = output.chunk(2)
        x = scheduler.step(without + 7.0 * (with_prompt - without), t, x).prev_sample
    wait()
    return time.perf_counter() - started


def compare(family: Family, size: int, steps: int, count: int, label: str) -> None:
    engine = Given(family)
    with tempfile.TemporaryDirectory() as folder:
        for run in (ours(engine, folder, size, 2, count), bare(engine, size, 2, count)):
            assert run > 0  # warm by now
        times: dict[Callable[..., float], list[float]] = {ours: [], bare: []}
        for i in range(ROUNDS):
            for loop in (ours, bare) if i % 2 else (bare, ours):
                args = (engine, folder, size, steps, count) if loop is ours else (engine, size, steps, count)
                times[loop].append(loop(*args))
    # The best of the rounds: whatever else the machine does can only slow a loop down.
    our_s, bare_s = min(times[ours]), min(times[bare])
    tell(f"engine-it-per-s{label}", steps * count / our_s, "it/s")
    tell(f"engine-ratio{label}", bare_s / our_s)
    if torch.cuda.is_available():
        done = steps * count * 2 * WORK[family.name] / our_s
        tell(f"engine-roofline{label}", done / measure_tflops(engine.device))


def ratio() -> None:
    if not GPU:
        compare(half_width(), 128, 6, 1, "")
        return
    compare(load_family("sd15"), 512, 20, 1, "-sd15-batch1")
    compare(load_family("sd15"), 512, 20, 8, "-sd15-batch8")
    compare(load_family("sdxl"), 1024, 20, 1, "-sdxl-batch1")
    compare(load_family("sdxl"), 1024, 20, 8, "-sdxl-batch8")


def load() -> None:
    """A checkpoint in 16 bits, read from the page cache into memory, or on to the GPU."""
    family = load_family("sd15") if GPU else half_width()
    detect.list_families = lambda _test: [family]  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base.safetensors"
        write_checkpoint(family, path)
        save_file({n: v.half() for n, v in load_file(path).items()}, path)
        times = []
        for _ in range(4):
            engine = Engine()
            engine.configure({"roots": {root: folder for root in ("models", "loras", "job")}})
            started = time.perf_counter()
            engine.load_model("base.safetensors", None, lambda: None, "p")
            wait()
            times.append(time.perf_counter() - started)
        tell("model-load-first-gbps", path.stat().st_size / times[0] / 1e9, "GB/s")
        # Without the hash, which a process takes once for each file.
        tell("model-load-gbps", path.stat().st_size / statistics.median(times[1:]) / 1e9, "GB/s")


BENCHES: dict[str, Callable[[], None]] = {"ratio": ratio, "load": load}

if __name__ == "__main__":
    BENCHES[sys.argv[1]]()
