"""How many data workers: by hand from sample and step times, and none where the recipe says so."""

import pytest
import torch
from lightning_fabric import Fabric

from segscope.networks import build_network
from segscope.training import workers
from segscope.training.recipe import TrainRecipe
from segscope.training.workers import Rhythm, choose_workers
from tests.training.test_batches import patches

FABRIC = Fabric(accelerator="cpu", devices=1)


@pytest.mark.parametrize(
    ("sample_s", "step_s", "batch", "cores", "expected"),
    [
        (0.331, 0.15, 2, 16, 5),  # 0.662 / 0.15 = 4.4
        (0.331, 0.15, 2, 4, 3),
        (0.331, 0.15, 2, 1, 0),
        (0.02, 0.5, 2, 16, 0),  # 0.04 is below a tenth of 0.5
        (0.03, 0.5, 2, 16, 1),  # 0.06 is not
    ],
    ids=["four and a bit", "a core is left", "one core", "hardly any", "just enough"],
)
def test_workers_keep_up_with_the_network(sample_s, step_s, batch, cores, expected):
    assert Rhythm(sample_s, step_s, batch, steps=10_000).workers(cores) == expected


def test_a_training_that_is_over_soon_starts_none():
    assert Rhythm(0.5, 0.1, 1, steps=19).workers(8) == 0  # 9.5 s of samples in all
    assert Rhythm(0.5, 0.1, 1, steps=20).workers(8) == 5


def recipe(**more):
    return TrainRecipe(**{"epochs": 100, "steps_per_epoch": 100, "batch_size": 2, **more})


def test_a_number_in_the_recipe_is_taken_unmeasured(monkeypatch):
    monkeypatch.setattr(workers, "_time_samples", lambda *about: pytest.fail("measured"))
    net = build_network("unet", 2, 2, 2, widths=[2, 4])
    assert choose_workers(patches(), net, recipe(workers=3), FABRIC) == 3


def test_measuring_changes_neither_network_nor_random_numbers(monkeypatch):
    monkeypatch.setattr(workers, "_cores", lambda: 8)
    monkeypatch.setattr(workers, "_time_pass", lambda *about, real=workers._time_pass:
                        0 * real(*about) + 0.1)  # fmt: skip
    monkeypatch.setattr(workers, "_time_samples", lambda *about, real=workers._time_samples:
                        (real(*about)[0], 0.4))  # fmt: skip
    net = build_network("unet", 2, 2, 2, widths=[2, 4]).train()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    before = torch.get_rng_state()
    assert choose_workers(patches(), net, recipe(), FABRIC) == 3  # 2 x 0.4 / (3 x 0.1) = 2.7
    assert net.training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(state[name], value) for name, value in net.state_dict().items())


def test_a_batch_of_samples_is_made_to_measure():
    images, seconds = workers._time_samples(patches(), 3)
    assert images.shape == (3, 2, 4, 4)
    assert seconds > 0
