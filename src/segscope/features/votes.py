"""Counting how maps agree with label maps, and deciding which class is the likeliest."""

from collections.abc import Sequence

import torch
from torch import Tensor

_EXACT = 2**23
"""Sums of ones in float32 are exact below 2**24."""


class Votes:
    """Label maps of one image, ready to be counted against many maps.

    Args:
        references: Each ``(1, 1, *S)`` label indices.
        classes: With the background; values of references that are no class count nowhere.
        tissue: ``(1, 1, *S)``; voxels of 0 count nowhere.

    Example:
        >>> votes = Votes([torch.tensor([[[0, 1, 1]]])], 2)
        >>> votes.of_object(torch.tensor([[True, True, False]])).tolist()
        [[[2.0, 1.0]]]
        >>> votes.of_labels(torch.tensor([[0, 1, 0]], dtype=torch.uint8)).tolist()
        [[[1.0, 1.0]]]
    """

    def __init__(self, references: Sequence[Tensor], classes: int, tissue: Tensor | None = None):
        self.classes = classes
        self.labels = torch.stack([reference.flatten() for reference in references])
        self.valid = None if tissue is None else tissue.flatten() > 0
        self._columns: Tensor | None = None
        self._narrow: dict[torch.dtype, Tensor] = {}

    def none(self, maps: int) -> Tensor:
        """Counts of empty maps, ``(maps, classes - 1, 1 + references)``."""
        shape = (maps, self.classes - 1, 1 + len(self.labels))
        return torch.zeros(shape, dtype=torch.float64)

    def of_object(self, inside: Tensor) -> Tensor:
        """Count maps ``(maps, voxels)`` of a single class: ``(maps, 1, 1 + references)``."""
        if self._columns is None:
            columns = torch.cat([torch.ones_like(self.labels[:1]), self.labels == 1]).bool()
            if self.valid is not None:
                columns &= self.valid
            self._columns = columns.to(torch.float32).t()
        pairs = zip(inside.split(_EXACT, 1), self._columns.split(_EXACT, 0), strict=True)
        with torch.autocast(inside.device.type, enabled=False):  # half precision does not count
            counts = sum((a.to(torch.float32) @ b).double() for a, b in pairs)
        return torch.as_tensor(counts).cpu()[:, None]

    def of_labels(self, label: Tensor) -> Tensor:
        """Count label maps ``(maps, voxels)`` of uint8 or int32: ``(maps, classes - 1, 1 + R)``.

        One count over (label, agrees with the first reference, with the second, ...).
        """
        kinds = 2 ** len(self.labels)
        fits = self.classes * kinds <= 256
        code = label.to(torch.uint8 if fits else torch.int32) * kinds
        for k, reference in enumerate(self._references(label.dtype)):
            code.add_(label == reference, alpha=2**k)
        if self.valid is not None:
            code *= self.valid  # to background, which is not counted
        bins = self.classes * kinds
        table = torch.stack([torch.bincount(one, minlength=bins) for one in code])
        table = table.view(len(label), self.classes, kinds)[:, 1:].double().cpu()
        agrees = [table[..., [c for c in range(kinds) if c >> k & 1]].sum(-1)
                  for k in range(len(self.labels))]  # fmt: skip
        return torch.stack([table.sum(-1), *agrees], -1)

    def _references(self, dtype: torch.dtype) -> Tensor:
        """In the type of the maps; what is no class becomes background, which is not counted."""
        if dtype not in self._narrow:
            known = (self.labels > 0) & (self.labels < self.classes)
            self._narrow[dtype] = torch.where(known, self.labels, 0).to(dtype)
        return self._narrow[dtype]


def likeliest(scores: Tensor) -> Tensor:
    """Index of the highest value on the last axis but one, ``(..., K, voxels)``: first of equal.

    A running maximum: argmax over an axis with strides is about ten times slower.

    Example:
        >>> likeliest(torch.tensor([[0.5, 0.2], [0.5, 0.8]])).tolist()
        [0, 1]
    """
    best = scores[..., 0, :].clone()
    label = label_like(best, scores.shape[-2])
    for k in range(1, scores.shape[-2]):
        one = scores[..., k, :]
        raise_to(label, one > best, k)
        torch.maximum(best, one, out=best)
    return label


def label_like(values: Tensor, classes: int) -> Tensor:
    """Labels of 0 in the shape of ``values``, in the narrowest type that holds the classes."""
    return torch.zeros_like(values, dtype=torch.uint8 if classes <= 256 else torch.int32)


def raise_to(label: Tensor, where: Tensor, k: int) -> None:
    """Write a class into labels that are all lower; faster than filling by a mask."""
    # a mask lies in memory as the numbers 0 and 1
    ones = where.view(torch.uint8) if label.dtype == torch.uint8 else where.to(label.dtype)
    torch.maximum(label, ones.mul_(k), out=label)


def to_labels(probabilities: Tensor) -> Tensor:
    """Take the likeliest class: ``(N, 1 or K, *S)`` to label indices ``(N, 1, *S)``.

    Example:
        >>> to_labels(torch.tensor([[[0.5, 0.6]]])).tolist()
        [[[0, 1]]]
    """
    if probabilities.shape[1] == 1:
        return (probabilities > 0.5).long()
    found = likeliest(probabilities.detach().flatten(2)).long()
    return found[:, None].unflatten(2, probabilities.shape[2:])
