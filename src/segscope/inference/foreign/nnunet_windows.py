"""How nnU-Net's network is run over an image: its windows, mirrored copies and folds.

Sums are kept in float16, as nnU-Net keeps them: in float32 its own probabilities are missed by up
to 0.006. Only the rows that windows still reach are summed up; what is done with goes into one
array, to which the folds add one after the other, so one network and one such array are held.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, combinations, product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from segscope.errors import WorkError
from segscope.features import untouched
from segscope.images import LabelMap, Probabilities
from segscope.inference.foreign.nnunet_prepare import NnunetPrepared, NnunetPreparer
from segscope.inference.model import TrainedModel
from segscope.inference.parts import How

_SIGMA = 1 / 8
_TOP = 10.0  # of the weights: the largest sums stay below float16's limit


def window_starts(side: int, patch: int, overlap: float) -> list[int]:
    """Where windows begin along an axis, evenly spread, the last one at the end.

    Example:
        >>> window_starts(110, 64, 0.5), window_starts(64, 64, 0.5)
        ([0, 23, 46], [0])
    """
    count = math.ceil((side - patch) / (patch * (1 - overlap))) + 1
    step = (side - patch) / (count - 1) if count > 1 else 0.0
    return [int(np.round(step * k)) for k in range(count)]


@lru_cache(maxsize=2)
def window_weights(patch: tuple[int, ...]) -> Tensor:
    """Weights of a window's voxels: a Gaussian in float16, nowhere 0.

    Example:
        >>> window_weights((8,)).tolist()[3:6]
        [6.06640625, 10.0, 6.06640625]
    """
    point = np.zeros(patch)
    point[tuple(side // 2 for side in patch)] = 1
    sigmas = [side * _SIGMA for side in patch]
    bump = ndimage.gaussian_filter(point, sigmas, 0, mode="constant", cval=0)
    weights = torch.from_numpy(bump / (bump.max() / _TOP)).half()
    nothing = weights == 0
    weights[nothing] = weights[~nothing].min()
    return weights


@dataclass(frozen=True, eq=False)
class NnunetInferer:
    """How a results folder is run; an `Inferer`.

    Args:
        preparer: Of the same folder.
        folds: Each puts its weights into the network; the first ones are in it already.
        regions: Values that regions are written as, in order; empty where labels exclude each
            other.
    """

    preparer: NnunetPreparer
    folds: Sequence[Callable[[nn.Module], None]]
    regions: tuple[int, ...] = ()

    def scores(
        self, model: TrainedModel, prepared: NnunetPrepared, how: How
    ) -> NDArray[np.float16]:
        """Mean logits of all folds: ``(K, *P)``."""
        total: Tensor | None = None
        try:
            for number, load in enumerate(self.folds):
                if number:
                    load(model.net)
                total = self._added(model, prepared, how, total)
        finally:
            if len(self.folds) > 1:  # whoever else looks at the network finds the first fold
                self.folds[0](model.net)
        assert total is not None  # there is a fold
        logits: NDArray[np.float16] = total.numpy()
        if len(self.folds) > 1:
            logits /= len(self.folds)
        return logits

    def members(
        self, model: TrainedModel, prepared: NnunetPrepared
    ) -> list[NDArray[np.integer[Any]]]:
        """Labels of each fold alone, on the prepared voxels, without mirrored copies."""
        how = model.how(mirror=False, batch=1)
        found = []
        for load in self.folds:
            one = NnunetInferer(self.preparer, [load], self.regions)
            load(model.net)
            logits = one.scores(model, prepared, how)
            found.append(self._decided(logits[(slice(None), *prepared.inner)][:, None]))
        self.folds[0](model.net)
        return found

    def labels(self, model: TrainedModel, prepared: NnunetPrepared, how: How) -> LabelMap:
        """Bring one class after the other to the file's voxels."""
        logits = self.scores(model, prepared, how)[(slice(None), *prepared.inner)]
        back = (self.preparer.back(one[None], prepared) for one in logits)
        return self._put(self._decided(back), prepared)

    def probabilities(
        self, model: TrainedModel, prepared: NnunetPrepared, how: How
    ) -> tuple[LabelMap, Probabilities]:
        """Bring all classes back at once; labels come from the probabilities, as nnU-Net's do."""
        logits = self.scores(model, prepared, how)[(slice(None), *prepared.inner)]
        back = torch.from_numpy(self.preparer.back(logits, prepared)).float()
        found = (torch.sigmoid(back) if self.regions else torch.softmax(back, 0)).numpy()
        native = np.zeros((len(found), *prepared.native.shape), np.float32)
        if not self.regions:
            native[0] = 1
        self.preparer.put(native, found, prepared)
        if self.regions:
            cut = np.zeros(found.shape[1:], np.uint16)
            for value, one in zip(self.regions, found, strict=True):
                cut[one > 0.5] = value
        else:
            cut = found.argmax(0)
        return self._put(cut, prepared), Probabilities(native, prepared.native)

    def _decided(self, logits: Any) -> NDArray[np.integer[Any]]:
        """Labels of logits that come class after class, ``(1, *S)`` each."""
        winner, best = np.zeros(0, np.uint16), np.zeros(0)
        for number, (one,) in enumerate(logits):
            if not number:
                winner, best = np.zeros(one.shape, np.uint16), one
            if self.regions:
                chance = torch.sigmoid(torch.from_numpy(one).float()).numpy()
                winner[chance > 0.5] = self.regions[number]
            elif number:
                more = one > best
                winner[more] = number
                best = np.where(more, one, best)
        return winner

    def _put(self, cut: NDArray[np.integer[Any]], prepared: NnunetPrepared) -> LabelMap:
        kind = np.uint8 if cut.max(initial=0) < 256 else np.uint16
        native = np.zeros((1, *prepared.native.shape), kind)
        self.preparer.put(native, cut.astype(kind)[None], prepared)
        return LabelMap(native[0], prepared.native)

    def _added(
        self, model: TrainedModel, prepared: NnunetPrepared, how: How, total: Tensor | None
    ) -> Tensor:
        """Add one network's logits to those of others."""
        x = torch.from_numpy(prepared.array)
        cuda = model.device.type == "cuda"  # where nnU-Net computes in half precision too
        half = torch.autocast(model.device.type, enabled=cuda)
        with untouched(model.net), torch.inference_mode(), half:
            for rows, slab in _slabs(model, x, self.preparer.patch, how):
                if not slab.isfinite().all():
                    raise WorkError(
                        "the network's output is not finite for this image: its intensities are "
                        "extreme (see segscope data inspect), or the training diverged"
                    )
                if total is None:  # 0 and a number is that number
                    total = torch.zeros((len(slab), *x.shape[1:]), dtype=torch.half)
                total[:, rows] += slab
        assert total is not None  # an image has rows
        return total


def _slabs(
    model: TrainedModel, x: Tensor, patch: tuple[int, ...], how: How
) -> Iterator[tuple[slice, Tensor]]:
    """Logits of an image ``(C, *P)`` as slabs ``(K, rows, ...)`` of its first axis, in order."""
    if len(patch) == x.ndim - 1:
        yield from _image_slabs(model, x, patch, how)
        return
    for k in range(x.shape[1]):  # slices
        parts = [slab for _, slab in _image_slabs(model, x[:, k], patch, how)]
        yield slice(k, k + 1), torch.cat(parts, 1)[:, None]


def _image_slabs(
    model: TrainedModel, x: Tensor, patch: tuple[int, ...], how: How
) -> Iterator[tuple[slice, Tensor]]:
    starts = [window_starts(n, p, how.overlap) for n, p in zip(x.shape[1:], patch, strict=True)]
    weights = window_weights(patch).to(model.device)
    total, norm = torch.empty(0), torch.empty(0)
    for row, first in enumerate(starts[0]):
        for places, logits in _passes(model, x, [[first], *starts[1:]], patch, how):
            if not total.numel():
                shape = (logits.shape[1], patch[0], *x.shape[2:])
                total = torch.zeros(shape, dtype=torch.half, device=model.device)
                norm = torch.zeros(shape[1:], dtype=torch.half, device=model.device)
            for place, one in zip(places, logits, strict=True):
                here = _box((0, *place[1:]), patch)  # the first row of what is held
                total[(slice(None), *here)] += one * weights
                norm[here] += weights
        last = row + 1 == len(starts[0])
        rows = patch[0] if last else starts[0][row + 1] - first
        yield slice(first, first + rows), (total[:, :rows] / norm[:rows]).cpu()
        if not last:
            for part, axis in ((total, 1), (norm, 0)):
                kept = patch[0] - rows
                # a copy, as the two places may overlap
                part.narrow(axis, 0, kept).copy_(part.narrow(axis, rows, kept).clone())
                part.narrow(axis, kept, rows).zero_()


def _passes(
    model: TrainedModel,
    x: Tensor,
    starts: Sequence[Sequence[int]],
    patch: tuple[int, ...],
    how: How,
) -> Iterator[tuple[list[tuple[int, ...]], Tensor]]:
    """Windows through the network, some at a time; on a processor one by one."""
    places = list(product(*starts))
    batch = 1 if model.device.type == "cpu" else how.batch
    for k in range(0, len(places), batch):
        some = places[k : k + batch]
        cut = [x[(slice(None), *_box(place, patch))] for place in some]
        shown = torch.stack([one.contiguous() for one in cut]).to(model.device)
        yield some, _mirrored(model, shown, how)


def _mirrored(model: TrainedModel, x: Tensor, how: How) -> Tensor:
    logits: Tensor = model.net(x)
    axes = [2 + axis for axis in model.spec.mirror_axes] if how.mirror else []
    flips = list(chain.from_iterable(combinations(axes, n + 1) for n in range(len(axes))))
    for flip in flips:
        logits += torch.flip(model.net(torch.flip(x, flip)), flip)
    return logits.div_(len(flips) + 1) if flips else logits


def _box(corner: Sequence[int], patch: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(at, at + size) for at, size in zip(corner, patch, strict=True))
