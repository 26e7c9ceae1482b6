r"""Prototype segmentation: what a layer's features could segment, never upsampling the features.

He et al., "Segmentation Ability Map", section 3.1. With the guide :math:`b`, prototypes
:math:`c_t, c_b` (eq. 6) and squared Euclidean distances (Algorithm 1), the decision is linear in
the features, and so is interpolation :math:`U`:

.. math:: |F - c_b|^2 - |F - c_t|^2 = U\left(2 f (c_t - c_b) - |c_t|^2 + |c_b|^2\right)

so C channels are projected to one on their own small grid, and that one is upsampled. Prototypes
need sums over the fine grid, which are sums over the small grid with the guide pooled by the
transpose: :math:`\sum w\,Uf = \sum (U^T w) f`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from segscope.features.interpolation import pool_transposed, upsample


@dataclass(frozen=True)
class Shares:
    """How much each voxel of a layer's grid is worth in the mean of each class.

    Args:
        weights: ``(N, K, voxels)``, of sum 1 where the class has members.
        members: ``(N, K)``: whether the class has any weight.
    """

    weights: Tensor
    members: Tensor

    @classmethod
    def of(cls, pooled: Tensor) -> Self:
        """Divide pooled weights ``(N, K, voxels)`` by their sums."""
        mass = pooled.sum(-1)
        members = mass > 0
        # a class without members gets a centre of zeros, which nobody reads
        return cls(pooled / torch.where(members, mass, 1.0)[..., None], members)

    @cached_property
    def alone(self) -> bool:
        """Whether an image has fewer than two classes to choose from."""
        return bool((self.members.sum(1) < 2).any())


@dataclass(frozen=True)
class Prototypes:
    """Mean features of each class.

    Args:
        centres: ``(N, K, C)``, background first.
        members: ``(N, K)``: whether the class has any weight.
    """

    centres: Tensor
    members: Tensor


def segmentation_ability_map(
    features: Tensor,
    guide: Tensor,
    *,
    size: Sequence[int] | None = None,
    tissue: Tensor | None = None,
) -> Tensor:
    """Probabilities that each voxel is nearer to a class's prototype (SAM, eqs. 2-7).

    Differentiable in features and guide. Sums are taken in float32 at least.

    Args:
        features: ``(N, C, *s)``, 1 to 3 spatial dimensions.
        guide: In [0, 1], ``(N, 1, *S)`` for one object, or ``(N, K, *S)``, background first.
        size: Shape of the result; the guide's where not given (a guide of another shape is
            interpolated).
        tissue: ``(N, 1, *S)``; voxels of 0 take no part in the prototypes.

    Returns:
        ``(N, 1, *size)``: probability of the object (the SAM is where it exceeds 0.5); or ``(N, K,
        *size)``, softmax over the classes (the SAM is its argmax). A guide without members of the
        object or of everything else gives background everywhere.

    Raises:
        ValueError: Shapes that do not fit together; features that are not finite.

    Example:
        >>> f = torch.tensor([[[0.0, 1.0, 5.0, 6.0]]])
        >>> segmentation_ability_map(f, torch.tensor([[[0.0, 0.0, 0.0, 1.0]]])).gt(0.5).tolist()
        [[[False, False, True, True]]]
    """
    size = tuple(guide.shape[2:]) if size is None else tuple(size)
    with torch.autocast(features.device.type, enabled=False):
        f = widen(features)
        found = prototypes(f, guide, size=size, tissue=tissue)
        f = f.to(found.centres.dtype)
        single = guide.shape[1] == 1
        logits = upsample(projected(f, found, single=single), size)
        ones = [1] * (f.ndim - 2)
        if single:
            both = found.members.all(1).view(-1, 1, *ones)
            return torch.sigmoid(torch.where(both, logits, -torch.inf))
        logits = torch.where(found.members.view(*found.members.shape, *ones), logits, -torch.inf)
        # fewer than two classes to choose from: background
        alone = found.members.sum(1) < 2
        only = torch.full_like(logits, -torch.inf)
        only[:, 0] = 0
        return torch.where(alone.view(-1, 1, *ones), only, logits).softmax(1)


def prototypes(
    features: Tensor,
    guide: Tensor,
    *,
    size: Sequence[int] | None = None,
    tissue: Tensor | None = None,
) -> Prototypes:
    """Weighted means of the features over each class (eq. 6), exact for upsampled features.

    Arguments and errors as of `segmentation_ability_map`; a guide of one channel stands for two
    classes, ``1 - b`` and ``b``.

    Example:
        >>> f = torch.tensor([[[0.0, 1.0, 5.0, 6.0]]])
        >>> prototypes(f, torch.tensor([[[0.0, 0.0, 1.0, 1.0]]])).centres.flatten().tolist()
        [0.5, 5.5]
    """
    size = tuple(guide.shape[2:]) if size is None else tuple(size)
    check_shapes(features, guide, tissue)
    with torch.autocast(features.device.type, enabled=False):
        f = widen(features)
        weights = pool_transposed(class_maps(guide, size, tissue), f.shape[2:]).flatten(2)
        # a network in double precision may have a guide in single, or the other way round
        common = torch.promote_types(f.dtype, weights.dtype)
        return centres_of(f.to(common), Shares.of(weights.to(common)))


def centres_of(f: Tensor, shares: Shares) -> Prototypes:
    """Mean features of each class, of features of the shares' number type.

    Raises:
        ValueError: Features that are not finite.
    """
    centres = shares.weights @ f.flatten(2).transpose(1, 2)
    if not centres.detach().isfinite().all():
        raise ValueError("features are not finite (NaN or infinite values)")
    return Prototypes(centres, shares.members)


def class_maps(guide: Tensor, size: Sequence[int], tissue: Tensor | None) -> Tensor:
    """Weight of each voxel in each class, background first: ``(N, K, *size)``."""
    classes = widen(guide)
    if guide.shape[1] == 1:
        classes = torch.cat([1 - classes, classes], 1)
    classes = upsample(classes, size)
    return classes if tissue is None else classes * upsample(widen(tissue), size)


def widen(x: Tensor) -> Tensor:
    """Turn half precision, integers and booleans into float32; float64 stays as it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def projected(f: Tensor, found: Prototypes, *, single: bool) -> Tensor:
    """Logits on the features' own grid: ``(N, 1, *s)`` of a single object, else ``(N, K, *s)``.

    Interpolated to another size they are the logits there; members are not looked at.
    """
    return _logit_of_object(f, found) if single else _logits_of_classes(f, found)


def _logit_of_object(f: Tensor, found: Prototypes) -> Tensor:
    background, target = found.centres[:, :1], found.centres[:, 1:]
    way = target - background
    # distance to the plane half way between the two: no large squares are subtracted
    middle = (way * (target + background)).sum(-1, keepdim=True) / 2
    return (2 * (way @ f.flatten(2) - middle)).unflatten(2, f.shape[2:])


def _logits_of_classes(f: Tensor, found: Prototypes) -> Tensor:
    # softmax does not change when all logits move alike: centres relative to their mean keep digits
    shift = found.centres.mean(1, keepdim=True)
    centres = found.centres - shift
    squares = (centres * (found.centres + shift)).sum(-1, keepdim=True)
    return (2 * (centres @ f.flatten(2)) - squares).unflatten(2, f.shape[2:])


def check_shapes(features: Tensor, guide: Tensor, tissue: Tensor | None) -> None:
    """Refuse shapes that do not fit together.

    Raises:
        ValueError: They do not.
    """
    dims = features.ndim - 2
    if not 1 <= dims <= 3:
        raise ValueError(
            f"features must be (N, C, *s) with 1 to 3 sides, got {tuple(features.shape)}"
        )
    if guide.ndim != features.ndim or len(guide) != len(features):
        raise ValueError(
            f"guide must be ({len(features)}, K, {dims} sides) for features of shape "
            f"{tuple(features.shape)}, got {tuple(guide.shape)}"
        )
    wanted = (len(guide), 1, *guide.shape[2:])
    if tissue is not None and tuple(tissue.shape) != wanted:
        raise ValueError(f"tissue must be {wanted} as the guide is, got {tuple(tissue.shape)}")
