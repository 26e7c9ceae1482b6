"""Shape and position as an input: global binary masks, and how far they can be believed."""

from segscope.priors.distance import PriorDistance, prior_distance
from segscope.priors.global_mask import GlobalMask, global_binary_mask
from segscope.priors.mask_source import MaskSource, open_mask_source, resolve_mask_plan
from segscope.priors.masks import (
    CaseMask,
    frame_file,
    make_masks,
    masked,
    masked_dataset,
    note_plausibility,
    write_reference,
)
from segscope.priors.plausibility import MaskFigures, Plausibility, measure_mask, plausibility
from segscope.priors.register import Transform, onto, register

__all__ = [
    "CaseMask",
    "GlobalMask",
    "MaskFigures",
    "MaskSource",
    "Plausibility",
    "PriorDistance",
    "Transform",
    "frame_file",
    "global_binary_mask",
    "make_masks",
    "masked",
    "masked_dataset",
    "measure_mask",
    "note_plausibility",
    "onto",
    "open_mask_source",
    "plausibility",
    "prior_distance",
    "register",
    "resolve_mask_plan",
    "write_reference",
]
