"""Guides and references of one image, prepared once, that all its layers are held against.

What hangs on the image alone (pooled guides, reference columns) is made once, not once a layer; and
a decision needs no probability: the object is where the logit is above 0, a class where its logit
is the highest.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from segscope.features.interpolation import pool_transposed, upsample
from segscope.features.prototypes import (
    Prototypes,
    Shares,
    centres_of,
    check_shapes,
    class_maps,
    projected,
    widen,
)
from segscope.features.votes import Votes, label_like, likeliest, raise_to

_CHUNK_VALUES = 2**17
"""Values of upsampled features at a time: 512 KiB in float32, which stays in a core's cache."""


class Yardstick:
    """Compares what layers and units would segment with references, for several guides at once.

    Args:
        guides: Of one image, each ``(1, 1 or K, *S)`` as of `segmentation_ability_map`.
        references: Each ``(1, 1, *S)`` label indices.
        tissue: ``(1, 1, *S)``; voxels of 0 take no part in the prototypes and count nowhere.

    Example:
        >>> truth = torch.tensor([[[0, 0, 0, 1]]])
        >>> rule = Yardstick([truth.float()], [truth])
        >>> rule.layers([torch.tensor([[[0.0, 1.0, 5.0, 6.0]]])])[0].tolist()
        [[[2.0, 1.0]]]
    """

    def __init__(
        self,
        guides: Sequence[Tensor],
        references: Sequence[Tensor],
        *,
        tissue: Tensor | None = None,
    ) -> None:
        self.size = tuple(guides[0].shape[2:])
        self.guides, self.tissue = guides, tissue
        self.single = guides[0].shape[1] == 1
        self.classes = max(2, guides[0].shape[1])
        self.votes = Votes(references, self.classes, tissue)
        self._maps: list[Tensor] | None = None
        self._shares: dict[tuple[tuple[int, ...], torch.dtype], list[Shares]] = {}

    def small_logits(self, features: Tensor) -> Tensor:
        """Project a layer ``(1, C, *s)`` on its own grid: ``(guides, 1 or K, *s)``.

        Raises:
            ValueError: Shapes that do not fit together; features that are not finite.
        """
        with torch.autocast(features.device.type, enabled=False):
            f, found = self._prototypes(features)
            return torch.cat([projected(f, one, single=self.single) for one in found])

    def decided(self, logits: Sequence[Tensor]) -> Tensor:
        """Count the maps of layers of one grid, given their `small_logits`.

        Returns:
            ``(layers, guides, classes - 1, 1 + references)``: voxels of the map of each class but
            the background, and how many of them lie in each reference's class.
        """
        small = tuple(logits[0].shape[2:])
        alone = [shares.alone for shares in self._shares_of(small, logits[0])]
        members = torch.cat([shares.members for shares in self._shares_of(small, logits[0])])
        kinds = logits[0].shape[1]
        fine = upsample(torch.cat(list(logits), 1), self.size)
        fine = fine.unflatten(1, (len(logits), kinds)).flatten(3)  # guides, layers, kinds, voxels
        found = []
        for guide, maps in enumerate(fine):
            if alone[guide]:
                found.append(self.votes.none(len(logits)))
            elif kinds == 1:
                found.append(self.votes.of_object(maps[:, 0].sigmoid().gt(0.5)))
            else:
                absent = ~members[guide]
                if absent.any():
                    maps = maps.masked_fill(absent[None, :, None], -torch.inf)
                found.append(self.votes.of_labels(likeliest(maps.softmax(1))))
        return torch.stack(found, 1)

    def layers(self, features: Sequence[Tensor]) -> Tensor:
        """Count the maps of layers of one grid, as `decided` of their `small_logits`."""
        return self.decided([self.small_logits(one) for one in features])

    def units(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Let every channel of a layer segment alone.

        Returns:
            Counts ``(guides, C, classes - 1, 1 + references)`` as of `decided`, and for the first
            guide the share of units whose map holds the voxel, ``(1, classes - 1, *S)``.
        """
        with torch.autocast(features.device.type, enabled=False):
            return self._units(features)

    def _units(self, features: Tensor) -> tuple[Tensor, Tensor]:
        f, found = self._prototypes(features)
        alone = [shares.alone for shares in self._shares_of(tuple(f.shape[2:]), f)]
        channels, voxels = f.shape[1], math.prod(self.size)
        counts = self.votes.none(len(found) * channels).unflatten(0, (len(found), channels))
        total = torch.zeros(self.classes - 1, voxels, device=f.device)
        for part in _parts(channels, voxels):
            fine = upsample(widen(features[:, part]), self.size)[0].flatten(1)
            for guide, one in enumerate(found):
                if alone[guide]:
                    continue
                centres = one.centres[0, :, part]
                if self.classes == 2:
                    inside = _beyond_middle(fine, centres)
                    counts[guide, part] = self.votes.of_object(inside)
                    if guide == 0:
                        total[0] += inside.sum(0, dtype=total.dtype)
                    continue
                label = _nearest(fine, centres, one.members[0].tolist())
                counts[guide, part] = self.votes.of_labels(label)
                if guide == 0:
                    for k in range(1, self.classes):
                        total[k - 1] += (label == k).sum(0, dtype=total.dtype)
        if self.votes.valid is not None:
            total *= self.votes.valid
        return counts, (total / channels).unflatten(1, self.size)[None]

    def _prototypes(self, features: Tensor) -> tuple[Tensor, list[Prototypes]]:
        check_shapes(features, self.guides[0], self.tissue)
        f = widen(features)
        shares = self._shares_of(tuple(f.shape[2:]), f)
        f = f.to(shares[0].weights.dtype)
        return f, [centres_of(f, one) for one in shares]

    def _shares_of(self, small: tuple[int, ...], f: Tensor) -> list[Shares]:
        if self._maps is None:
            self._maps = [class_maps(g, self.size, self.tissue) for g in self.guides]
        dtype = torch.promote_types(self._maps[0].dtype, f.dtype)
        known = self._shares.get((small, dtype))
        if known is None:
            pooled = [pool_transposed(maps, small).flatten(2).to(dtype) for maps in self._maps]
            known = self._shares[small, dtype] = [Shares.of(one) for one in pooled]
        return known


def _parts(channels: int, voxels: int) -> Iterator[slice]:
    step = max(1, _CHUNK_VALUES // voxels)
    for first in range(0, channels, step):
        yield slice(first, min(first + step, channels))


def _beyond_middle(fine: Tensor, centres: Tensor) -> Tensor:
    """Whether values ``(C, V)`` lie on the object's side of the middle of centres ``(2, C)``."""
    way = (centres[1] - centres[0]).sign()[:, None]
    return (fine * way).gt_(way * centres.mean(0)[:, None])


def _nearest(fine: Tensor, centres: Tensor, members: Sequence[bool]) -> Tensor:
    """Class ``(C, V)`` of the nearest of several numbers ``(K, C)``.

    Ties go to the first, so equal centres are background.
    """
    nearest, distance = torch.full_like(fine, torch.inf), torch.empty_like(fine)
    label = label_like(fine, len(centres))
    for k in range(len(centres)):
        if members[k]:
            torch.sub(fine, centres[k][:, None], out=distance).abs_()
            raise_to(label, distance < nearest, k)
            torch.minimum(nearest, distance, out=nearest)
    return label
