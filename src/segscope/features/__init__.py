"""Layers' features and the maps they can draw: the mathematics that losses and audits share."""

from segscope.features.prototypes import prototypes, segmentation_ability_map
from segscope.features.taps import Layers, Taps, feature_names, inner
from segscope.features.units import MapCounts, UnitCounts, map_counts, to_labels, unit_counts

__all__ = [
    "Layers",
    "MapCounts",
    "Taps",
    "UnitCounts",
    "feature_names",
    "inner",
    "map_counts",
    "prototypes",
    "segmentation_ability_map",
    "to_labels",
    "unit_counts",
]
