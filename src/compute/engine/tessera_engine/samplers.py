"""Names of A1111 and Civitai → solvers and schedules of σ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .detect import Prediction
from .errors import EngineError
from .sampling import dpm_solver, multistep, single_step, unipc
from .sampling.curve import TRAINING as TRAINING
from .sampling.curve import Curve, load_curve
from .sampling.schedules import ALIASES, SCHEDULES
from .sampling.walk import Walk

AUTOMATIC = "Automatic"


@dataclass(frozen=True)
class Sampler:
    solve: Callable[[Tensor, Walk], Tensor]
    #: What A1111 means by the schedule "Automatic" for this sampler.
    automatic: str = "Normal"
    #: Evaluations of the model for each step, for estimates.
    evaluations: float = 1
    #: Share of ancestral noise when the request does not say; None for a sampler that knows no noise.
    eta: float | None = None
    #: A1111's old samplers of the variance-preserving picture: they start from unit noise there and end at t = 0.
    preserving: bool = False
    #: "CFG++" reads guidance from 0 to 1, for which A1111 divides what people write.
    cfg_divisor: float = 1
    #: A batch would make the images depend on each other.
    one_by_one: bool = False


SAMPLERS: dict[str, Sampler] = {
    "Euler": Sampler(single_step.euler),
    "Euler a": Sampler(single_step.euler, eta=1),
    "DPM++ 2M": Sampler(multistep.dpmpp_2m, "Karras"),
    "DPM++ SDE": Sampler(single_step.dpmpp_sde, "Karras", 2, eta=1),
    "DPM++ 2M SDE": Sampler(multistep.dpmpp_2m_sde, "Exponential", eta=1),
    "DPM++ 2M SDE Heun": Sampler(multistep.dpmpp_2m_sde_heun, "Exponential", eta=1),
    "DPM++ 3M SDE": Sampler(multistep.dpmpp_3m_sde, "Exponential", eta=1),
    "DPM++ 2S a": Sampler(single_step.dpmpp_2s, "Karras", 2, eta=1),
    "DPM2": Sampler(single_step.dpm_2, "Karras", 2),
    "DPM2 a": Sampler(single_step.dpm_2, "Karras", 2, eta=1),
    "DPM fast": Sampler(dpm_solver.dpm_fast, eta=1),
    "DPM adaptive": Sampler(dpm_solver.dpm_adaptive, "Normal", 3, eta=1, one_by_one=True),
    "Heun": Sampler(single_step.heun, "Normal", 2),
    "HeunPP2": Sampler(single_step.heun_pp2, "Normal", 2.9),
    "LMS": Sampler(multistep.lms),
    "Restart": Sampler(single_step.restart, "Karras", 2),
    "DDIM": Sampler(single_step.euler, "DDIM", eta=0, preserving=True),
    "DDIM CFG++": Sampler(single_step.ddim_cfgpp, "DDIM", preserving=True, cfg_divisor=12.5),
    "PLMS": Sampler(multistep.plms, "DDIM", preserving=True),
    "UniPC": Sampler(unipc.unipc),
    "DEIS": Sampler(multistep.deis),
    "IPNDM": Sampler(multistep.ipndm),
    "LCM": Sampler(single_step.lcm, "SGM Uniform"),
    "TCD": Sampler(single_step.tcd, "SGM Uniform", eta=0.3),
}


@dataclass(frozen=True)
class Plan:
    """One run of a sampler: the levels that it visits, the end included."""

    sampler: Sampler
    curve: Curve
    prediction: Prediction
    sigmas: tuple[float, ...]

    @property
    def timesteps(self) -> list[float]:
        return [self.curve.time_at(s) for s in self.sigmas[:-1]]

    def last(self, steps: int) -> Plan:
        """Only the last so many steps, to go on from a picture."""
        kept = max(0, min(steps, len(self.sigmas) - 1))
        return Plan(self.sampler, self.curve, self.prediction, self.sigmas[len(self.sigmas) - 1 - kept :])


def list_schedules(name: str) -> list[str]:
    """The schedules that a sampler can follow, "Automatic" first. A solver takes any falling levels."""
    if name not in SAMPLERS:
        raise EngineError("unsupported", f"The sampler {name[:60]} is not supported.", "p.sampler")
    return [AUTOMATIC, *SCHEDULES]


_SPELLINGS = {name.lower(): name for name in SAMPLERS}
_ENDINGS = {name.lower(): name for name in SCHEDULES} | {alias.lower(): name for alias, name in ALIASES.items()}


def resolve_names(sampler: str, schedule: str) -> tuple[str, str]:
    """ "DPM++ 2M Karras" is a sampler with a schedule; "Automatic" is what the sampler prefers. Throws `unsupported`."""
    found = _SPELLINGS.get(sampler.lower())
    if found is None:
        for ending, name in _ENDINGS.items():
            head = sampler.lower().removesuffix(f" {ending}")
            if head != sampler.lower() and head in _SPELLINGS:
                found, schedule = _SPELLINGS[head], name
                break
    if found is None:
        raise EngineError("unsupported", f"The sampler {sampler[:60]} is not supported.", "p.sampler")
    if schedule == AUTOMATIC:
        schedule = SAMPLERS[found].automatic
    known = _ENDINGS.get(schedule.lower())
    if known is None:
        raise EngineError("unsupported", f"The schedule {schedule[:60]} is not supported.", "p.schedule")
    return found, known


def make_scheduler(sampler: str, schedule: str, prediction: Prediction, steps: int, family: str = "sd15") -> Plan:
    """Names as `resolve_names` gives them. `family` matters to Align Your Steps only."""
    curve = load_curve(prediction.zero_terminal_snr)
    if prediction.zero_terminal_snr and schedule in ("DDIM", "Align Your Steps"):
        # These begin below t = 999, and this model's pictures begin in pure noise. arXiv 2305.08891, section 3.3.
        schedule = "SGM Uniform"
    entry = SAMPLERS[sampler]
    levels = SCHEDULES[schedule](curve, steps, family)
    end = curve.lowest if entry.preserving and levels[-1] > curve.lowest * 1.001 else 0.0
    return Plan(entry, curve, prediction, (*levels, end))
