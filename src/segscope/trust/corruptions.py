"""Synthetic failures: prepared images damaged in ways whose true Dice is still known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float32]
Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Damage:
    """An image while it is damaged.

    Args:
        image: ``(C, *P)``, prepared.
        label: ``(*P)``.
        axes: Of ``P`` that the network sees at once; volumes are cut along the others.
        random: Draws strength and place.
    """

    image: Array
    label: Labels
    axes: tuple[int, ...]
    random: np.random.Generator

    def levels(self) -> tuple[Array, Array]:
        """Low and high values of every channel, to be broadcast: percentiles 1 and 99."""
        flat = self.image.reshape(len(self.image), -1)
        low, high = np.percentile(flat, [1, 99], axis=1).astype(np.float32)
        shape = (-1, *[1] * self.label.ndim)
        return low.reshape(shape), np.maximum(high, low + 1e-6).reshape(shape)

    def either(self, one: tuple[float, float], other: tuple[float, float]) -> float:
        """Draw from one range or the other."""
        return float(self.random.uniform(*(one if self.random.random() < 0.5 else other)))

    def wave(self, axis: int, periods: float) -> Array:
        """A sine along an axis of the image, to be broadcast."""
        side = self.label.shape[axis]
        phase = self.random.uniform(0, 2 * np.pi)
        values = np.sin(np.arange(side) * (2 * np.pi * periods / side) + phase)
        shape = [-1 if a == axis else 1 for a in range(self.label.ndim)]
        return values.astype(np.float32).reshape(shape)


Damaged = tuple[NDArray[np.floating[Any]], Labels]


def damage(kind: str, image: Array, label: Labels, axes: tuple[int, ...], seed: int) -> Damaged:
    """Damage a prepared image; the label map follows what moves.

    Args:
        kind: Of `KINDS`.
        image: ``(C, *P)``.
        label: ``(*P)``.
        axes: Of ``P`` that the network sees at once.
        seed: Of strength and place.

    Example:
        >>> x = np.zeros((1, 8, 8), np.float32)
        >>> y, _ = damage("noise", x, np.zeros((8, 8), np.uint8), (0, 1), seed=0)
        >>> y.shape, bool((y == x).all())  # noise of a constant image is none
        ((1, 8, 8), True)
    """
    given = Damage(image, label, axes, np.random.default_rng(seed))
    found, moved = KINDS[kind](given)
    return np.ascontiguousarray(found, np.float32), np.ascontiguousarray(moved)


def kinds_for(channels: int) -> tuple[str, ...]:
    """Names of the kinds that images of so many channels can have.

    Example:
        >>> "missing channel" in kinds_for(1), "missing channel" in kinds_for(2)
        (False, True)
    """
    return tuple(kind for kind in KINDS if channels > 1 or kind not in _OF_CHANNELS)


def _noise(one: Damage) -> Damaged:
    spread = one.image.std() * one.random.uniform(0.1, 1.0)
    return one.image + one.random.normal(0, spread, one.image.shape), one.label


def _blur(one: Damage) -> Damaged:
    sigma = one.random.uniform(0.7, 3.0)
    sigmas = [0.0, *(sigma if a in one.axes else 0.0 for a in range(one.label.ndim))]
    return ndimage.gaussian_filter(one.image, sigmas), one.label


def _contrast(one: Damage) -> Damaged:
    mean = one.image.mean()
    return (one.image - mean) * one.either((0.3, 0.7), (1.5, 2.5)) + mean, one.label


def _gamma(one: Damage) -> Damaged:
    low, high = one.levels()
    t = ((one.image - low) / (high - low)).clip(0, 1)
    return low + (high - low) * t ** one.either((0.4, 0.7), (1.5, 2.5)), one.label


def _bias(one: Damage) -> Damaged:
    low, _ = one.levels()
    field = sum((one.wave(a, 0.5) for a in one.axes), np.zeros((), np.float32))
    return low + (one.image - low) * np.exp(one.random.uniform(0.2, 0.6) * field), one.label


def _ghosts(one: Damage) -> Damaged:
    axis = int(one.random.choice(one.axes))
    step = max(1, int(one.label.shape[axis] * one.random.uniform(0.1, 0.4)))
    share = one.random.uniform(0.15, 0.4)
    ghosts = (np.roll(one.image, step, 1 + axis) + np.roll(one.image, -step, 1 + axis)) / 2
    return (1 - share) * one.image + share * ghosts, one.label


def _resolution(one: Damage) -> Damaged:
    step = int(one.random.integers(2, 5))
    found = one.image
    for axis in one.axes:
        side = one.label.shape[axis]
        found = found.take(
            np.minimum(np.arange(side) // step * step + step // 2, side - 1), 1 + axis
        )
    return found, one.label


def _crop(one: Damage) -> Damaged:
    inside = np.ones(one.label.shape, bool)
    for axis in one.axes:
        side = one.label.shape[axis]
        kept = max(1, round(side * one.random.uniform(0.6, 0.85)))
        first = int(one.random.integers(0, side - kept + 1))
        places = np.arange(side)
        own = (places >= first) & (places < first + kept)
        inside &= own.reshape([-1 if a == axis else 1 for a in range(one.label.ndim)])
    low, _ = one.levels()
    return np.where(inside, one.image, low), np.where(inside, one.label, 0).astype(one.label.dtype)


def _rotation(one: Damage) -> Damaged:
    if len(one.axes) < 2:
        return np.flip(one.image, 1 + one.axes[0]), np.flip(one.label, one.axes[0])
    a, b = one.random.choice(one.axes, 2, replace=False)
    angle = one.either((20, 90), (-90, -20))
    image = ndimage.rotate(one.image, angle, (1 + a, 1 + b), reshape=False, order=1, mode="nearest")
    return image, ndimage.rotate(one.label, angle, (a, b), reshape=False, order=0, mode="constant")


def _inverted(one: Damage) -> Damaged:
    low, high = one.levels()
    return low + high - one.image, one.label


def _stripes(one: Damage) -> Damaged:
    axis = int(one.random.choice(one.axes))
    wave = one.wave(axis, one.label.shape[axis] / one.random.uniform(3, 8))
    return one.image + one.image.std() * one.random.uniform(0.3, 1.0) * wave, one.label


def _missing(one: Damage) -> Damaged:
    found = one.image.copy()
    found[int(one.random.integers(len(found)))] = 0
    return found, one.label


def _swapped(one: Damage) -> Damaged:
    return np.roll(one.image, 1 + int(one.random.integers(len(one.image) - 1)), 0), one.label


KINDS: dict[str, Callable[[Damage], Damaged]] = {
    "noise": _noise,
    "blur": _blur,
    "contrast": _contrast,
    "gamma": _gamma,
    "bias field": _bias,
    "motion ghosts": _ghosts,
    "resolution": _resolution,
    "crop": _crop,
    "rotation": _rotation,
    "inverted": _inverted,
    "stripes": _stripes,
    "missing channel": _missing,
    "swapped channels": _swapped,
}

_OF_CHANNELS = ("missing channel", "swapped channels")
