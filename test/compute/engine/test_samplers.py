"""Samplers without a model: the data are a Gaussian, so the best denoiser and the path of the ODE are known exactly.

If x = a·x0 + s·n with x0 ~ N(MEAN, DEV²), then E[x0 | x] = MEAN + a·DEV² / (a²·DEV² + s²) · (x − a·MEAN), and along the
ODE (x − a·MEAN) / √(a²·DEV² + s²) stays what it was at the start.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tessera_engine.denoise import guide, run_sampler
from tessera_engine.detect import Prediction
from tessera_engine.errors import EngineError
from tessera_engine.noise import first_noise, make_generators
from tessera_engine.samplers import SAMPLERS, list_schedules, make_scheduler, resolve_names

MEAN, DEV = 0.6, 0.4
EPSILON, V = Prediction("epsilon", False), Prediction("v_prediction", False)
ODE = ("Euler", "DPM++ 2M", "DPM2", "Heun", "LMS", "DDIM", "PLMS", "UniPC", "DEIS")
SDE = ("Euler a", "DPM++ 2M SDE", "DPM++ 3M SDE", "DPM++ SDE", "DPM2 a", "LCM", "TCD")


def gaussian(scheduler: Any, prediction: Prediction) -> Any:
    log_alphas = scheduler.alphas_cumprod.double().log()

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        t = torch.as_tensor(t, dtype=torch.float64).clamp(0, 999)
        low = t.floor().long()
        high = (low + 1).clamp(max=999)
        # Between two training steps log σ is what schedulers interpolate; alpha² = 1 / (1 + σ²).
        sigma = lambda i: ((1 - log_alphas[i].exp()) / log_alphas[i].exp()).sqrt().log()  # noqa: E731
        log_sigma = sigma(low) + (t - low) * (sigma(high) - sigma(low))
        a = (1 / (1 + (2 * log_sigma).exp())).sqrt()
        s = (1 - a * a).sqrt()
        clean = MEAN + a * DEV**2 / (a * a * DEV**2 + s * s) * (x.double() - a * MEAN)
        noise = (x.double() - a * clean) / s
        return (a * noise - s * clean if prediction.kind == "v_prediction" else noise).float()

    return denoise


def run(
    name: str, steps: int, schedule: str = "Normal", prediction: Prediction = EPSILON, count: int = 64
) -> tuple[Tensor, Tensor]:
    """(noise, result)"""
    sampler, schedule = resolve_names(name, schedule)
    scheduler = make_scheduler(sampler, schedule, prediction, steps)
    generators = make_generators(list(range(count)))
    noise = first_noise(generators, (4, 8, 8))
    return noise, run_sampler(scheduler, noise, gaussian(scheduler, prediction), generators)


def error_of(name: str, steps: int, schedule: str = "Normal", prediction: Prediction = EPSILON) -> float:
    """Root mean square distance to where the ODE ends: MEAN + DEV · noise, but for the first alpha, which is not 0."""
    noise, result = run(name, steps, schedule, prediction, count=4)
    return (result - (MEAN + DEV * noise)).pow(2).mean().sqrt().item()


@pytest.mark.parametrize("name", ODE)
@pytest.mark.parametrize("prediction", [EPSILON, V], ids=["epsilon", "v"])
def test_an_ode_sampler_lands_where_the_ode_ends(name: str, prediction: Prediction) -> None:
    schedule = SAMPLERS[name].automatic
    assert error_of(name, 50, schedule, prediction) < 0.08


def distance_to_limit(name: str, steps: int, schedule: str = "Normal") -> float:
    """To the same sampler with many steps, so that the bias of the schedule's ends cancels out."""
    few, many = (run(name, n, schedule, count=2)[1] for n in (steps, 640))
    return (few - many).pow(2).mean().sqrt().item()


@pytest.mark.parametrize("name", ["Euler", "DPM++ 2M", "Heun", "UniPC", "LMS"])
def test_more_steps_come_nearer(name: str) -> None:
    coarse, fine = distance_to_limit(name, 20), distance_to_limit(name, 80)
    # A fourth of the step is a fourth of the error at least; below 0.001 it is fp32 that speaks.
    assert fine < coarse / 2.5 or fine < 0.001, (coarse, fine)


@pytest.mark.parametrize("name", ["DPM++ 2M", "Heun", "LMS", "UniPC"])
def test_a_sampler_of_higher_order_beats_euler(name: str) -> None:
    # Karras, because diffusers' DPM family ends a linear schedule with one long step of the first order.
    assert distance_to_limit(name, 20, "Karras") < 0.5 * distance_to_limit("Euler", 20, "Karras")


@pytest.mark.parametrize("name", SDE)
def test_a_stochastic_sampler_gives_the_distribution_of_the_data(name: str) -> None:
    _, result = run(name, 60, SAMPLERS[name].automatic)
    assert abs(result.mean().item() - MEAN) < 0.05
    # LCM and TCD are made for few steps of a distilled model; their spread says nothing here.
    if name not in ("LCM", "TCD"):
        assert abs(result.std().item() - DEV) < 0.06, result.std().item()


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_schedule_that_is_advertised_works(name: str) -> None:
    for schedule in list_schedules(name):
        _, result = run(name, 8, schedule, count=1)
        assert torch.isfinite(result).all(), schedule


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_image_does_not_depend_on_its_place_in_the_batch(name: str) -> None:
    def make(seeds: list[int]) -> Tensor:
        scheduler = make_scheduler(*resolve_names(name, "Automatic"), EPSILON, 6)
        generators = make_generators(seeds)
        return run_sampler(scheduler, first_noise(generators, (4, 8, 8)), gaussian(scheduler, EPSILON), generators)

    assert torch.equal(make([5, 9, 7])[1], make([9])[0])


def test_a_name_with_a_suffix_is_a_sampler_with_a_schedule() -> None:
    assert resolve_names("DPM++ 2M Karras", "Automatic") == ("DPM++ 2M", "Karras")
    assert resolve_names("DPM++ 2M", "Automatic") == ("DPM++ 2M", "Karras")
    assert resolve_names("DPM++ 3M SDE", "Automatic") == ("DPM++ 3M SDE", "Exponential")
    assert resolve_names("Euler a", "Automatic") == ("Euler a", "Normal")
    for sampler, schedule in (("Restart", "Automatic"), ("Euler", "Align Your Steps"), ("Euler a", "Karras")):
        with pytest.raises(EngineError) as error:
            resolve_names(sampler, schedule)
        assert error.value.code == "unsupported"


def test_guidance_is_each_images_own() -> None:
    plain, wanted = torch.zeros(2, 4, 8, 8), torch.ones(2, 4, 8, 8)
    guided = guide(plain, wanted, torch.tensor([1.0, 7.0]).view(2, 1, 1, 1))
    assert guided[0].unique().tolist() == [1.0] and guided[1].unique().tolist() == [7.0]


def test_rescaled_guidance_has_the_deviation_of_the_conditional_output() -> None:
    torch.manual_seed(0)
    plain, wanted = torch.randn(2, 1, 4, 8, 8)
    whole = guide(plain, wanted, torch.full((1, 1, 1, 1), 9.0), torch.ones(1, 1, 1, 1))
    assert torch.allclose(whole.std(), wanted.std(), rtol=1e-4)
