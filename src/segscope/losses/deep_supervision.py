"""One loss over all heads of a network."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from segscope.losses.combined import call, wants_image


class DeepSupervisionLoss(nn.Module):
    """Weighted sum of one loss over the heads (ANU-Net paper, eq. 8: weights of 1).

    Args:
        loss: ``(logits, target) -> scalar``.
        weights: One per head, shallowest first, at least 0 and not all 0; equal weights of 1
            where not given.
        normalise: Divide by the sum of the weights, so that the loss is of the size of one head's.

    Raises:
        ValueError: Weights as above are not given, or not one per head.

    Example:
        >>> import torch
        >>> loss = DeepSupervisionLoss(nn.MSELoss(), weights=(0.5, 1.0))
        >>> loss([torch.zeros(1), torch.ones(1)], torch.ones(1)).item()
        0.5
    """

    def __init__(
        self,
        loss: nn.Module,
        weights: Sequence[float] | None = None,
        *,
        normalise: bool = False,
    ) -> None:
        super().__init__()
        self.loss = loss
        self.weights = None if weights is None else tuple(float(w) for w in weights)
        self.normalise = normalise
        known = self.weights is None or all(0 <= w < math.inf for w in self.weights)
        if not known or (self.weights is not None and not any(self.weights)):
            raise ValueError(
                f"weights must be finite, at least 0 and not all 0, got {self.weights}"
            )

    @property
    def needs_image(self) -> bool:
        """Whether the loss does."""
        return wants_image(self.loss)

    def forward(
        self, heads: Sequence[Tensor], target: Tensor, image: Tensor | None = None
    ) -> Tensor:
        if isinstance(heads, Tensor) or not heads:
            raise ValueError("expected a list of logits, one per head: pass net.heads(x)")
        weights = (1.0,) * len(heads) if self.weights is None else self.weights
        if len(weights) != len(heads):
            raise ValueError(f"{len(heads)} heads need as many weights, got {len(weights)}")
        # a head of weight 0 is not computed: its loss could be infinite, and 0 * inf is nan
        terms = [
            w * call(self.loss, h, target, image) for w, h in zip(weights, heads, strict=True) if w
        ]
        total: Tensor = sum(terms[1:], terms[0])
        return total / sum(weights) if self.normalise else total
