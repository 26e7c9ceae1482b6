"""One loss over all heads of a network."""

from collections.abc import Sequence

from torch import Tensor, nn


class DeepSupervisionLoss(nn.Module):
    """Weighted sum of one loss over the heads (ANU-Net paper, eq. 8: weights of 1).

    Args:
        loss: ``(logits, target) -> scalar``.
        weights: One per head, shallowest first; equal weights of 1 where not given.

    Example:
        >>> import torch
        >>> loss = DeepSupervisionLoss(nn.MSELoss(), weights=(0.5, 1.0))
        >>> loss([torch.zeros(1), torch.ones(1)], torch.ones(1)).item()
        0.5
    """

    def __init__(self, loss: nn.Module, weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.weights = None if weights is None else tuple(float(w) for w in weights)

    def forward(self, heads: Sequence[Tensor], target: Tensor) -> Tensor:
        weights = (1.0,) * len(heads) if self.weights is None else self.weights
        if len(weights) != len(heads):
            raise ValueError(f"{len(heads)} heads need as many weights, got {len(weights)}")
        # a head of weight 0 is not computed: its loss could be infinite, and 0 * inf is nan
        terms = [w * self.loss(h, target) for w, h in zip(weights, heads, strict=True) if w]
        if not terms:
            raise ValueError("at least one head needs a weight above 0")
        total: Tensor = sum(terms[1:], terms[0])
        return total
