"""A MONAI bundle's network run by its own inferer, and its postprocessing, in the file's order."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segscope.errors import InputError, WorkError
from segscope.features import untouched
from segscope.features.outputs import answer_of, shapes_of
from segscope.images import LabelMap, Probabilities
from segscope.inference.foreign.bundle_config import BundleConfig
from segscope.inference.foreign.bundle_images import BundlePreparer, BundleShown, quiet
from segscope.inference.foreign.bundle_parts import Part, make_inferer
from segscope.inference.model import TrainedModel
from segscope.inference.parts import How


@dataclass(frozen=True, eq=False)
class BundleInferer:
    """How a bundle is run.

    Args:
        config: Of the bundle.
        part: Its inferer.
        how: What it says of overlap.
        post: Transforms of MONAI on scores, in order; the way back to the file's voxels is among
            them.
        activation: The first of them that makes probabilities, if any.
        exclusive: A voxel has one class.
        preparer: Of the bundle.
    """

    config: BundleConfig
    part: Part
    how: How
    post: tuple[Any, ...]
    activation: Any
    exclusive: bool
    preparer: BundlePreparer

    def scores(
        self, model: TrainedModel, prepared: BundleShown, how: How
    ) -> NDArray[np.floating[Any]]:
        """Run the network: ``(K, *P)`` as it comes out.

        Raises:
            InputError: Mirroring was asked for.
            WorkError: What comes out is not finite.
        """
        if how.mirror:
            raise InputError("--mirror: this bundle does not say that its network may be mirrored")
        changed: dict[str, Any] = {}
        if self.part.name != "SimpleInferer" and how.overlap != self.how.overlap:
            changed["overlap"] = how.overlap
        inferer = make_inferer(self.config, self.part, **changed)
        net = model.net

        def answer(x: Tensor, *_: Any, **__: Any) -> Tensor:
            given = net(x)
            found = answer_of(given, lambda t: len(t) == len(x) and t.ndim == x.ndim)
            if found is None:
                raise InputError(f"the bundle's network gives no map ({shapes_of(given)})")
            return found.tensor

        x = torch.from_numpy(np.require(prepared.array, np.float32, ["C", "W"]))[None]
        with untouched(net), torch.inference_mode(), quiet():
            found = inferer(x.to(model.device), answer)[0].float().cpu()
        if not found.isfinite().all():
            raise WorkError(
                "the network's output is not finite for this image: its intensities are extreme "
                "(see segscope data inspect), or the training diverged"
            )
        return found.numpy()

    def labels(self, model: TrainedModel, prepared: BundleShown, how: How) -> LabelMap:
        """Say the label of every voxel of the file, as the bundle's postprocessing does."""
        return self._label(self.scores(model, prepared, how), prepared)

    def probabilities(
        self, model: TrainedModel, prepared: BundleShown, how: How
    ) -> tuple[LabelMap, Probabilities]:
        """Say the same with probabilities on the file's grid.

        Where the bundle brings these back before it decides on labels they are its own, also beyond
        what it crops, where it has none of any class.
        """
        scores = self.scores(model, prepared, how)
        label, found = self._label(scores, prepared), self.activated(scores)
        before = self._before_labels()
        if before:
            own = self.preparer.run_post(before, scores, prepared)
            array = self.preparer.to_file(own, prepared)
            return label, Probabilities(np.ascontiguousarray(array, np.float32), prepared.native)
        if self.exclusive:
            return label, self.preparer.undo(found, prepared)
        # one by one: outside of what was prepared no region is certain
        native = [self.preparer.undo(one[None], prepared).array[0] for one in found]
        return label, Probabilities(np.stack(native), prepared.native)

    def _before_labels(self) -> tuple[Any, ...]:
        """The steps up to labels, where the way back is among them."""
        names = [type(one).__name__ for one in self.post]
        end = names.index("AsDiscreted") if "AsDiscreted" in names else 0
        both = {"Activationsd", "Invertd"} <= set(names[:end])
        return self.post[:end] if both else ()

    def activated(self, scores: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Turn scores to probabilities, as the bundle does or, where it does not, by their kind."""
        found = torch.from_numpy(np.array(scores, np.float32))
        if self.activation is not None:
            data: Mapping[str, Any] = self.activation({"pred": found})
            found = torch.as_tensor(data["pred"])
        elif self.exclusive and len(found) > 1:
            found = found.softmax(0)
        else:
            found = found.sigmoid()
        return found.numpy()

    def _label(self, scores: NDArray[np.floating[Any]], prepared: BundleShown) -> LabelMap:
        found = self.preparer.run_post(self.post, scores, prepared)
        array = self.preparer.to_file(found, prepared)
        label = array[0].round()
        if len(array) > 1 and self.exclusive:
            label = array.argmax(0)
        elif len(array) > 1:
            label = np.zeros(array.shape[1:])
            for value, region in enumerate(array, start=1):
                label[region > 0.5] = value
        if label.min() < 0 or not np.isfinite(label).all():
            raise WorkError("the bundle's postprocessing gives values that are no labels")
        kind = np.uint8 if label.max(initial=0) < 256 else np.uint16
        return LabelMap(label.astype(kind), prepared.native, prepared.notes)


def with_way_back(post: list[Any], preparer: BundlePreparer) -> tuple[list[Any], bool]:
    """Add the way back to the file's voxels where the bundle has none; whether it had none."""
    transforms: Any = importlib.import_module("monai.transforms")
    if any(isinstance(one, transforms.Invertd) for one in post):
        return post, False
    back = transforms.Invertd(
        keys="pred",
        transform=preparer.compose(),
        orig_keys="image",
        nearest_interp=True,
        to_tensor=True,
    )
    return [*post, back], True


def overlap_of(values: Mapping[str, Any]) -> How:
    """The overlap that an inferer's values say; MONAI's own default is a quarter."""
    said = values.get("overlap", 0.25)
    return replace(How(), overlap=float(said[0] if isinstance(said, list) else said))
