"""Several losses at once, and losses that look at the image beside logits and target."""

import math
from collections.abc import Sequence

from torch import Tensor, nn


class CombinedLoss(nn.Module):
    """Weighted sum of losses.

    Args:
        terms: Weight and loss, at least one.

    Example:
        >>> import torch
        >>> loss = CombinedLoss([(1.0, nn.MSELoss()), (0.5, nn.L1Loss())])
        >>> loss(torch.zeros(2), torch.full((2,), 2.0)).item()
        5.0
    """

    def __init__(self, terms: Sequence[tuple[float, nn.Module]]) -> None:
        super().__init__()
        if not terms or any(not 0 < weight < math.inf for weight, _ in terms):
            raise ValueError(
                f"weights must be positive and finite, got {[weight for weight, _ in terms]}"
            )
        self.weights = tuple(weight for weight, _ in terms)
        self.losses = nn.ModuleList(loss for _, loss in terms)

    @property
    def needs_image(self) -> bool:
        """Whether one of them does."""
        return any(wants_image(loss) for loss in self.losses)

    def forward(self, logits: Tensor, target: Tensor, image: Tensor | None = None) -> Tensor:
        terms = [
            weight * call(loss, logits, target, image)
            for weight, loss in zip(self.weights, self.losses, strict=True)
        ]
        total: Tensor = sum(terms[1:], terms[0])
        return total


def wants_image(loss: nn.Module) -> bool:
    """Whether a loss must be given the image, ``image=x``, beside logits and target.

    Example:
        >>> wants_image(nn.MSELoss())
        False
    """
    return bool(getattr(loss, "needs_image", False))


def call(loss: nn.Module, logits: Tensor, target: Tensor, image: Tensor | None) -> Tensor:
    """Call a loss with what it takes."""
    return loss(logits, target, image=image) if wants_image(loss) else loss(logits, target)
