r"""ANU-Net's hybrid loss (eq. 8): soft Dice and a cross entropy that hard voxels dominate.

As printed, :math:`1 - [\alpha y \log(Y) / |Y - 0.5|^\gamma + (2 Y y + s) / (Y^2 + y^2 + s)]`
has no term for background voxels, is infinite at Y = 0.5, and between Y = 0.084 and 0.5 its
gradient pushes foreground voxels (gamma = 2) *away* from 1. ``variant="stable"`` keeps the idea
and mends these three; ``"paper"`` is the formula as printed, for comparison; ``"dice_bce"`` is
what the authors' published scripts train with.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from segscope.losses.overlap import soft_dice_loss
from segscope.losses.pixel import one_vs_rest_logits
from segscope.losses.target import as_probabilities, as_target, foreground, widen

_EPSILON = {"stable": 0.05, "paper": 0.01, "dice_bce": 0.0}
VARIANTS = tuple(_EPSILON)


def hard_voxel_weight(logits: Tensor, gamma: float, epsilon: float) -> Tensor:
    r"""Weight of each voxel, 1 where the network is certain, largest at p = 0.5.

    :math:`w = (0.5^\gamma + \epsilon) / (|p - 0.5|^\gamma + \epsilon)`, detached; from logits, as
    :math:`|p - 0.5| = 0.5 |\tanh(z / 2)|`.

    Example:
        >>> hard_voxel_weight(torch.tensor([0.0, 100.0]), 2.0, 0.05).tolist()
        [6.0, 1.0]
    """
    with torch.no_grad():
        distance = 0.5 * torch.tanh(logits / 2).abs()
        weight: Tensor = (0.5**gamma + epsilon) / (distance**gamma + epsilon)
        return weight


def hybrid_loss(
    logits: Tensor,
    target: Tensor,
    *,
    variant: str = "stable",
    alpha: float = 0.5,
    gamma: float = 2.0,
    epsilon: float | None = None,
) -> Tensor:
    r"""Soft Dice (squared denominators, s = 1, per image) plus a voxel-wise term.

    ``stable``: mean over voxels of :math:`w (-\alpha y \log p - (1 - \alpha)(1 - y)\log(1 - p))`
    with the detached weight `hard_voxel_weight`; the gradient never changes sign and is bounded.

    ``paper``: eq. 8 as printed, mean over voxels, with epsilon added to the denominator and the
    weight differentiated. It drives foreground voxels between p = 0.09 and about 0.5 down to 0.09
    and ignores background: do not train with it, compare with it.

    ``dice_bce``: binary cross entropy plus Dice, unweighted.

    With several classes each foreground class stands against the rest, on softmax probabilities.

    Args:
        logits: ``(N, K, *S)``.
        target: Labels ``(N, 1, *S)`` or probabilities ``(N, K, *S)``.
        variant: ``stable``, ``paper`` or ``dice_bce``.
        alpha: Weight of the positive class in [0, 1]; see `balanced_alpha`.
        gamma: How much hard voxels dominate; 0 not at all.
        epsilon: 0.05 for ``stable``, 0.01 for ``paper`` where not given.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: An option out of its range, or as of `target.as_target`.

    Example:
        >>> target = torch.tensor([[[0, 1, 1, 0]]])
        >>> sure = torch.tensor([[[-100.0, 100.0, 100.0, -100.0]]])
        >>> round(hybrid_loss(sure, target).item(), 6)
        0.0
    """
    epsilon = _checked(variant, alpha, gamma, epsilon)
    probabilities, truth = as_probabilities(logits), as_target(logits, target)
    overlap = soft_dice_loss(probabilities, truth, squared=True)
    z = one_vs_rest_logits(widen(logits))
    p, y = foreground(probabilities, truth)
    if variant == "dice_bce":
        return overlap + functional.binary_cross_entropy_with_logits(z, y)
    log_p = functional.logsigmoid(z)
    if variant == "paper":
        weight = 1 / ((p - 0.5).abs() ** gamma + epsilon)
        return overlap - (alpha * y * log_p * weight).mean()
    log_not_p = functional.logsigmoid(-z)
    terms = torch.lerp((1 - alpha) * log_not_p, alpha * log_p, y)
    return overlap - (hard_voxel_weight(z, gamma, epsilon) * terms).mean()


class HybridLoss(nn.Module):
    """`hybrid_loss` as a module; sum it over heads with `DeepSupervisionLoss`, as eq. 8 does."""

    def __init__(
        self,
        *,
        variant: str = "stable",
        alpha: float = 0.5,
        gamma: float = 2.0,
        epsilon: float | None = None,
    ) -> None:
        super().__init__()
        self.epsilon = _checked(variant, alpha, gamma, epsilon)
        self.variant, self.alpha, self.gamma = variant, alpha, gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return hybrid_loss(
            logits,
            target,
            variant=self.variant,
            alpha=self.alpha,
            gamma=self.gamma,
            epsilon=self.epsilon,
        )


def balanced_alpha(label_voxels: Mapping[int, int]) -> float:
    """Weight the positive class by the share of negatives, so that both sum to the same.

    Args:
        label_voxels: Voxels per label value, background (0) included, as a fingerprint counts.

    Returns:
        Share of background in [0, 1]: what `HybridLoss` takes as ``alpha``.

    Raises:
        ValueError: No voxel was counted.

    Example:
        >>> balanced_alpha({0: 75, 1: 20, 2: 5})
        0.75
    """
    total = sum(label_voxels.values())
    if total == 0:
        raise ValueError("label_voxels counts no voxel at all")
    return label_voxels.get(0, 0) / total


def _checked(variant: str, alpha: float, gamma: float, epsilon: float | None) -> float:
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, got {variant!r}")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    if not gamma >= 0 or (variant == "paper" and 0 < gamma < 1):
        # a root of |p - 0.5| has no finite slope at 0, and the printed weight is differentiated
        raise ValueError(f"gamma must be at least 0 (paper: 0, or at least 1), got {gamma}")
    chosen = _EPSILON[variant] if epsilon is None else epsilon
    if not (chosen > 0 or variant == "dice_bce"):
        raise ValueError(f"epsilon must be above 0, got {chosen}: p = 0.5 would weigh infinitely")
    return chosen
