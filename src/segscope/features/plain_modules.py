"""Modules of torch whose effect on axes is known as a whole: their operations need not be watched.

Seeing one operation costs more than a small one takes, and a norm alone is made of a dozen. So the
watch steps aside while such a module runs, and is told what came of it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from segscope.features.axes import Axes, convolved, named, resized, sizes, unknown_axes
from segscope.features.watch import Watch

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d,
                 nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)  # fmt: skip
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm,
          nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)  # fmt: skip
_ALIKE = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid,
          nn.Tanh, nn.Hardswish, nn.Softplus, nn.Identity,
          nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)  # fmt: skip
_RESIZING = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
             nn.Upsample)  # fmt: skip
_KNOWN = {*_CONVOLUTIONS, *_NORMS, *_ALIKE, *_RESIZING}
_SIDES = {kind: int(kind.__name__[-2]) for kind in _KNOWN if kind.__name__.endswith("d")
          and kind.__name__[-2].isdigit()}  # fmt: skip


def plain_modules(net: nn.Module) -> list[nn.Module]:
    """Modules within a network that do what their type says, and nothing beside.

    What is compiled is left alone.

    Example:
        >>> plain_modules(nn.Sequential(nn.ReLU(), nn.Sequential(nn.Softmin())))
        [ReLU()]
    """
    compiled = {id(part) for module in net.modules() if _is_compiled(module)
                for part in module.modules()}  # fmt: skip
    return [
        module
        for module in net.modules()
        if type(module) in _KNOWN
        and module is not net
        and id(module) not in compiled
        and not (module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))
    ]


def _is_compiled(module: nn.Module) -> bool:
    return type(module).__name__ == "OptimizedModule" or module._compiled_call_impl is not None


class StepAside:
    """Hooks around one module's run.

    Args:
        watch: That of the pass, or None.
    """

    def __init__(self, watch: Callable[[], Watch | None]) -> None:
        self._watch = watch
        self._gone: list[tuple[nn.Module, Watch, Axes]] = []

    def before(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Leave, unless the input is unusual."""
        watch = None if torch.compiler.is_compiling() else self._watch()
        if watch is None or not _is_usual(module, inputs):
            return
        given = inputs[0]
        if getattr(module, "inplace", False):
            watch.will_be_written(given)
        axes = watch.axes_of(given)
        if watch.step_out():
            self._gone.append((module, watch, axes))

    def after(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Come back, and know the axes of what the module gave."""
        if torch.compiler.is_compiling() or not self._gone or self._gone[-1][0] is not module:
            return
        _, watch, axes = self._gone.pop()
        watch.step_in()
        if isinstance(output, Tensor):
            watch.tell(output, _axes_after(type(module), axes, tuple(output.shape)))


def _is_usual(module: nn.Module, inputs: tuple[Any, ...]) -> bool:
    """Whether a module is given one batch, with as many sides as it is made for."""
    if len(inputs) != 1 or type(inputs[0]) is not Tensor:
        return False
    sides = _SIDES.get(type(module))
    return inputs[0].ndim == 2 + sides if sides else inputs[0].ndim > 2


def _axes_after(kind: type[nn.Module], axes: Axes, shape: tuple[int, ...]) -> Axes:
    if len(axes) != len(shape):
        return unknown_axes(shape)
    if kind in _CONVOLUTIONS:
        return convolved(axes, shape)
    if kind in _RESIZING:
        return resized(axes, shape)
    if sizes(axes) != shape:
        return unknown_axes(shape)
    return named(axes, 1) if kind in _NORMS else axes
