"""The parts of any model: what it is, how images become its arrays, how its network is run.

A run of segscope has a `ModelSpec`, a `Plan` and our windows. A model of another tool brings the
same three with the rules of that tool; who predicts, audits or ranks sees only what is here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from segscope.images import Image, LabelMap, Probabilities
from segscope.inference.verdict import Verdict
from segscope.preprocessing import Inputs, MaskPlan, Preparer

if TYPE_CHECKING:
    from segscope.inference.model import TrainedModel

BATCH = 4


class Described(Protocol):
    """What a model is; see `ModelSpec` for the meaning of each."""

    @property
    def network_name(self) -> str:
        """For the reader."""

    @property
    def labels(self) -> Mapping[str, int]:
        """Name to value in label maps, background included."""

    @property
    def channel_names(self) -> tuple[str, ...]:
        """In the order of the network's input."""

    @property
    def file_channels(self) -> int:
        """Channels of the images that are given."""

    @property
    def patch(self) -> tuple[int, ...] | None:
        """Of a window, in prepared voxels; None for a network that takes whole images."""

    @property
    def mirror_axes(self) -> tuple[int, ...]:
        """Along which the network was trained on mirrored images, among its spatial axes."""

    @property
    def file_ending(self) -> str:
        """Of the dataset it was trained on."""

    @property
    def inputs(self) -> Inputs:
        """What the network is shown."""

    @property
    def mask(self) -> MaskPlan | None:
        """How the global binary mask is made, for a network that is shown one."""


@dataclass(frozen=True)
class ForeignSpec:
    """What a model of another tool is.

    Args:
        tool: For the reader and the manifest: ``nnU-Net v2``.
        network_name: The network's class.
        labels: Name to value in label maps, ``background`` 0 included.
        channel_names: In the order of the network's input.
        patch: Of a window, in the network's order of axes; None for whole images.
        mirror_axes: Among the network's spatial axes.
        file_ending: Of the images it was made for.
        facts: What else decides its predictions (hashes, folds, ...) or was ignored, as plain
            values; kept in every manifest.
    """

    tool: str
    network_name: str
    labels: Mapping[str, int]
    channel_names: tuple[str, ...]
    patch: tuple[int, ...] | None = None
    mirror_axes: tuple[int, ...] = ()
    file_ending: str = ".nii.gz"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file_channels(self) -> int:
        """All are given."""
        return len(self.channel_names)

    @property
    def inputs(self) -> Inputs:
        """Never a mask."""
        return "image"

    @property
    def mask(self) -> None:
        """None is made."""
        return


@dataclass(frozen=True)
class How:
    """How a prepared image is run through a network.

    Args:
        mirror: Average over all mirrored copies along the model's ``mirror_axes``.
        overlap: Of neighbouring windows, as a share of a window's side.
        batch: Windows or slices per pass: more is faster on a GPU and takes more memory.
    """

    mirror: bool = False
    overlap: float = 0.5
    batch: int = BATCH

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < 1:
            raise ValueError(f"overlap must be at least 0 and below 1, got {self.overlap}")
        if self.batch < 1:
            raise ValueError(f"batch must be at least 1, got {self.batch}")


class Inferer(Protocol):
    """How a model's network is run over a prepared image, and what is made of what it says."""

    def scores(self, model: "TrainedModel", prepared: Any, how: How) -> NDArray[np.floating[Any]]:
        """Run it: ``(K, *P)`` on the prepared image's voxels, logits or probabilities.

        Raises:
            WorkError: What comes out is not finite.
        """

    def labels(self, model: "TrainedModel", prepared: Any, how: How) -> LabelMap:
        """Say the label of every voxel of the file."""

    def probabilities(
        self, model: "TrainedModel", prepared: Any, how: How
    ) -> tuple[LabelMap, Probabilities]:
        """Say the same with probabilities on the file's grid, from one run."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What a model of another tool brings beside its specification and its network.

    Args:
        preparer: Image to array, and back.
        inferer: Array to labels.
        multiple: What sides must be multiples of, per axis of the network, for one pass.
        how: It is run, where a user does not say.
        output: What the network returns.
        exclusive: A voxel has one class (softmax); else every channel is a region (sigmoid).
        regions: Of a model that is not exclusive: the labels in each region of the truth, in the
            order of the channels; where empty, a region is the label of its own name.
        truth: Labels that truth may hold, where these are more than the model writes.
        members: Labels of each of several networks alone, on the prepared voxels.
        reverse_axes: Probabilities are written ``(K, z, y, x)``, as nnU-Net writes them.
        judge: Tells how far an image is from what the model has seen; None where nothing is known.
    """

    preparer: Preparer
    inferer: Inferer
    multiple: tuple[int, ...] | None = None
    how: How = field(default_factory=How)
    output: Literal["logits", "probabilities"] = "logits"
    exclusive: bool = True
    regions: tuple[tuple[int, ...], ...] = ()
    truth: Mapping[str, int] | None = None
    members: "Callable[[TrainedModel, Any], list[NDArray[np.integer[Any]]]] | None" = None
    reverse_axes: bool = False
    judge: Callable[[str, Image], Verdict] | None = None
