"""Small pictures of a job in progress, straight from the latents."""

from __future__ import annotations

import base64
import io

import torch
from PIL import Image
from torch import Tensor

from .families import Family

MAX_BYTES = 48 * 1024


def render_preview(latents: Tensor, family: Family, max_px: int) -> str:
    """Base64 of a WebP of at most 48 KiB. latents: [channels, height, width], scaled as the UNet sees them."""
    factors = torch.tensor(family.latent_rgb["factors"])
    bias = torch.tensor(family.latent_rgb["bias"])
    rgb = torch.einsum("chw,cr->hwr", latents.detach().float().cpu(), factors) + bias
    pixels = ((torch.nan_to_num(rgb).clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    image = Image.fromarray(pixels)
    scale = min(family.vae_scale, max_px / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.BILINEAR)
    for quality in (75, 50, 25, 5):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=quality)
        if buffer.tell() <= MAX_BYTES:
            break
    else:
        image.thumbnail((128, 128))
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=25)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
