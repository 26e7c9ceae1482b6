"""A case that is audited: files of a dataset, or tensors, which are checked."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from segscope.images import Case
from segscope.preprocessing import Preparer, Shown

Axes = Literal["xyz", "zyx"]
"""Order of a network's axes in those of the prepared image."""


@dataclass(frozen=True)
class Opened:
    """A case as the network takes it.

    Args:
        name: Of the case.
        image: ``(C, *S)``.
        truth: ``(1, *S)`` label indices, or None.
        prepared: Leads back to the file's grid; None for a case that came as tensors.
        plan: That prepared it.
        notes: Of its readers and its preparation.
        source: The case's files; None for a case that came as tensors.
        axes: Order of ``image``'s axes in those of the prepared image.
    """

    name: str
    image: Tensor
    truth: Tensor | None
    prepared: Shown | None = None
    plan: Preparer | None = None
    notes: tuple[str, ...] = ()
    source: Case | None = None
    axes: Axes = "xyz"

    def as_prepared(self, maps: Tensor) -> Tensor:
        """Turn maps ``(K, *S)`` from the network's axes to those of the prepared image."""
        return turned(maps, self.axes)


AuditCase = Case | Opened | tuple[str, Tensor, Tensor | None]


def name_of(case: AuditCase) -> str:
    """Name of a case, whatever it comes as.

    Example:
        >>> name_of(Case("a", ())), name_of(("b", Tensor(), None))
        ('a', 'b')
    """
    return case[0] if isinstance(case, tuple) else case.name


def turned(maps: Tensor, axes: Axes) -> Tensor:
    """Reverse the spatial axes of ``(K, *S)`` where the network has them so.

    Example:
        >>> import torch
        >>> tuple(turned(torch.zeros(1, 2, 3, 4), "zyx").shape)
        (1, 4, 3, 2)
    """
    order = [0, *range(maps.ndim - 1, 0, -1)]
    return maps if axes == "xyz" else maps.permute(order).contiguous()


def checked_case(case: AuditCase) -> tuple[str, Tensor, Tensor | None]:
    """Check a case that came as tensors.

    Raises:
        ValueError: It is no ``(name, image (C, *S), truth (1, *S) or None)`` of numbers.

    Example:
        >>> import torch
        >>> checked_case(("a", torch.zeros(1, 4), torch.ones(1, 4)))[0]
        'a'
    """
    if not isinstance(case, tuple) or len(case) != 3 or not isinstance(case[0], str):
        raise ValueError(f"expected a case (name, image, truth), got {type(case).__name__}")
    name, image, truth = case
    given = [image] if truth is None else [image, truth]
    if not all(isinstance(one, Tensor) for one in given):
        kinds = ", ".join(type(one).__name__ for one in given)
        raise ValueError(f"case {name}: expected tensors, got {kinds}; use torch.from_numpy")
    if image.ndim < 2 or (truth is not None and truth.shape != (1, *image.shape[1:])):
        raise ValueError(
            f"case {name}: expected an image (C, *S) and a truth (1, *S) or None, got "
            f"{tuple(image.shape)} and {None if truth is None else tuple(truth.shape)}"
        )
    if not image.numel() or any(one.is_complex() or one.is_quantized for one in given):
        raise ValueError(
            f"case {name}: expected values that are real numbers, got {tuple(image.shape)} of "
            f"{image.dtype}".replace("torch.", "")
        )
    if not image.isfinite().all():
        raise ValueError(f"case {name}: the image has values that are not finite; replace them")
    if truth is not None:
        _check_whole(name, truth)
    return name, image, truth


def check_labels(name: str, truth: Tensor, classes: int) -> None:
    """Refuse a truth that names classes which the network does not have.

    Raises:
        ValueError: It does.

    Example:
        >>> import torch
        >>> check_labels("a", torch.tensor([0, 1]), 2)
    """
    highest = truth.max().item()
    if highest >= classes:
        raise ValueError(
            f"case {name}: the truth holds the label {highest:g}, the network has the classes 0 to "
            f"{classes - 1}; map its values to these first"
        )


def _check_whole(name: str, truth: Tensor) -> None:
    odd = truth < 0
    if truth.is_floating_point():
        odd = odd | ~truth.isfinite() | (truth != truth.floor())
    if odd.any():
        first = truth[odd][0].item()
        raise ValueError(f"case {name}: the truth must hold label indices 0, 1, ..., got {first:g}")
