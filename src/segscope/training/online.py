"""Losses on what layers hold, beside the loss on what the network says."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segscope.features import FeatureHooks, Layers
from segscope.losses import PrototypeLoss


class OnlineLoss(nn.Module):
    """The loss on the heads plus a weighted `PrototypeLoss` on layers' features.

    Args:
        base: ``(heads, target) -> scalar``.
        weight: Of the prototype loss.
        prototype: That loss.
    """

    def __init__(self, base: nn.Module, weight: float, prototype: PrototypeLoss) -> None:
        super().__init__()
        self.base, self.weight, self.prototype = base, weight, prototype
        self._features: list[Tensor] = []

    needs_image = True

    def forward(
        self, heads: Sequence[Tensor], target: Tensor, image: Tensor | None = None
    ) -> Tensor:
        features, self._features = self._features, []
        online = self.prototype(heads[-1], target, features=features)
        return self.base(heads, target, image=image) + self.weight * online

    def reading(self, net: nn.Module, layers: Layers) -> FeatureHooks:
        """Read the network's layers in every training step within the returned context.

        Raises:
            ValueError: There is no such layer.
        """

        # activations are not written over in networks of ours; what a name or a type means may be
        copied = layers != "auto"

        def keep(name: str, features: Tensor) -> None:
            if torch.is_grad_enabled():  # not when validating
                self._features.append(features.clone() if copied else features)

        return FeatureHooks(net, layers, keep)
