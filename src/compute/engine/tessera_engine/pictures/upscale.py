"""Enlarging: in latents, with Lanczos' filter, or with a network in tiles."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .esrgan import RrdbNet
from .source import to_image, to_tensor

#: Pixels of a tile's side before it is enlarged, and how far a tile looks beyond its share.
TILE, MARGIN = 192, 16


def upscale_latents(latents: Tensor, height: int, width: int) -> Tensor:
    """A1111's "Latent": bilinear."""
    return F.interpolate(latents, size=(height, width), mode="bilinear", align_corners=False)


def upscale_lanczos(pixels: Tensor, width: int, height: int) -> Tensor:
    """[n, 3, h, w] in -1..1 → [n, 3, height, width]"""
    rows = [to_tensor(to_image(row).resize((width, height), Image.Resampling.LANCZOS)) for row in pixels]
    return torch.stack(rows).to(pixels.device)


@torch.no_grad()
def upscale_with_network(pixels: Tensor, net: RrdbNet, width: int, height: int, check: Callable[[], None]) -> Tensor:
    """By the network as often as it takes to reach the size, then to the very size with Lanczos' filter."""
    place = next(net.parameters()).device
    rows = []
    for row in pixels.split(1):
        value = (row.clamp(-1, 1) + 1) / 2
        for _ in range(3):
            if value.shape[-1] >= width and value.shape[-2] >= height:
                break
            value = _tiled(value.to(place), net, check)
            if net.scale == 1:
                break
        rows.append(upscale_lanczos(value.clamp(0, 1) * 2 - 1, width, height))
    return torch.cat(rows).to(pixels.device)


def _tiled(x: Tensor, net: RrdbNet, check: Callable[[], None]) -> Tensor:
    height, width, scale = x.shape[2], x.shape[3], net.scale
    step = TILE * net.fold
    pad = -height % net.fold, -width % net.fold
    x = F.pad(x, (0, pad[1], 0, pad[0]), mode="replicate") if any(pad) else x
    result = x.new_empty(1, 3, height * scale, width * scale)
    margin = MARGIN * net.fold
    for top in range(0, height, step):
        for left in range(0, width, step):
            check()
            bottom, right = min(top + step, height), min(left + step, width)
            above, before = min(margin, top), min(margin, left)
            piece = x[:, :, top - above : bottom + margin, left - before : right + margin]
            lack = -piece.shape[2] % net.fold, -piece.shape[3] % net.fold
            piece = F.pad(piece, (0, lack[1], 0, lack[0]), mode="replicate") if any(lack) else piece
            made = net(piece)
            result[:, :, top * scale : bottom * scale, left * scale : right * scale] = made[
                :, :, above * scale : (above + bottom - top) * scale, before * scale : (before + right - left) * scale
            ]
    return result
