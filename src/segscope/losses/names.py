"""Losses by the names that recipes use: a new one is a file in this room and a line here."""

from typing import Any

from torch import nn

from segscope.losses.content import ContentLoss
from segscope.losses.hybrid import HybridLoss
from segscope.losses.overlap import DiceCELoss, DiceLoss, GeneralizedDiceLoss, TverskyLoss
from segscope.losses.own import Loss, make_own, no_loss
from segscope.losses.pixel import CrossEntropyLoss, FocalLoss
from segscope.plugins import Kind

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
LOSS: Kind[Loss] = Kind("loss", "segscope.losses", LOSSES, no_loss)


def build_loss(name: str, **options: Any) -> nn.Module:
    """Build a loss by its name in recipes; ``options`` go to its constructor.

    Raises:
        ValueError: No loss has this name, or an option is out of its range.

    Example:
        >>> type(build_loss("hybrid", variant="dice_bce")).__name__
        'HybridLoss'
    """
    build: Any = LOSS.get(name)
    if name not in LOSSES:
        return make_own(LOSS, name, options)
    made: nn.Module = build(**options)
    return made
