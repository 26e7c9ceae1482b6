"""Batches of patches: the same with and without workers, and what is said when one dies."""

import signal

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from segscope.errors import WorkError
from segscope.training import AugmentPlan, PatchDataset, PreparedCase
from segscope.training.batches import PatchBatches
from segscope.training.recipe import TrainRecipe


def patches(*, samples=5, seed=0):
    image = np.arange(2 * 64, dtype=np.float32).reshape(2, 8, 8)
    cases = [PreparedCase(n, image + k, np.zeros((8, 8), np.uint8), {}) for k, n in enumerate("ab")]
    return PatchDataset(
        cases,
        (4, 4),
        samples=samples,
        seed=seed,
        augment=AugmentPlan.model_validate({"preset": "none"}),
    )


def settings(**more):
    return TrainRecipe(**{"epochs": 2, "steps_per_epoch": 3, "batch_size": 2, **more})


FABRIC = Fabric(accelerator="cpu", devices=1)


def test_an_epochs_batches_are_its_samples_in_order():
    samples = patches()
    with PatchBatches(samples, settings(), FABRIC, workers=0) as batches:
        found = [torch.cat([images for images, _ in batches(epoch)]) for epoch in (3, 3, 4)]
    expected = torch.stack([samples[3, k][0] for k in range(5)])
    assert torch.equal(found[0], expected)
    assert torch.equal(found[1], expected)
    assert not torch.equal(found[2], expected)


def test_batches_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    with PatchBatches(patches(), settings(), FABRIC, workers=0) as batches:
        list(batches(0))
    assert torch.equal(torch.get_rng_state(), before)


class Failing(PatchDataset):
    def __getitem__(self, address):
        if address[1] >= 2:
            raise self.error
        return super().__getitem__(address)


def failing(error):
    made = patches()
    made.__class__ = Failing
    made.error = error
    return made


def test_the_cases_that_a_dead_worker_was_to_cut_are_named(monkeypatch):
    samples = failing(ConnectionResetError("gone"))
    batches = PatchBatches(samples, settings(), FABRIC, workers=0)
    monkeypatch.setattr(batches, "_workers", 1)  # as one of them would fail
    due = dict.fromkeys(samples.case_of((0, k)) for k in (2, 3))
    with pytest.raises(WorkError, match=f"died while samples of {', '.join(due)} were due"):
        list(batches(0))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def test_another_error_stays_what_it_is():
    with pytest.raises(ConnectionResetError):
        list(PatchBatches(failing(ConnectionResetError("gone")), settings(), FABRIC, workers=0)(0))
    with pytest.raises(ValueError, match="odd"):
        list(PatchBatches(failing(ValueError("odd")), settings(), FABRIC, workers=0)(0))


def test_signals_of_children_are_handled_as_before_afterwards():
    def mine(*args):
        pass

    kept = signal.signal(signal.SIGCHLD, mine)
    try:
        with PatchBatches(patches(), settings(), FABRIC, workers=1) as batches:
            list(batches(0))
            assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGCHLD) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGCHLD, kept)
