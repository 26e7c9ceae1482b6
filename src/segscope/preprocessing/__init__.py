"""One plan from a file's voxels to the network's, and exactly back."""

from segscope.preprocessing.normalise import ChannelPlan, normalise
from segscope.preprocessing.orient import orientation_to_ras, reorient, reorient_grid, restore
from segscope.preprocessing.plan import Plan, Prepared, plan_preprocessing
from segscope.preprocessing.resample import resample_labels, resample_linear, resampled_grid

__all__ = [
    "ChannelPlan",
    "Plan",
    "Prepared",
    "normalise",
    "orientation_to_ras",
    "plan_preprocessing",
    "reorient",
    "reorient_grid",
    "resample_labels",
    "resample_linear",
    "resampled_grid",
    "restore",
]
