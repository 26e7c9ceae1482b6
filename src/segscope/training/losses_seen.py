"""The losses of an epoch's steps, looked at without making a graphics card wait for each."""

import math

import torch
from torch import Tensor

from segscope.errors import WorkError

_EVERY = 10  # steps, where reading a number waits for all that the device still has to do


class LossesSeen:
    """Takes each step's loss, and looks at them in groups.

    Args:
        device: That computes them; on a processor each is looked at at once.
        remedy: What may help when one is not finite.

    Example:
        >>> seen = LossesSeen(torch.device("cpu"), "lower the learning rate")
        >>> seen.add(torch.tensor(0.5), step=7, epoch=1)
        1
        >>> seen.values
        [0.5]
    """

    def __init__(self, device: torch.device, remedy: str) -> None:
        self.values: list[float] = []
        self._every = 1 if device.type == "cpu" else _EVERY
        self._remedy = remedy
        self._waiting: list[Tensor] = []

    def add(self, loss: Tensor, *, step: int, epoch: int, norm: Tensor | None = None) -> int:
        """Take the loss of a step, counted from 0; return how many were looked at now.

        Args:
            loss: A scalar.
            step: Of the training.
            epoch: Likewise.
            norm: Of the gradient, where it must be finite too.

        Raises:
            WorkError: One of them is not finite.
        """
        loss = loss.detach().float()
        self._waiting.append(torch.stack([loss, loss if norm is None else norm.detach().float()]))
        return self.look(step=step, epoch=epoch) if len(self._waiting) >= self._every else 0

    def look(self, *, step: int, epoch: int) -> int:
        """Look at all that wait, of which ``step`` is the last; return how many they were.

        Raises:
            WorkError: One of them is not finite.
        """
        if not self._waiting:
            return 0
        found = torch.stack(self._waiting).tolist()
        for number, (loss, norm) in enumerate(found, step - len(found) + 1):
            for what, value in (("loss", loss), ("gradient", norm)):
                check_finite(what, value, step=number, epoch=epoch, remedy=self._remedy)
        self._waiting.clear()
        self.values += [loss for loss, _ in found]
        return len(found)

    @property
    def waiting(self) -> int:
        """Steps of which the device may not have come to the end."""
        return len(self._waiting)

    @property
    def last(self) -> float:
        """The last one that was looked at; nan before the first."""
        return self.values[-1] if self.values else math.nan


def check_finite(what: str, value: float, *, step: int, epoch: int, remedy: str) -> None:
    """Stop a training that has nothing to go on with.

    Raises:
        WorkError: The value is not finite.
    """
    if not math.isfinite(value):
        raise WorkError(
            f"the {what} became {value} at step {step} (epoch {epoch}); "
            f"the last finished epoch is kept: {remedy}, then start again"
        )
