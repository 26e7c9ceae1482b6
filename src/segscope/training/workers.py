"""How many processes prepare samples beside the training: as measured when it begins.

Samples depend on (seed, epoch, index) alone, so their number changes no result.
"""

import math
import os
import time
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor

from segscope.features import untouched
from segscope.networks import Segmenter
from segscope.training.patches import PatchDataset
from segscope.training.recipe import TrainRecipe

_SAMPLES = 4  # measured, after one to warm up: augmentations differ in what they take
_PASSES = 3  # a step takes about three forward passes
_HARDLY = 0.1  # of a step: samples that take less are not worth a process
_START_S = 10.0  # nor are those of a whole training that take less than this


@dataclass(frozen=True)
class Rhythm:
    """What was measured.

    Args:
        sample_s: To prepare a sample.
        step_s: Of the network and its way back, with a batch.
        batch: Samples of a step.
        steps: Of the whole training.
    """

    sample_s: float
    step_s: float
    batch: int
    steps: int

    def workers(self, cores: int) -> int:
        """Processes that prepare samples as fast as the network takes them; one core is left.

        Example:
            >>> Rhythm(sample_s=0.33, step_s=0.2, batch=2, steps=1000).workers(16)
            4
            >>> Rhythm(sample_s=0.01, step_s=1.0, batch=2, steps=1000).workers(16)
            0
        """
        load_s = self.sample_s * self.batch
        if load_s < _HARDLY * self.step_s or load_s * self.steps < _START_S:
            return 0
        needed = math.ceil(load_s / max(self.step_s, 1e-9))
        return max(0, min(needed, cores - 1))


def choose_workers(
    samples: PatchDataset, net: Segmenter, settings: TrainRecipe, fabric: Fabric
) -> int:
    """The recipe's number, or for ``auto`` what samples and network are measured to need."""
    if settings.workers != "auto":
        return settings.workers
    cores = _cores() // fabric.world_size
    if cores < 2:
        return 0
    images, sample_s = _time_samples(samples, settings.batch_size)
    rhythm = Rhythm(
        sample_s=sample_s,
        step_s=_PASSES * _time_pass(net, images, fabric),
        batch=settings.batch_size,
        steps=settings.epochs * settings.steps_per_epoch,
    )
    return rhythm.workers(cores)


def _cores() -> int:
    """Of the processor, that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _time_samples(samples: PatchDataset, batch: int) -> tuple[Tensor, float]:
    """A batch of one sample again and again, and the mean seconds of some others."""
    first = samples[0, 0][0]
    started = time.perf_counter()
    for index in range(1, 1 + _SAMPLES):
        samples[0, index]
    return first.expand(batch, *first.shape).contiguous(), (
        time.perf_counter() - started
    ) / _SAMPLES


def _time_pass(net: Segmenter, images: Tensor, fabric: Fabric) -> float:
    """Seconds of a forward pass with all heads; the first one warms up. Nothing is changed."""
    shown = images.to(fabric.device)
    with untouched(net), torch.no_grad(), fabric.autocast():
        net.heads(shown)
        _wait(fabric.device)
        started = time.perf_counter()
        net.heads(shown)
        _wait(fabric.device)
        return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
