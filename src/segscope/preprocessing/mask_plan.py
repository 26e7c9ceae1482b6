"""What a network is shown: the image, a global binary mask, or both; and how the mask is made.

"Leveraging Global Binary Masks for Structure Segmentation in Medical Images". The mask is one
more channel of a case, the last one, in a file of its own; `segscope.priors` makes it.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from segscope.preprocessing.normalise import ChannelPlan
from segscope.preprocessing.plan import Plan

Inputs = Literal["image", "gbm", "image+gbm"]
Frames = Literal["own", "template"]
MaskMethod = Literal["threshold", "network", "labels", "file"]

MASK_CHANNEL = "global binary mask"
_CLOSING_MM = 5.0


class MaskPlan(BaseModel):
    """How the global binary mask of a case is made.

    Args:
        method: ``threshold``: the image is registered to a template, and what is on the inner side
            of a threshold is kept; ``network``: the union of what a coarse run predicts; ``file``:
            masks that the user brings; ``labels``: the union of the expert's labels, for
            experiments (refused when new images are predicted).
        template: Image file to register to; the first training case where not given.
        threshold: ``otsu``, or a value in the files' units (e.g. -300 HU for skin in CT).
        channel: Of the image, that is registered and thresholded.
        transform: ``rigid`` or ``affine``.
        frame: ``template``: the network is shown image and mask in the template's frame, and its
            predictions are brought back; ``own``: in the image's. Not written where it is own.
        run: Folder of the coarse run.
        folder: With one mask ``CASE.ext`` per case, for ``file``.
        labels: Names whose union is the mask, for ``network`` and ``labels``; all where empty.
        components: ``largest`` keeps the largest connected piece, ``all`` keeps every one.
        closing_mm: Gaps up to twice as wide are closed; where not given, 5 mm for ``threshold``,
            which leaves out what is as dark as the surround, and nothing for the others.
        dilation_mm: Added all around.
        seed: Of the registration's samples.
        image_channels: Names of the image's own channels; filled in by the planner.

    Example:
        >>> MaskPlan(method="threshold").threshold
        'otsu'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: MaskMethod
    template: str | None = None
    threshold: Literal["otsu"] | float = "otsu"
    channel: int = Field(default=0, ge=0)
    transform: Literal["rigid", "affine"] = "rigid"
    frame: Frames = Field(default="own", exclude_if=lambda frame: frame == "own")
    run: str | None = None
    folder: str | None = None
    labels: tuple[str, ...] = ()
    components: Literal["largest", "all"] = "largest"
    closing_mm: float | None = Field(default=None, ge=0)
    dilation_mm: float = Field(default=0.0, ge=0)
    seed: int = Field(default=0, ge=0)
    image_channels: tuple[str, ...] = ()

    @property
    def closing(self) -> float:
        """How far is closed, in mm."""
        if self.closing_mm is not None:
            return self.closing_mm
        return _CLOSING_MM if self.method == "threshold" else 0.0

    @property
    def registers(self) -> bool:
        """Whether images are registered to a template."""
        return self.method == "threshold" or self.frame == "template"

    @model_validator(mode="after")
    def _complete(self) -> "MaskPlan":
        wanted = {"run": "network", "folder": "file"}
        for name, method in wanted.items():
            if getattr(self, name) is not None and self.method != method:
                raise ValueError(f"{name} is for method {method}, not {self.method}")
        if self.template is not None and not self.registers:
            raise ValueError("template is for method threshold, or for frame template")
        if self.method == "network" and self.run is None:
            raise ValueError("method network needs run: the folder of a coarse run of segscope")
        if self.method == "file" and self.folder is None:
            raise ValueError("method file needs folder: with one mask CASE.ext per case")
        if self.labels and self.method not in ("network", "labels"):
            raise ValueError(f"labels are for methods network and labels, not {self.method}")
        return self


def plan_inputs(plan: Plan, inputs: Inputs, *, frame: Frames = "own") -> Plan:
    """Add the mask's channel to a plan, or leave nothing but the mask, in one frame or the other.

    The mask alone is not cut to its content: where it lies in the image is what it tells. Nothing
    is in a template's frame, where every place is the same one of every image.

    Example:
        >>> plan = Plan(image_dims=2, spatial_dims=2, channels=(ChannelPlan(name="US"),))
        >>> [channel.scheme for channel in plan_inputs(plan, "image+gbm").channels]
        ['zscore', 'mask']
    """
    own = tuple(channel for channel in plan.channels if channel.scheme != "mask")
    shown = {"frame": frame, "crop": plan.crop and frame == "own"}
    if inputs == "image":
        return plan.model_copy(update={**shown, "channels": own})
    mask = ChannelPlan(name=MASK_CHANNEL, scheme="mask")
    if inputs == "gbm":
        return plan.model_copy(update={**shown, "channels": (mask,), "crop": False})
    return plan.model_copy(update={**shown, "channels": (*own, mask)})


def mask_channels(plan: Plan) -> tuple[int, ...]:
    """Which channels of a plan are masks."""
    return tuple(k for k, channel in enumerate(plan.channels) if channel.scheme == "mask")
