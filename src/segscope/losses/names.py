"""Losses by the names that recipes use."""

import difflib
from typing import Any

from torch import nn

from segscope.losses.content import ContentLoss
from segscope.losses.hybrid import HybridLoss
from segscope.losses.overlap import DiceCELoss, DiceLoss, GeneralizedDiceLoss, TverskyLoss
from segscope.losses.pixel import CrossEntropyLoss, FocalLoss

LOSSES: dict[str, type[nn.Module]] = {
    "cross_entropy": CrossEntropyLoss,
    "dice": DiceLoss,
    "dice_ce": DiceCELoss,
    "tversky": TverskyLoss,
    "generalized_dice": GeneralizedDiceLoss,
    "focal": FocalLoss,
    "hybrid": HybridLoss,
    "content": ContentLoss,
}


def build_loss(name: str, **options: Any) -> nn.Module:
    """Build a loss by its name in recipes; ``options`` go to its constructor.

    Example:
        >>> type(build_loss("hybrid", variant="dice_bce")).__name__
        'HybridLoss'
    """
    if name not in LOSSES:
        nearest = difflib.get_close_matches(name, LOSSES, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"unknown loss {name!r}, did you mean {nearest!r}? Known: {', '.join(LOSSES)}"
        )
    return LOSSES[name](**options)
