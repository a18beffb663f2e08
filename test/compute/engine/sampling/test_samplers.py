"""Samplers without a model, against a Gaussian whose path is known in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from gaussian import DEV, EPSILON, MEAN, ZERO_SNR, V, as_model, denoised, exact, run, solve
from torch import Tensor

from tessera_engine.denoise import Start, guide, run_sampler
from tessera_engine.detect import Prediction
from tessera_engine.errors import EngineError
from tessera_engine.noise import first_noise, make_generators
from tessera_engine.samplers import SAMPLERS, list_schedules, make_scheduler, resolve_names
from tessera_engine.sampling.curve import load_curve
from tessera_engine.sampling.dpm_solver import dpm_adaptive
from tessera_engine.sampling.schedules import SCHEDULES
from tessera_engine.sampling.walk import Walk

#: Solver → the order of convergence that it must show as an ODE. Multistep methods begin with Euler's step, whose error
#: of the second order stays; HeunPP2's published weights are of the first.
ORDERS = {
    "Euler": 1, "Euler a": 1, "DDIM": 1, "DDIM CFG++": 1, "TCD": 1, "HeunPP2": 1,
    "Heun": 2, "DPM2": 2, "DPM2 a": 2, "DPM++ 2M": 2, "DPM++ 2S a": 2, "DPM++ SDE": 2,
    "DPM++ 2M SDE": 2, "DPM++ 2M SDE Heun": 2, "DPM++ 3M SDE": 2, "LMS": 2, "DEIS": 2, "IPNDM": 2, "PLMS": 2, "UniPC": 3,
}  # fmt: skip
STOCHASTIC = [n for n, s in SAMPLERS.items() if s.eta or n in ("LCM", "Restart")]
PLAIN_ODE = [n for n in SAMPLERS if n not in STOCHASTIC]


@pytest.mark.parametrize("name", ORDERS)
def test_a_solver_converges_with_its_order(name: str) -> None:
    errors = [solve(name, steps) for steps in (32, 64, 128)]
    orders = [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]
    assert orders[-1] > ORDERS[name] - 0.15, (errors, orders)


def test_dpm_fast_converges_with_the_third_order() -> None:
    from tessera_engine.sampling import dpm_solver

    def error(parts: int) -> float:
        """The same step of order three, so many times from 5 to 0.5."""
        x = torch.linspace(-8, 8, 17, dtype=torch.float64).view(1, 1, 1, 17)
        levels = [5 * 0.1 ** (i / parts) for i in range(parts + 1)]
        walk = Walk(load_curve(False), levels, 0.0, denoised, lambda: x, torch.zeros_like, lambda *_a: None)
        got = x.clone()
        for start, end in zip(levels, levels[1:], strict=False):
            got = dpm_solver._Step(got, walk, start, end).order_3()
        return float((got - exact(x, 5, 0.5)).abs().max())

    assert math.log2(error(16) / error(32)) > 2.8


def test_dpm_adaptive_spends_evaluations_where_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tessera_engine.sampling import dpm_solver

    def attempt(relative: float) -> tuple[float, int]:
        monkeypatch.setattr(dpm_solver, "RELATIVE", relative)
        monkeypatch.setattr(dpm_solver, "ABSOLUTE", relative / 6)
        calls = 0

        def counted(x: Tensor, sigma: float) -> Tensor:
            nonlocal calls
            calls += 1
            return denoised(x, sigma)

        x = torch.linspace(-8, 8, 17, dtype=torch.float64).view(1, 1, 1, 17)
        walk = Walk(load_curve(False), [14.6, 0.03, 0.0], 0.0, counted, lambda: x, torch.zeros_like, lambda *_a: None)
        wanted = denoised(exact(x, 14.6, 0.03), 0.03)
        return float((dpm_adaptive(x.clone(), walk) - wanted).abs().max()), calls

    (loose, few), (tight, many) = attempt(0.05), attempt(0.0005)
    assert tight < loose / 5 and many > few and few < 120, (loose, few, tight, many)


@pytest.mark.parametrize("name", PLAIN_ODE)
@pytest.mark.parametrize("prediction", [EPSILON, V, ZERO_SNR], ids=["epsilon", "v", "v-zero-snr"])
def test_an_ode_sampler_lands_where_the_ode_ends(name: str, prediction: Prediction) -> None:
    noise, result = run(name, 50, prediction=prediction, count=4)
    # HeunPP2's first order leaves more than the others'.
    assert (result - (MEAN + DEV * noise)).pow(2).mean().sqrt().item() < (0.12 if name == "HeunPP2" else 0.05)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_a_stochastic_sampler_gives_the_distribution_of_the_data(name: str) -> None:
    count = 16 if SAMPLERS[name].one_by_one else 64
    _, result = run(name, 60, count=count)
    assert abs(result.mean().item() - MEAN) < 0.02
    # LCM jumps to the mean and back, which a distilled model needs and this one does not.
    if name != "LCM":
        assert abs(result.std().item() - DEV) < 0.05, result.std().item()


@pytest.mark.parametrize("name", [n for n, s in SAMPLERS.items() if s.eta])
def test_without_eta_there_is_no_chance(name: str) -> None:
    noise, result = run(name, 60, count=2, eta=0.0)
    assert (result - (MEAN + DEV * noise)).pow(2).mean().sqrt().item() < 0.06


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_schedule_that_is_advertised_works(name: str) -> None:
    for schedule in list_schedules(name):
        for steps in (1, 2, 8):
            _, result = run(name, steps, schedule, count=1)
            assert torch.isfinite(result).all(), (schedule, steps)
        assert abs(run(name, 20, schedule, count=8)[1].mean().item() - MEAN) < 0.2, schedule


@pytest.mark.parametrize("name", [n for n, s in SAMPLERS.items() if not s.one_by_one])
def test_an_image_does_not_depend_on_its_place_in_the_batch(name: str) -> None:
    def make(seeds: list[int]) -> Tensor:
        plan = make_scheduler(*resolve_names(name, "Automatic"), EPSILON, 6)
        generators = make_generators(seeds)
        return run_sampler(plan, first_noise(generators, (4, 8, 8)), as_model(plan), generators)

    assert torch.equal(make([5, 9, 7])[1], make([9])[0])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 7, 20, 150])
def test_a_schedule_falls_from_the_top_of_the_curve(schedule: str, steps: int) -> None:
    levels = SCHEDULES[schedule](load_curve(False), steps, "sdxl")
    assert len(levels) == steps and all(a > b > 0 for a, b in zip(levels, levels[1:], strict=False))
    assert levels[0] == pytest.approx(14.61, abs=0.01) or schedule == "DDIM"


def test_schedules_have_the_levels_that_their_papers_print() -> None:
    curve = load_curve(False)
    assert (curve.lowest, curve.highest) == (pytest.approx(0.0292, abs=1e-4), pytest.approx(14.6146, abs=1e-4))
    assert SCHEDULES["Align Your Steps"](curve, 11, "sdxl") == pytest.approx(
        [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029]
    )
    # The table of arXiv 2206.00364's formula for ten steps between the ends of Stable Diffusion.
    roots = [14.6146 ** (1 / 7) + i / 9 * (0.0292 ** (1 / 7) - 14.6146 ** (1 / 7)) for i in range(10)]
    assert SCHEDULES["Karras"](curve, 10, "sd15") == pytest.approx([r**7 for r in roots], rel=2e-3)
    assert SCHEDULES["DDIM"](curve, 20, "sd15") == pytest.approx([curve.sigma_at(951 - 50 * i) for i in range(20)])
    assert SCHEDULES["Simple"](curve, 4, "sd15") == [curve.sigmas[i] for i in (999, 749, 499, 249)]
    logs = [math.log(s) for s in SCHEDULES["Exponential"](curve, 5, "sd15")]
    assert [a - b for a, b in zip(logs, logs[1:], strict=False)] == pytest.approx([logs[0] / 4 - logs[4] / 4] * 4)


def test_sigmas_and_times_are_those_of_diffusers() -> None:
    from diffusers import EulerDiscreteScheduler

    theirs = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace"
    )
    theirs.set_timesteps(17)
    ours = make_scheduler("Euler", "Normal", EPSILON, 17)
    assert list(ours.sigmas) == pytest.approx(theirs.sigmas.tolist(), rel=1e-4)
    assert ours.timesteps == pytest.approx(theirs.timesteps.tolist(), abs=1e-2)
    for name, flag in (("Karras", "use_karras_sigmas"), ("Exponential", "use_exponential_sigmas"), ("Beta", "use_beta_sigmas")):
        other = EulerDiscreteScheduler.from_config(theirs.config, **{flag: True})
        other.set_timesteps(17)
        assert make_scheduler("Euler", name, EPSILON, 17).sigmas == pytest.approx(other.sigmas.tolist(), rel=1e-3), name


@pytest.mark.parametrize(
    ("name", "theirs", "options"),
    [
        ("Euler", "EulerDiscreteScheduler", {}),
        ("Heun", "HeunDiscreteScheduler", {}),
        ("DPM2", "KDPM2DiscreteScheduler", {}),
        ("DPM++ 2M", "DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "lower_order_final": False,
                                                     "final_sigmas_type": "zero", "euler_at_final": True}),
    ],
)  # fmt: skip
def test_a_solver_goes_where_that_of_diffusers_goes(name: str, theirs: str, options: dict) -> None:
    import diffusers

    training = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "use_karras_sigmas": True}
    scheduler = getattr(diffusers, theirs)(**training, **options)
    scheduler.set_timesteps(20)
    plan = make_scheduler(name, "Karras", EPSILON, 20)
    generators = make_generators([1])
    noise = first_noise(generators, (4, 8, 8))
    model, x = as_model(plan), noise * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        x = scheduler.step(model(scheduler.scale_model_input(x, t), t), t, x).prev_sample
    assert (run_sampler(plan, noise, model, generators) - x).abs().max() < 0.01


def test_going_on_from_a_picture_keeps_what_the_mask_keeps() -> None:
    plan = make_scheduler("Euler a", "Normal", EPSILON, 20).last(10)
    assert len(plan.sigmas) == 11
    generators = make_generators([3])
    init, mask = torch.full((1, 4, 8, 8), -2.0), torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    result = run_sampler(plan, first_noise(generators, (4, 8, 8)), as_model(plan), generators, start=Start(init, mask))
    assert torch.equal(result[..., 4:], init[..., 4:])
    assert (result[..., :4] - MEAN).abs().mean() < 1
    nothing = make_scheduler("Euler a", "Normal", EPSILON, 20).last(0)
    assert torch.equal(run_sampler(nothing, init, as_model(plan), generators, start=Start(init)), init)


def test_cfgpp_renoises_with_what_the_model_says_without_the_prompt() -> None:
    plan = make_scheduler("DDIM CFG++", "DDIM", EPSILON, 2)
    generators = make_generators([1])
    noise = first_noise(generators, (4, 8, 8))

    def model(z: Tensor, _t: Tensor) -> Tensor:
        model.plain = torch.zeros_like(z)  # type: ignore[attr-defined]
        return torch.full_like(z, 0.5)

    x = noise * math.sqrt(1 + plan.sigmas[0] ** 2)
    for start in plan.sigmas[:-1]:
        x = x - 0.5 * start  # the plain prediction is no noise at all, so none comes back
    assert torch.allclose(run_sampler(plan, noise, model, generators), x / math.sqrt(1 + plan.sigmas[-1] ** 2), atol=1e-5)


def test_a_name_with_a_suffix_is_a_sampler_with_a_schedule() -> None:
    assert resolve_names("DPM++ 2M Karras", "Automatic") == ("DPM++ 2M", "Karras")
    assert resolve_names("DPM++ 2M", "Automatic") == ("DPM++ 2M", "Karras")
    assert resolve_names("DPM++ 3M SDE", "Automatic") == ("DPM++ 3M SDE", "Exponential")
    assert resolve_names("DPM++ 2M SDE Heun Exponential", "Automatic") == ("DPM++ 2M SDE Heun", "Exponential")
    assert resolve_names("Euler A", "AYS") == ("Euler a", "Align Your Steps")
    assert resolve_names("Euler SGM Uniform", "Karras") == ("Euler", "SGM Uniform")
    for sampler, schedule, path in (("Euler b", "Automatic", "p.sampler"), ("Euler", "Turbo", "p.schedule")):
        with pytest.raises(EngineError) as error:
            resolve_names(sampler, schedule)
        assert (error.value.code, error.value.path) == ("unsupported", path)


def test_guidance_is_each_images_own() -> None:
    plain, wanted = torch.zeros(2, 4, 8, 8), torch.ones(2, 4, 8, 8)
    guided = guide(plain, wanted, torch.tensor([1.0, 7.0]).view(2, 1, 1, 1))
    assert guided[0].unique().tolist() == [1.0] and guided[1].unique().tolist() == [7.0]


def test_rescaled_guidance_has_the_deviation_of_the_conditional_output() -> None:
    torch.manual_seed(0)
    plain, wanted = torch.randn(2, 1, 4, 8, 8)
    whole = guide(plain, wanted, torch.full((1, 1, 1, 1), 9.0), torch.ones(1, 1, 1, 1))
    assert torch.allclose(whole.std(), wanted.std(), rtol=1e-4)
