"""Losses that compare regions: Dice, Dice + cross entropy, Tversky, generalised Dice.

All but one are written here; Tversky is MONAI's, behind the same ``(logits, target)``, imported
when it is built, as importing MONAI takes seconds. Regions are the foreground classes, but for the
generalised Dice, of which the background is a class.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from segscope.losses.target import as_probabilities, as_target, foreground, widen


def soft_dice_loss(
    probabilities: Tensor,
    truth: Tensor,
    *,
    squared: bool = False,
    per_image: bool = True,
    smooth: float = 1.0,
) -> Tensor:
    """`dice_loss` of probabilities and a target that both have the shape ``(N, K, *S)``.

    Example:
        >>> soft_dice_loss(torch.zeros(1, 1, 4), torch.zeros(1, 1, 4)).item()
        0.0
    """
    p, y = probabilities, truth
    axes = tuple(range(2, p.ndim)) if per_image else (0, *range(2, p.ndim))
    overlap = (p * y).sum(axes)
    size = p.square().sum(axes) + y.square().sum(axes) if squared else p.sum(axes) + y.sum(axes)
    terms = (2 * overlap + smooth) / (size + smooth)
    # background is dropped here and not above: slicing sums is free, slicing maps costs a copy
    return 1 - (terms if p.shape[1] == 1 else terms[..., 1:]).mean()


def dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    squared: bool = False,
    per_image: bool = True,
    smooth: float = 1.0,
) -> Tensor:
    r"""One minus soft Dice, averaged over foreground classes (and images).

    :math:`1 - (2 \sum p y + s) / (\sum p + \sum y + s)`; with ``squared`` the denominator is
    :math:`\sum p^2 + \sum y^2 + s` (ANU-Net paper, eq. 5).

    A batch in which a class has no voxel teaches next to nothing of it: its gradient pushes
    probabilities down with a force of the order of ``smooth`` over their sum. Where objects are
    small and rare, add a voxel-wise loss (`dice_ce_loss`), or draw patches that hold them.

    Args:
        logits: ``(N, K, *S)``.
        target: Labels ``(N, 1, *S)`` or probabilities ``(N, K, *S)``.
        squared: Which denominator.
        per_image: Sum over each image for itself, or over the whole batch (nnU-Net's choice, where
            a class that is absent from an image does not count against it).
        smooth: s in voxels; keeps empty classes defined.

    Returns:
        Scalar in [0, 1].

    Raises:
        ValueError: As of `target.as_target`.

    Example:
        >>> target = torch.tensor([[[0, 1, 1]]])
        >>> sure = torch.tensor([[[-100.0, 100.0, 100.0]]])
        >>> dice_loss(sure, target).item()
        0.0
    """
    return soft_dice_loss(
        as_probabilities(logits),
        as_target(logits, target),
        squared=squared,
        per_image=per_image,
        smooth=smooth,
    )


def dice_ce_loss(
    logits: Tensor,
    target: Tensor,
    *,
    dice_weight: float = 1.0,
    ce_weight: float = 1.0,
    per_image: bool = False,
    smooth: float = 1e-5,
) -> Tensor:
    """Dice plus cross entropy from one pass over the logits: nnU-Net's loss.

    Args:
        logits: ``(N, K, *S)``.
        target: Labels ``(N, 1, *S)`` or probabilities ``(N, K, *S)``.
        dice_weight: Weight of the Dice term.
        ce_weight: Weight of the mean cross entropy.
        per_image: As of `dice_loss`; over the whole batch by default.
        smooth: As of `dice_loss`.

    Raises:
        ValueError: As of `target.as_target`.

    Example:
        >>> target = torch.tensor([[[0, 1, 1]]])
        >>> sure = torch.tensor([[[-100.0, 100.0, 100.0]]])
        >>> round(dice_ce_loss(sure, target).item(), 6)
        0.0
    """
    z, truth = widen(logits), as_target(logits, target)
    if z.shape[1] == 1:
        p, entropy = torch.sigmoid(z), functional.binary_cross_entropy_with_logits(z, truth)
    else:
        log_p = z.log_softmax(1)
        p = log_p.exp()
        entropy = -(log_p * truth).sum() * (z.shape[1] / z.numel())
    overlap = soft_dice_loss(p, truth, per_image=per_image, smooth=smooth)
    return dice_weight * overlap + ce_weight * entropy


class DiceLoss(nn.Module):
    """`dice_loss` as a module."""

    def __init__(
        self, *, squared: bool = False, per_image: bool = True, smooth: float = 1.0
    ) -> None:
        super().__init__()
        self.squared, self.per_image, self.smooth = squared, per_image, smooth

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return dice_loss(
            logits, target, squared=self.squared, per_image=self.per_image, smooth=self.smooth
        )


class DiceCELoss(nn.Module):
    """`dice_ce_loss` as a module."""

    def __init__(
        self, *, dice_weight: float = 1.0, ce_weight: float = 1.0, per_image: bool = False
    ) -> None:
        super().__init__()
        self.dice_weight, self.ce_weight, self.per_image = dice_weight, ce_weight, per_image

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return dice_ce_loss(
            logits,
            target,
            dice_weight=self.dice_weight,
            ce_weight=self.ce_weight,
            per_image=self.per_image,
        )


class TverskyLoss(nn.Module):
    r"""One minus the Tversky index, :math:`TP / (TP + \alpha FP + \beta FN)`.

    Salehi et al. 2017, arXiv:1706.05721, eq. 3; computed by MONAI. As with `dice_loss`, a batch
    without an object teaches next to nothing: add a voxel-wise loss where objects are rare.

    Args:
        alpha: Weight of false positives.
        beta: Weight of false negatives.
        smooth: Added above and below, in voxels.
    """

    def __init__(self, *, alpha: float = 0.3, beta: float = 0.7, smooth: float = 1.0) -> None:
        from monai.losses import TverskyLoss as Monai

        super().__init__()
        self.loss = Monai(alpha=alpha, beta=beta, smooth_nr=smooth, smooth_dr=smooth)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        value: Tensor = self.loss(*foreground(as_probabilities(logits), as_target(logits, target)))
        return value


WEIGHTS = ("square", "simple", "uniform")


def generalized_dice_loss(
    logits: Tensor, target: Tensor, *, weight: str = "square", per_image: bool = True
) -> Tensor:
    r"""One minus Dice over all classes at once, small ones weighing as much as large ones.

    :math:`1 - 2 \sum_l w_l \sum_n r_{ln} p_{ln} / \sum_l w_l \sum_n (r_{ln} + p_{ln})` with
    :math:`w_l = 1 / (\sum_n r_{ln})^2` (Sudre et al. 2017, arXiv:1707.03237, section 2.1). The
    background is a class, also of a network with one output (p and 1 - p): without it the weight
    of a single foreground class cancels, and plain Dice is left. A class that an image does not
    hold has no weight by that formula; it gets the largest of the others, so an image without any
    object pushes probabilities down.

    Args:
        logits: ``(N, K, *S)``.
        target: Labels ``(N, 1, *S)`` or probabilities ``(N, K, *S)``.
        weight: ``square`` (the paper's), ``simple`` (one over the size) or ``uniform``.
        per_image: Sum over each image for itself, or over the whole batch.

    Returns:
        Scalar in [0, 1].

    Raises:
        ValueError: An unknown weight, or as of `target.as_target`.

    Example:
        >>> target = torch.tensor([[[0, 0, 0, 1]]])
        >>> # p = 0.5, weights 1/9 and 1: 1 - 2 (1.5 / 9 + 0.5) / (5 / 9 + 3)
        >>> round(generalized_dice_loss(torch.zeros(1, 1, 4), target).item(), 6)
        0.625
    """
    if weight not in WEIGHTS:
        raise ValueError(f"weight must be one of {', '.join(WEIGHTS)}, got {weight!r}")
    p, r = as_probabilities(logits), as_target(logits, target)
    if p.shape[1] == 1:
        p, r = torch.cat([1 - p, p], 1), torch.cat([1 - r, r], 1)
    axes = tuple(range(2, p.ndim)) if per_image else (0, *range(2, p.ndim))
    size = r.sum(axes)
    power = {"square": 2, "simple": 1, "uniform": 0}[weight]
    # relative to the smallest class that is there, whose weight is the largest: no number is tiny
    smallest = torch.where(size > 0, size, torch.inf).amin(-1, keepdim=True)
    w = torch.where(size > 0, smallest / size.clamp(min=torch.finfo(size.dtype).tiny), 1.0) ** power
    overlap = (w * (r * p).sum(axes)).sum(-1)
    return 1 - (2 * overlap / (w * (size + p.sum(axes))).sum(-1)).mean()


class GeneralizedDiceLoss(nn.Module):
    """`generalized_dice_loss` as a module."""

    def __init__(self, *, weight: str = "square", per_image: bool = True) -> None:
        super().__init__()
        if weight not in WEIGHTS:
            raise ValueError(f"weight must be one of {', '.join(WEIGHTS)}, got {weight!r}")
        self.weight, self.per_image = weight, per_image

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return generalized_dice_loss(logits, target, weight=self.weight, per_image=self.per_image)
