"""Metrics of masks, exact and with stated conventions."""

from segscope.metrics.centre import centre_distance
from segscope.metrics.classification import auc, classification_scores, drawn_area
from segscope.metrics.folders import LabelReader, evaluate_folders
from segscope.metrics.lesions import lesion_scores
from segscope.metrics.names import (
    HIGHER_IS_BETTER,
    METRIC,
    METRICS,
    SHOWN,
    Metric,
    is_higher_better,
)
from segscope.metrics.overlap import Counts, count_agreement, overlap_scores
from segscope.metrics.pair import MaskPair
from segscope.metrics.resampling import Interval, grouped_intervals
from segscope.metrics.scores import CaseScores, evaluate_case
from segscope.metrics.summary import Summary, counted_value, statistics
from segscope.metrics.surface import (
    BorderDistances,
    average_distance,
    border,
    border_distances,
    hausdorff_distance,
    nearest_distances,
    surface_dice,
)
from segscope.metrics.volume import volume_scores
from segscope.metrics.wmh import wmh2017

__all__ = [
    "HIGHER_IS_BETTER",
    "METRIC",
    "METRICS",
    "SHOWN",
    "BorderDistances",
    "CaseScores",
    "Counts",
    "Interval",
    "LabelReader",
    "MaskPair",
    "Metric",
    "Summary",
    "auc",
    "average_distance",
    "border",
    "border_distances",
    "centre_distance",
    "classification_scores",
    "count_agreement",
    "counted_value",
    "drawn_area",
    "evaluate_case",
    "evaluate_folders",
    "grouped_intervals",
    "hausdorff_distance",
    "is_higher_better",
    "lesion_scores",
    "nearest_distances",
    "overlap_scores",
    "statistics",
    "surface_dice",
    "volume_scores",
    "wmh2017",
]
