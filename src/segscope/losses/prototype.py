"""The online loss of prototype segmentation: every layer should be able to segment."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segscope.features import segmentation_ability_map
from segscope.losses.target import as_probabilities, as_target, foreground

_SMOOTH = 1e-5


class PrototypeLoss(nn.Module):
    r"""Mean over layers of one minus the soft Dice of their map with the truth.

    :math:`\frac{1}{N} \sum_i \left(1 - Dice(p_i, G)\right)` with :math:`p_i` the probabilities of
    `segscope.features.segmentation_ability_map` (He et al., "Segmentation Ability Map", sections
    3.2 and 4.2). Gradients flow through features, prototypes and guide, the network's own output.

    A batch without any object teaches nothing: no map can overlap with a truth that is empty, so
    the loss is constant (gradients of 1e-11, where one lesion gives 1e-3). Use it beside a
    voxel-wise loss, as the method does, and draw patches that hold the object.

    Args:
        detach_guide: Let no gradient flow through the guide.

    Example:
        >>> features = [torch.tensor([[[0.0, 0.0, 9.0]]])]
        >>> logits, target = torch.tensor([[[-9.0, -9.0, 9.0]]]), torch.tensor([[[0, 0, 1]]])
        >>> round(PrototypeLoss()(logits, target, features=features).item(), 3)
        0.0
    """

    def __init__(self, *, detach_guide: bool = False) -> None:
        super().__init__()
        self.detach_guide = detach_guide

    def forward(self, logits: Tensor, target: Tensor, *, features: Sequence[Tensor]) -> Tensor:
        """Compare every layer's map with the truth.

        Args:
            logits: The network's output ``(N, 1 or K, *S)``.
            target: Label indices ``(N, 1, *S)`` or probabilities of the logits' shape.
            features: Of each layer, ``(N, C, *s)``.

        Raises:
            ValueError: No features, or shapes that do not fit together.
        """
        if not features:
            raise ValueError("features: at least one layer is needed")
        guide = as_probabilities(logits)
        if self.detach_guide:
            guide = guide.detach()
        truth = as_target(logits, target)
        terms = [1 - soft_dice(segmentation_ability_map(f, guide), truth) for f in features]
        return torch.stack(terms).mean()


def soft_dice(probabilities: Tensor, truth: Tensor) -> Tensor:
    """Mean soft Dice over samples and classes but the background; both empty is 1.

    Args:
        probabilities: ``(N, 1 or K, *S)``.
        truth: Of the same shape.

    Example:
        >>> soft_dice(torch.tensor([[[0.5, 0.5]]]), torch.tensor([[[1.0, 0.0]]])).item()
        0.5000025033950806
    """
    p, t = (x.flatten(2) for x in foreground(probabilities, truth))
    overlap = (p * t).sum(-1)
    return ((2 * overlap + _SMOOTH) / (p.sum(-1) + t.sum(-1) + _SMOOTH)).mean()
