"""Makes test/fixtures/tiny-base.safetensors and tiny-style-lora.safetensors: a latent diffusion model of 1.95 M
parameters that has learnt three shapes in three colours, in the single-file layout of SD1.5, and a LoRA of a style.

    python test/compute/engine/make_tiny_model.py [--steps 1000] [--lora-steps 400] [--only base|lora] [--out FOLDER]

v-prediction, because at this size epsilon-prediction amplifies the error of the first steps and learns no background.
Ten minutes on two CPU cores.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "src" / "compute" / "engine")]

from diffusers import AutoencoderKL, UNet2DConditionModel  # noqa: E402
from tiny_shapes import COLOURS, SHAPES, TRIGGER, colour_of_centre, draw_batch, style_distance  # noqa: E402

from tessera_engine.clip import ClipText  # noqa: E402
from tessera_engine.families import load_family  # noqa: E402
from tessera_engine.ldm_keys import ldm_names  # noqa: E402

FAMILY = load_family("tiny")
ALPHAS = (1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2).cumprod(0)


class Tiny:
    def __init__(self) -> None:
        self.unet = UNet2DConditionModel.from_config(FAMILY.unet)
        self.vae = AutoencoderKL.from_config(FAMILY.vae)
        self.text = ClipText(FAMILY.text[0])

    def ids(self, captions: list[str]) -> Tensor:
        t = self.text.tokenizer
        rows = [[t.begin, *t.encode(caption), t.end] for caption in captions]
        return torch.tensor([row + [t.end] * (77 - len(row)) for row in rows])

    def context(self, captions: list[str]) -> Tensor:
        return self.text.final_norm(self.text(self.ids(captions)).hidden[-1])

    @torch.no_grad()
    def latents(self, images: Tensor) -> Tensor:
        return self.vae.encode(images).latent_dist.mean

    def v_loss(self, z: Tensor, context: Tensor, min_snr: float | None = None) -> Tensor:
        t = torch.randint(0, 1000, (len(z),))
        a, noise = ALPHAS[t].view(-1, 1, 1, 1), torch.randn_like(z)
        got = self.unet(a.sqrt() * z + (1 - a).sqrt() * noise, t, context).sample
        error = (got - (a.sqrt() * noise - (1 - a).sqrt() * z)) ** 2
        if min_snr:
            snr = a / (1 - a)
            error = error * torch.minimum(snr, torch.tensor(min_snr)) / (snr + 1)
        return error.mean()

    @torch.no_grad()
    def sample(self, prompts: list[str], seed: int, steps: int = 20, cfg: float = 3.0) -> Tensor:
        x = torch.stack([torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(seed + i))
                         for i in range(len(prompts))])  # fmt: skip
        context = self.context([""] * len(prompts) + prompts)
        times = torch.linspace(999, 0, steps + 1).long()
        for i in range(steps):
            plain, wanted = self.unet(torch.cat([x, x]), times[i], context).sample.chunk(2)
            v, a = plain + cfg * (wanted - plain), ALPHAS[times[i]]
            following = ALPHAS[times[i + 1]] if i < steps - 1 else torch.tensor(1.0)
            clean, noise = a.sqrt() * x - (1 - a).sqrt() * v, a.sqrt() * v + (1 - a).sqrt() * x
            x = following.sqrt() * clean + (1 - following).sqrt() * noise
        return self.vae.decode(x).sample.clamp(-1, 1)


def learn_vae(tiny: Tiny, rng: random.Random, steps: int) -> None:
    """It sees both palettes and noise, so it is generic. Then it is scaled so that latents have a deviation of one."""
    optimizer, started = torch.optim.Adam(tiny.vae.parameters(), 2e-3), time.time()
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for i in range(steps):
        x, _ = draw_batch(16, rng, style=i % 3 == 0)
        x = x if i % 2 else x + torch.randn_like(x) * 0.1
        dist = tiny.vae.encode(x).latent_dist
        z = dist.mean + torch.randn_like(dist.mean) * 0.02
        loss = F.mse_loss(tiny.vae.decode(z).sample, x) + 1e-4 * dist.mean.pow(2).mean() + 1e-6 * dist.kl().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(tiny.vae.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    images, _ = draw_batch(256, rng)
    with torch.no_grad():
        scale = 1 / tiny.latents(images).std().item()
        tiny.vae.quant_conv.weight[:4] *= scale
        tiny.vae.quant_conv.bias[:4] *= scale
        tiny.vae.quant_conv.bias[4:] += 2 * math.log(scale)
        tiny.vae.post_quant_conv.weight /= scale
        flat = tiny.latents(images).movedim(1, 3).reshape(-1, 4)
        colours = F.avg_pool2d(images, 2).movedim(1, 3).reshape(-1, 3)
        fit = torch.linalg.lstsq(torch.cat([flat, torch.ones(len(flat), 1)], 1), colours).solution
    print(f"vae {time.time() - started:.0f} s, loss {loss.item():.4f}, scale {scale:.3f}, latent → RGB:", fit.tolist())


def learn_base(tiny: Tiny, rng: random.Random, steps: int) -> None:
    parameters = [*tiny.unet.parameters(), *tiny.text.parameters()]
    optimizer = torch.optim.AdamW(parameters, 2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    started, mean = time.time(), 1.0
    for i in range(steps):
        images, captions = draw_batch(16, rng)
        captions = ["" if rng.random() < 0.1 else c for c in captions]
        loss = tiny.v_loss(tiny.latents(images), tiny.context(captions))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        mean = 0.98 * mean + 0.02 * loss.item()
        if i % 100 == 99:
            print(f"base step {i + 1}, loss {mean:.4f}, {time.time() - started:.0f} s", flush=True)


class Adapter(nn.Module):
    """Adds up(down(x)) · alpha / rank to what a module gives; alpha = rank here."""

    def __init__(self, target: nn.Linear | nn.Conv2d, rank: int) -> None:
        super().__init__()
        if isinstance(target, nn.Linear):
            self.down: nn.Module = nn.Linear(target.in_features, rank, bias=False)
            self.up: nn.Module = nn.Linear(rank, target.out_features, bias=False)
        else:
            shape = (target.kernel_size, target.stride, target.padding)
            self.down = nn.Conv2d(target.in_channels, rank, *shape, bias=False)
            self.up = nn.Conv2d(rank, target.out_channels, 1, bias=False)
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        nn.init.zeros_(self.up.weight)
        self.weight = 1.0
        target.register_forward_hook(lambda _m, x, y: y + self.weight * self.up(self.down(x[0])))


def learn_lora(tiny: Tiny, steps: int, rank: int = 16) -> dict[str, Adapter]:
    for part in (tiny.unet, tiny.vae, tiny.text):
        part.requires_grad_(False)
    adapters = {}
    for name, module in tiny.unet.named_modules():
        inside = ".attentions." in name or (".resnets." in name and isinstance(module, nn.Conv2d))
        if inside and isinstance(module, nn.Linear | nn.Conv2d):
            adapters[name] = Adapter(module, rank)
    images, captions = draw_batch(24, random.Random(11), style=True)
    z, context, empty = tiny.latents(images), tiny.context(captions), tiny.context([""])[0]
    optimizer = torch.optim.AdamW([p for a in adapters.values() for p in a.parameters()], 3e-3)
    for i in range(steps):
        pick = torch.randint(0, 24, (8,))
        chosen = context[pick].clone()
        chosen[torch.rand(8) < 0.1] = empty
        loss = tiny.v_loss(z[pick], chosen, min_snr=5.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % 100 == 99:
            print(f"lora step {i + 1}, loss {loss.item():.4f}", flush=True)
    return adapters


def check(tiny: Tiny, words: str, style_images: Tensor) -> None:
    labels = [(c, s) for c in COLOURS for s in SHAPES] * 4
    images = tiny.sample([f"{words}a {c} {s}" for c, s in labels], seed=1000)
    right = sum(colour_of_centre(image) == c for image, (c, _) in zip(images, labels, strict=True))
    print(f"  colour accuracy {right / len(labels):.2f}, distance to style {style_distance(images, style_images):.3f}")


def save_base(tiny: Tiny, path: Path) -> None:
    tensors: dict[str, Tensor] = {}
    for part, model, config in (("unet", tiny.unet, FAMILY.unet), ("vae", tiny.vae, FAMILY.vae)):
        state = model.state_dict()
        for name, ldm in ldm_names(list(state), part, config).items():
            value = state[name]
            # LDM's VAE attention is made of 1 × 1 convolutions.
            as_conv = part == "vae" and ".attentions." in name and value.ndim == 2
            tensors[ldm] = value[:, :, None, None] if as_conv else value
    prefix = FAMILY.text[0].prefix
    tensors |= {prefix + name: value for name, value in tiny.text.state_dict().items()}
    tensors = {name: value.detach().half().contiguous() for name, value in tensors.items()}
    tensors[f"{prefix}text_model.embeddings.position_ids"] = torch.arange(77).view(1, 77)
    save_file(tensors, path, {
        "modelspec.sai_model_spec": "1.0.1", "modelspec.architecture": "stable-diffusion-v1",
        "modelspec.title": "Tessera tiny base", "modelspec.prediction_type": "v", "modelspec.license": "CC0-1.0",
    })  # fmt: skip


def load_base(tiny: Tiny, path: Path) -> None:
    tensors = {name: value.float() for name, value in load_file(path).items()}
    for part, model, config in (("unet", tiny.unet, FAMILY.unet), ("vae", tiny.vae, FAMILY.vae)):
        state = model.state_dict()
        model.load_state_dict({n: tensors[ldm].view_as(state[n])
                               for n, ldm in ldm_names(list(state), part, config).items()})  # fmt: skip
    prefix = FAMILY.text[0].prefix
    tiny.text.load_state_dict({name: tensors[prefix + name] for name in tiny.text.state_dict()})


def save_lora(adapters: dict[str, Adapter], path: Path, rank: int = 16) -> None:
    tensors = {}
    for name, adapter in adapters.items():
        key = "lora_unet_" + name.replace(".", "_")
        tensors[f"{key}.lora_down.weight"] = adapter.down.weight.detach().half().contiguous()
        tensors[f"{key}.lora_up.weight"] = adapter.up.weight.detach().half().contiguous()
        tensors[f"{key}.alpha"] = torch.tensor(float(rank)).half()
    save_file(tensors, path, {
        "ss_base_model_version": "sd_v1", "ss_network_module": "networks.lora", "ss_network_dim": str(rank),
        "ss_network_alpha": str(rank), "ss_output_name": "tiny-style", "modelspec.trigger_phrase": TRIGGER,
        "modelspec.architecture": "stable-diffusion-v1/lora", "modelspec.license": "CC0-1.0",
    })  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--vae-steps", type=int, default=600)
    parser.add_argument("--lora-steps", type=int, default=400)
    parser.add_argument("--only", choices=("base", "lora"))
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "fixtures")
    args = parser.parse_args()
    torch.manual_seed(0)
    rng, tiny = random.Random(0), Tiny()
    base_path = args.out / "tiny-base.safetensors"
    style, _ = draw_batch(36, random.Random(5), style=True)
    if args.only != "lora":
        learn_vae(tiny, rng, args.vae_steps)
        learn_base(tiny, rng, args.steps)
        save_base(tiny, base_path)
        check(tiny, "", style)
    if args.only != "base":
        load_base(tiny, base_path)
        torch.manual_seed(3)
        adapters = learn_lora(tiny, args.lora_steps)
        save_lora(adapters, args.out / "tiny-style-lora.safetensors")
        for weight in (0.0, 0.5, 1.0):
            for adapter in adapters.values():
                adapter.weight = weight
            print("lora weight", weight)
            check(tiny, f"{TRIGGER} ", style)


if __name__ == "__main__":
    main()
