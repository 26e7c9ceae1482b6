"""Losses, each ``(logits, target) -> scalar``."""

from segscope.losses.combined import CombinedLoss, wants_image
from segscope.losses.content import ContentLoss, content_loss
from segscope.losses.deep_supervision import DeepSupervisionLoss
from segscope.losses.hybrid import HybridLoss, balanced_alpha, hybrid_loss
from segscope.losses.names import LOSS, LOSSES, build_loss
from segscope.losses.overlap import (
    DiceCELoss,
    DiceLoss,
    GeneralizedDiceLoss,
    TverskyLoss,
    dice_ce_loss,
    dice_loss,
    generalized_dice_loss,
)
from segscope.losses.own import Loss
from segscope.losses.pixel import CrossEntropyLoss, FocalLoss, cross_entropy
from segscope.losses.prototype import PrototypeLoss, soft_dice
from segscope.losses.soft_labels import SoftLabels

__all__ = [
    "LOSS",
    "LOSSES",
    "CombinedLoss",
    "ContentLoss",
    "CrossEntropyLoss",
    "DeepSupervisionLoss",
    "DiceCELoss",
    "DiceLoss",
    "FocalLoss",
    "GeneralizedDiceLoss",
    "HybridLoss",
    "Loss",
    "PrototypeLoss",
    "SoftLabels",
    "TverskyLoss",
    "balanced_alpha",
    "build_loss",
    "content_loss",
    "cross_entropy",
    "dice_ce_loss",
    "dice_loss",
    "generalized_dice_loss",
    "hybrid_loss",
    "soft_dice",
    "wants_image",
]
