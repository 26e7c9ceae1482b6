"""Losses of other packages as losses of a recipe: made alike, and what they return is checked."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from segscope.losses.combined import call, wants_image
from segscope.plugins import Kind, plain

Loss = Callable[..., Callable[[Tensor, Tensor], Tensor]]
"""What makes a loss: called with a recipe's ``loss.options``, as a class is.

What it returns, a module or a function, is called with logits ``(N, C, *S)`` (one channel: sigmoid;
several: softmax, background first) and the target, whole-number labels ``(N, 1, *S)``, and returns
a scalar of which the logits have a gradient. One that has ``needs_image = True`` is given the
network's input, ``image=``, ``(N, channels, *S)``, too.
"""


def no_loss(found: Any) -> str:
    """What keeps an object from being a `Loss`, or nothing.

    Example:
        >>> no_loss(nn.MSELoss())
        'is a MSELoss, where a class or a function that makes the loss is expected'
    """
    if isinstance(found, nn.Module) or not callable(found):
        return f"is {plain(found)}, where a class or a function that makes the loss is expected"
    return ""


class OwnLoss(nn.Module):
    """A loss of another package, whose values are looked at."""

    def __init__(self, loss: Any, kind: Kind[Any], name: str) -> None:
        super().__init__()
        self.loss = loss
        self._known = kind, name

    @property
    def needs_image(self) -> bool:
        """Whether the loss does."""
        return wants_image(self.loss)

    def forward(self, logits: Tensor, target: Tensor, image: Tensor | None = None) -> Tensor:
        kind, name = self._known
        with kind.running(name):
            found = call(self.loss, logits, target, image)
        if not isinstance(found, Tensor) or found.ndim > 0:
            got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else plain(found)
            raise kind.fault(name, f"returns {got}, a scalar is expected (a tensor of shape ())")
        if logits.requires_grad and not found.requires_grad:
            raise kind.fault(name, "returns what has no gradient; compute it of the logits")
        return found


def make_own(kind: Kind[Any], name: str, options: dict[str, Any]) -> OwnLoss:
    """Call what a package declares.

    Raises:
        InputError: It fails, or returns what cannot be called; the package is named.
    """
    make = kind.get(name)
    with kind.running(name):
        loss = make(**options)
    if not callable(loss):
        raise kind.fault(name, f"makes {plain(loss)}, which cannot be called")
    return OwnLoss(loss, kind, name)
