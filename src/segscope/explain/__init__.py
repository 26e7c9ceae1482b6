"""What a network can do inside, and how well figures of quality order its predictions."""

from segscope.explain.ability import Ability, layer_ability, mean_ability, unit_ability
from segscope.explain.cam import METHODS as CAM_METHODS
from segscope.explain.cam import (
    CamMethod,
    by_layer,
    check_method,
    class_activation_map,
    class_score,
    package_of_method,
    signed_method,
)
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
from segscope.explain.faithful import Faithful, deletion_insertion
from segscope.explain.heatmaps import (
    best_dice,
    centred_map,
    dice_over_thresholds,
    mean_dice,
    otsu_threshold,
    to_levels,
)
from segscope.explain.separableness import separableness, uniform_noise
from segscope.explain.vog import normalised, variance_of_gradients

__all__ = [
    "CAM_METHODS",
    "Ability",
    "CamMethod",
    "Correlations",
    "CoverageCurve",
    "Faithful",
    "at_coverage",
    "augrc",
    "aurc",
    "best_dice",
    "by_layer",
    "centred_map",
    "check_method",
    "class_activation_map",
    "class_score",
    "correlations",
    "coverage_curve",
    "deletion_insertion",
    "dice_over_thresholds",
    "layer_ability",
    "mean_ability",
    "mean_dice",
    "normalised",
    "otsu_threshold",
    "package_of_method",
    "separableness",
    "share_to_review",
    "signed_method",
    "to_levels",
    "uniform_noise",
    "unit_ability",
    "variance_of_gradients",
]
