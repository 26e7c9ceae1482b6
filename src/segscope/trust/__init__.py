"""How far a prediction can be trusted: figures without truth, what they predict and promise."""

from segscope.trust.agreement import pairwise_dice
from segscope.trust.calibration import DicePredictor, fit_dice_predictor
from segscope.trust.confidence import foreground_negative_entropy, max_probability

__all__ = [
    "DicePredictor",
    "fit_dice_predictor",
    "foreground_negative_entropy",
    "max_probability",
    "pairwise_dice",
]
