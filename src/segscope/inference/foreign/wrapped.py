"""Another tool's network in the form of our own: logits out, sides and axes as it wants them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from segscope.errors import InputError
from segscope.features.outputs import answer_of, shapes_of
from segscope.inference.prepare_file import Axes, Output
from segscope.networks import Segmenter

_LEAST = 1e-7  # of a probability: its logarithm is finite
_SUM = 2e-2  # what rounding may cost the sum of probabilities in half precision


@dataclass(frozen=True)
class Form:
    """What a network takes and gives.

    Args:
        multiple: What sides must be multiples of, in the image's axes.
        fixed: The only sides that it takes, in the image's axes.
        one_by_one: It takes one image at a time.
        axes: ``zyx``: its axes are those of the image in reverse.
        output: ``probabilities`` are turned to logits, and come back as they were.
        exclusive: Its classes exclude each other; else each has a sigmoid.
    """

    multiple: tuple[int, ...] | None = None
    fixed: tuple[int, ...] | None = None
    one_by_one: bool = False
    axes: Axes = "xyz"
    output: Output = "auto"
    exclusive: bool = True


class Wrapped(Segmenter):
    """A network that is used as our own are.

    Layers keep the names that they have in ``body``.

    Args:
        body: Takes ``(N, C, *S)``; of several outputs the first map of the image's sides is taken.
        spatial_dims: Of its images.
        in_channels: Of its images.
        out_channels: Of its output.
        form: What the body takes and gives.

    Example:
        >>> net = Wrapped(nn.Sigmoid(), 1, 1, 1, Form(output="probabilities"))
        >>> net(torch.tensor([[[0.5, 2.0]]])).round(decimals=3).tolist()
        [[[0.5, 2.0]]]
    """

    def __init__(
        self,
        body: nn.Module,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        form: Form,
    ) -> None:
        steps = tuple(form.multiple or (1,) * spatial_dims)
        super().__init__(spatial_dims, in_channels, out_channels, (1, 1), [steps])
        self.body = body
        self.form = form

    @property
    def fixed(self) -> tuple[int, ...] | None:
        """The only sides that the body takes."""
        return self.form.fixed

    @property
    def pads_after(self) -> bool:
        """As its own tool does."""
        return True

    def padded(self, sides: Sequence[int]) -> tuple[int, ...]:
        """Sides that the body takes."""
        return super().padded(sides) if self.fixed is None else self.fixed

    def named_modules(
        self,
        memo: set[nn.Module] | None = None,
        prefix: str = "",
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        """The body's, by its own names: a reader knows these."""
        yield prefix, self
        yield from self.body.named_modules(memo, prefix, remove_duplicate)

    def forward(self, x: Tensor) -> Tensor:
        parts = x.split(1) if self.form.one_by_one else [x]
        return torch.cat([self._answer(part) for part in parts])

    def _answer(self, x: Tensor) -> Tensor:
        x = _reversed(x, self.form.axes)
        given = self.body(x)
        found = answer_of(given, lambda t: t.shape[2:] == x.shape[2:] and len(t) == len(x))
        if found is None or found.tensor.shape[1] != self.out_channels:
            raise InputError(
                f"the network's output is not a map of {self.out_channels} classes: "
                f"{shapes_of(given)} for an image {tuple(x.shape)}; check labels of --prepare"
            )
        answer = _reversed(found.tensor.float(), self.form.axes)
        if self.form.output == "auto":
            _check_logits(answer)
        if self.form.output != "probabilities":
            return answer
        return _to_logits(answer, alone=not self.form.exclusive or answer.shape[1] == 1)


def _reversed(x: Tensor, axes: Axes) -> Tensor:
    return x if axes == "xyz" else x.permute(0, 1, *range(x.ndim - 1, 1, -1)).contiguous()


def _to_logits(found: Tensor, *, alone: bool) -> Tensor:
    if not (found.min() >= -1e-4 and found.max() <= 1 + 1e-4):
        raise InputError(
            "output: probabilities, but the network's values lie outside of 0..1: say output: "
            "logits in the file for --prepare"
        )
    if alone:
        return torch.logit(found, eps=_LEAST)
    if ((found.sum(1) - 1).abs() > _SUM).any():
        raise InputError(
            "output: probabilities, but they do not add up to 1 over the classes: these overlap; "
            "say exclusive: false in the file for --prepare"
        )
    return found.clamp(min=_LEAST).log()


def _check_logits(found: Tensor) -> None:
    within = bool(found.min() >= 0) and bool(found.max() <= 1 + 1e-4)
    if within and found.unique().numel() > 1:
        raise InputError(
            "the network's output lies in 0..1 everywhere: say output: probabilities in the file "
            "for --prepare, or output: logits if these are logits"
        )
