"""One plan from a file's voxels to the network's, and exactly back."""

from segscope.preprocessing.crop import content_box, crop_or_pad, cut, cut_grid
from segscope.preprocessing.describe import describe_plan
from segscope.preprocessing.label_rows import LabelRows
from segscope.preprocessing.mask_plan import (
    MASK_CHANNEL,
    Inputs,
    MaskPlan,
    mask_channels,
    plan_inputs,
)
from segscope.preprocessing.normalise import ChannelPlan, normalise
from segscope.preprocessing.orient import orientation_to_ras, reorient, reorient_grid, restore
from segscope.preprocessing.plan import Plan, Prepared
from segscope.preprocessing.planning import plan_preprocessing
from segscope.preprocessing.preparer import Preparer, Shown
from segscope.preprocessing.resample import resample, resample_labels, resampled_grid
from segscope.preprocessing.way_back import (
    pack_label,
    pack_way_back,
    unpack_label,
    unpack_way_back,
)

__all__ = [
    "MASK_CHANNEL",
    "ChannelPlan",
    "Inputs",
    "LabelRows",
    "MaskPlan",
    "Plan",
    "Prepared",
    "Preparer",
    "Shown",
    "content_box",
    "crop_or_pad",
    "cut",
    "cut_grid",
    "describe_plan",
    "mask_channels",
    "normalise",
    "orientation_to_ras",
    "pack_label",
    "pack_way_back",
    "plan_inputs",
    "plan_preprocessing",
    "reorient",
    "reorient_grid",
    "resample",
    "resample_labels",
    "resampled_grid",
    "restore",
    "unpack_label",
    "unpack_way_back",
]
