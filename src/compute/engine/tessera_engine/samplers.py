"""Names of A1111 and Civitai → diffusers' schedulers."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .detect import Prediction
from .errors import EngineError

#: Stable Diffusion's noise schedule.
TRAINING = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@dataclass(frozen=True)
class Sampler:
    module: str
    klass: str
    #: What A1111 means by the schedule "Automatic" for this sampler.
    automatic: str = "Normal"
    options: dict[str, Any] = field(default_factory=dict)
    #: Evaluations of the model for each step.
    evaluations: int = 1
    takes_eta: bool = False


def _dpm(algorithm: str, order: int, automatic: str) -> Sampler:
    options = {"algorithm_type": algorithm, "solver_order": order}
    return Sampler("dpmsolver_multistep", "DPMSolverMultistepScheduler", automatic, options)


_DDIM = {"clip_sample": False, "set_alpha_to_one": False}
SAMPLERS: dict[str, Sampler] = {
    "Euler": Sampler("euler_discrete", "EulerDiscreteScheduler"),
    "Euler a": Sampler("euler_ancestral_discrete", "EulerAncestralDiscreteScheduler"),
    "DPM++ 2M": _dpm("dpmsolver++", 2, "Karras"),
    "DPM++ 2M SDE": _dpm("sde-dpmsolver++", 2, "Exponential"),
    "DPM++ 3M SDE": _dpm("sde-dpmsolver++", 3, "Exponential"),
    "DPM++ SDE": Sampler("dpmsolver_singlestep", "DPMSolverSinglestepScheduler", "Karras",
                         {"algorithm_type": "sde-dpmsolver++", "solver_order": 2, "lower_order_final": True}),
    "DPM2": Sampler("k_dpm_2_discrete", "KDPM2DiscreteScheduler", "Karras", evaluations=2),
    "DPM2 a": Sampler("k_dpm_2_ancestral_discrete", "KDPM2AncestralDiscreteScheduler", "Karras", evaluations=2),
    "Heun": Sampler("heun_discrete", "HeunDiscreteScheduler", evaluations=2),
    "LMS": Sampler("lms_discrete", "LMSDiscreteScheduler"),
    "DDIM": Sampler("ddim", "DDIMScheduler", "DDIM", _DDIM, takes_eta=True),
    "PLMS": Sampler("pndm", "PNDMScheduler", "DDIM", {"skip_prk_steps": True, "set_alpha_to_one": False}),
    "UniPC": Sampler("unipc_multistep", "UniPCMultistepScheduler"),
    "DEIS": Sampler("deis_multistep", "DEISMultistepScheduler"),
    "LCM": Sampler("lcm", "LCMScheduler", "DDIM", {"clip_sample": False, "set_alpha_to_one": True}),
    "TCD": Sampler("tcd", "TCDScheduler", "DDIM", {"clip_sample": False, "set_alpha_to_one": True}),
}  # fmt: skip

#: Their steps are chosen among those of the distillation, 50 as a rule; with more steps than that it must be more.
DISTILLED = frozenset({"LCM", "TCD"})

#: Constructor arguments of each schedule.
SCHEDULES: dict[str, dict[str, Any]] = {
    "Normal": {"timestep_spacing": "linspace"},
    "Uniform": {"timestep_spacing": "linspace"},
    "Karras": {"timestep_spacing": "linspace", "use_karras_sigmas": True},
    "Exponential": {"timestep_spacing": "linspace", "use_exponential_sigmas": True},
    "Beta": {"timestep_spacing": "linspace", "use_beta_sigmas": True},
    "SGM Uniform": {"timestep_spacing": "trailing"},
    "Simple": {"timestep_spacing": "trailing"},
    "DDIM": {"timestep_spacing": "leading", "steps_offset": 1},
}
AUTOMATIC = "Automatic"


@cache
def _class_of(name: str) -> Any:
    module = importlib.import_module(f"diffusers.schedulers.scheduling_{SAMPLERS[name].module}")
    return getattr(module, SAMPLERS[name].klass)


@cache
def _accepts(name: str) -> frozenset[str]:
    return frozenset(inspect.signature(_class_of(name).__init__).parameters)


def list_schedules(name: str) -> list[str]:
    """The schedules that a sampler can follow, "Automatic" first."""
    sampler = SAMPLERS[name]
    own = _accepts(name) | {"steps_offset"}
    return [AUTOMATIC, *(s for s, options in SCHEDULES.items() if set(options) <= own or s == sampler.automatic)]


def resolve_names(sampler: str, schedule: str) -> tuple[str, str]:
    """ "DPM++ 2M Karras" is a sampler with a schedule; "Automatic" is what the sampler prefers. Throws `unsupported`."""
    if sampler not in SAMPLERS:
        for suffix in SCHEDULES:
            head = sampler.removesuffix(f" {suffix}")
            if head != sampler and head in SAMPLERS:
                sampler, schedule = head, suffix
                break
    if sampler not in SAMPLERS:
        raise EngineError("unsupported", f"The sampler {sampler[:60]} is not supported.", "p.sampler")
    if schedule == AUTOMATIC:
        schedule = SAMPLERS[sampler].automatic
    if schedule not in SCHEDULES or schedule not in list_schedules(sampler):
        raise EngineError("unsupported", f"{sampler} cannot follow the schedule {schedule[:60]}.", "p.schedule")
    return sampler, schedule


def make_scheduler(sampler: str, schedule: str, prediction: Prediction, steps: int) -> Any:
    """A scheduler of diffusers, its timesteps set, on the CPU in fp32. Names as `resolve_names` gives them."""
    entry = SAMPLERS[sampler]
    accepted = _accepts(sampler)
    options = {**TRAINING, "prediction_type": prediction.kind, **entry.options, **SCHEDULES[schedule]}
    if prediction.zero_terminal_snr:
        # Without the last step at t = 999 the model never sees pure noise. arXiv 2305.08891, section 3.
        options |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    scheduler = _class_of(sampler)(**{k: v for k, v in options.items() if k in accepted})
    if sampler in DISTILLED:
        scheduler.set_timesteps(steps, original_inference_steps=max(50, steps))
    else:
        scheduler.set_timesteps(steps)
    return scheduler
