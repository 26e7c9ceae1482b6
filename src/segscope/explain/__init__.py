"""What a network can do inside, and how far a prediction can be trusted."""

from segscope.explain.ability import Ability, layer_ability, mean_ability, unit_ability
from segscope.explain.calibration import DicePredictor, fit_dice_predictor
from segscope.explain.coverage import (
    Correlations,
    CoverageCurve,
    at_coverage,
    augrc,
    aurc,
    correlations,
    coverage_curve,
    share_to_review,
)
from segscope.explain.quality import foreground_certainty, max_probability, pairwise_dice
from segscope.explain.separableness import separableness, uniform_noise
from segscope.explain.vog import normalised, variance_of_gradients

__all__ = [
    "Ability",
    "Correlations",
    "CoverageCurve",
    "DicePredictor",
    "at_coverage",
    "augrc",
    "aurc",
    "correlations",
    "coverage_curve",
    "fit_dice_predictor",
    "foreground_certainty",
    "layer_ability",
    "max_probability",
    "mean_ability",
    "normalised",
    "pairwise_dice",
    "separableness",
    "share_to_review",
    "uniform_noise",
    "unit_ability",
    "variance_of_gradients",
]
