"""Metrics of masks, exact and with stated conventions."""

from segscope.metrics.centre import centre_distance
from segscope.metrics.lesions import lesion_scores
from segscope.metrics.overlap import Counts, count_agreement, overlap_scores
from segscope.metrics.scores import CaseScores, evaluate_case
from segscope.metrics.summary import Summary, evaluate_folders, statistics
from segscope.metrics.surface import (
    BorderDistances,
    average_distance,
    border,
    border_distances,
    hausdorff_distance,
    surface_dice,
)
from segscope.metrics.volume import volume_scores
from segscope.metrics.wmh import wmh2017

__all__ = [
    "BorderDistances",
    "CaseScores",
    "Counts",
    "Summary",
    "average_distance",
    "border",
    "border_distances",
    "centre_distance",
    "count_agreement",
    "evaluate_case",
    "evaluate_folders",
    "hausdorff_distance",
    "lesion_scores",
    "overlap_scores",
    "statistics",
    "surface_dice",
    "volume_scores",
    "wmh2017",
]
