"""Layers' features and the maps they can draw: the mathematics that losses and audits share."""

from segscope.features.hooks import FeatureHooks, Passing, feature_names
from segscope.features.layers import Layer, Layers, inner
from segscope.features.outputs import Answer, answer_of, shapes_of
from segscope.features.prototypes import prototypes, segmentation_ability_map
from segscope.features.units import MapCounts, UnitCounts, map_counts, unit_counts
from segscope.features.untouched import run, taken, untouched
from segscope.features.votes import to_labels
from segscope.features.yardstick import Yardstick

__all__ = [
    "Answer",
    "FeatureHooks",
    "Layer",
    "Layers",
    "MapCounts",
    "Passing",
    "UnitCounts",
    "Yardstick",
    "answer_of",
    "feature_names",
    "inner",
    "map_counts",
    "prototypes",
    "run",
    "segmentation_ability_map",
    "shapes_of",
    "taken",
    "to_labels",
    "unit_counts",
    "untouched",
]
