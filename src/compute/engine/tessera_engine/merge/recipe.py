"""What a merged file says of itself: `modelspec.*`, the record that A1111 writes, and our own whole recipe."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence

from ..families import Family
from ..train.presets import load_training
from .params import MergeParams

OWN_PREFIX = "tessera."
_A1111 = {"weighted_sum": "Weighted sum", "add_difference": "Add difference", "sum": "Weighted sum"}
_PLACES = ("primary_model_hash", "secondary_model_hash", "tertiary_model_hash")


def recipe_metadata(params: MergeParams, family: Family, hashes: Sequence[str], prediction: str, rank: int) -> dict[str, str]:
    """`hashes`: SHA-256 of the files, in their order."""
    parents = [{"sha256": digest, "name": ref.name} for digest, ref in zip(hashes, params.models, strict=True)]
    recipe = {
        "type": "tessera",
        **dict(zip(_PLACES, hashes)),  # noqa: B905, two or three of three
        "interp_method": _A1111[params.method],
        "multiplier": params.alpha,
        "save_as_half": params.dtype == "fp16",
        "custom_name": params.name,
    }
    models = {d: {"name": ref.name, "sd_merge_recipe": None} for d, ref in zip(hashes, params.models, strict=True)}
    own = {
        "kind": params.kind,
        "method": params.method,
        "parents": parents,
        "dtype": params.dtype,
        **({"weights": list(params.weights)} if params.method == "sum" else {"alpha": params.alpha, "beta": params.beta}),
        **({"blocks": params.blocks} if params.blocks else {}),
        **({"rank": params.rank} if params.rank else {}),
    }
    training = load_training(family.name)
    architecture = training.architecture if training else family.name
    spec = {
        "sai_model_spec": "1.0.1",
        "architecture": architecture + ("/lora" if params.kind == "lora" else ""),
        "implementation": "https://github.com/Stability-AI/generative-models",
        "title": params.name,
        "resolution": f"{family.default_size}x{family.default_size}",
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "merged_from": ", ".join(ref.name.replace(",", " ") for ref in params.models),
        "prediction_type": "v" if prediction == "v_prediction" else "epsilon",
    }
    found = {f"modelspec.{name}": value for name, value in (spec | params.metadata).items()}
    found |= {"sd_merge_recipe": json.dumps(recipe), "sd_merge_models": json.dumps(models)}
    found |= {f"{OWN_PREFIX}merge": json.dumps(own)}
    if params.kind == "lora":
        found |= {"ss_network_module": "networks.lora", "ss_network_dim": str(rank), "ss_network_alpha": str(float(rank))}
        if training:
            found["ss_base_model_version"] = training.base_model_version
    return found | {f"{OWN_PREFIX}{key}": value for key, value in params.own_metadata.items()}
