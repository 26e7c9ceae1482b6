"""Whoever looks on while a case is predicted: sees every slab of probabilities as it passes."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segscope.inference.verdict import Verdict
from segscope.preprocessing import Shown


class Watching(Protocol):
    """Looks at one case while it is predicted."""

    def add(self, rows: tuple[slice, ...], slab: NDArray[np.float32]) -> None:
        """Take probabilities ``(K, ...)`` and where in the prepared image they belong.

        Each voxel comes once; K is 1 of a sigmoid network, else background comes first.
        """

    def facts(self, verdict: Verdict) -> Mapping[str, Any]:
        """Return what was found, as plain values for JSON, when all slabs have come.

        Args:
            verdict: How far the case lies from what the model has seen.
        """

    def close(self) -> None:
        """Let go of the network, whatever happened."""


class Watch(Protocol):
    """Looks on at all cases of a prediction."""

    @property
    def key(self) -> str:
        """What the facts depend on beside the case; facts of another key are measured anew."""

    def over(self, prepared: Shown) -> Watching:
        """Begin to look at a case."""
