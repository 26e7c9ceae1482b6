"""Losses that compare voxel by voxel: cross entropy and focal loss."""

from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional

from segscope.losses.target import as_target, widen


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross entropy over voxels, from logits; binary for one channel.

    Args:
        logits: ``(N, K, *S)``.
        target: Labels ``(N, 1, *S)`` or probabilities ``(N, K, *S)``.

    Example:
        >>> round(cross_entropy(torch.zeros(1, 2, 4), torch.zeros(1, 1, 4)).item(), 4)
        0.6931
    """
    truth = as_target(logits, target)
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(widen(logits), truth)
    return functional.cross_entropy(widen(logits), truth)


class CrossEntropyLoss(nn.Module):
    """`cross_entropy` as a module."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(logits, target)


class FocalLoss(nn.Module):
    """Cross entropy that counts sure voxels less, by (1 - p)^gamma; computed by MONAI.

    Lin et al. 2017, arXiv:1708.02002, eq. 5 (ANU-Net paper, eq. 7).

    Args:
        gamma: 0 is cross entropy.
        alpha: Weight of the foreground, 1 - alpha of the background; none where not given.
    """

    def __init__(self, *, gamma: float = 2.0, alpha: float | None = None) -> None:
        from monai.losses import FocalLoss as Monai

        super().__init__()
        self.by_sigmoid = Monai(gamma=gamma, alpha=alpha)
        self.by_softmax = Monai(gamma=gamma, alpha=alpha, use_softmax=True)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        truth = as_target(logits, target)
        loss = self.by_sigmoid if logits.shape[1] == 1 else self.by_softmax
        # with softmax MONAI averages over classes as well, of which one is not zero per voxel
        classes = 1 if logits.shape[1] == 1 else logits.shape[1]
        value: Tensor = loss(widen(logits), truth) * classes
        return value


def one_vs_rest_logits(logits: Tensor) -> Tensor:
    """Return for each foreground class the logit of its softmax probability.

    log p - log(1 - p), exact also where p rounds to 0 or 1: the class's logit minus the
    log-sum-exp of all others. A single channel is returned as it is.

    Example:
        >>> one_vs_rest_logits(torch.tensor([[[0.0], [2.0]]])).tolist()
        [[[2.0]]]
    """
    if logits.shape[1] == 1:
        return logits
    channels = logits.unbind(1)
    found = [
        own - reduce(torch.logaddexp, (*channels[:k], *channels[k + 1 :]))
        for k, own in enumerate(channels)
        if k > 0
    ]
    return torch.stack(found, 1)
