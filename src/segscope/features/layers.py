"""Choosing layers of a network: automatically, by name, by type, or as modules themselves."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.instancenorm import _InstanceNorm

Layer = str | nn.Module
Layers = Literal["auto"] | Sequence[Layer] | nn.Module | type[nn.Module]

NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)


class PassedBy(nn.Identity):
    """Where an activation of a program passes by that has no modules of its own.

    Args:
        channels_first: Its axes are known to be ``(N, C, *s)``, as its operations are not seen.
    """

    def __init__(self, *, channels_first: bool = False) -> None:
        super().__init__()
        self.channels_first = channels_first


_ACTIVATIONS = (
    PassedBy, nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ReLU6, nn.ELU, nn.SELU, nn.CELU,
    nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid, nn.Tanh,
)  # fmt: skip
_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


@dataclass
class Chosen:
    """A module that is read.

    Args:
        module: It.
        runs: Which of its runs in a pass, from 1; None for all.
    """

    module: nn.Module
    runs: set[int] | None = None

    def wants(self, run: int) -> bool:
        """Whether this run of the module is read."""
        return self.runs is None or run in self.runs


def inner(model: nn.Module) -> nn.Module:
    """Unwrap a network from DataParallel, DistributedDataParallel and torch.compile.

    Example:
        >>> net = nn.Conv1d(1, 1, 1)
        >>> inner(nn.DataParallel(net)) is net
        True
    """
    while True:
        wrapped = getattr(model, "_orig_mod", None)
        if wrapped is None and isinstance(model, _WRAPPERS):
            wrapped = model.module
        if not isinstance(wrapped, nn.Module):
            return model
        model = wrapped


def is_scripted(module: nn.Module) -> bool:
    """Whether a module is TorchScript, which tells nobody when its layers run.

    Example:
        >>> is_scripted(nn.ReLU())
        False
    """
    return isinstance(module, torch.jit.ScriptModule)


def run_name(name: str, run: int) -> str:
    """Name a module's run in a pass: ``name``, ``name#2``, ...

    Example:
        >>> run_name("act", 1), run_name("act", 2)
        ('act', 'act#2')
    """
    return name if run == 1 else f"{name}#{run}"


def choose(model: nn.Module, layers: Layers) -> dict[str, Chosen]:
    """Find the modules that are meant, by name.

    Raises:
        ValueError: No such layer (the nearest names are offered), or none of this type.

    Example:
        >>> net = nn.Sequential(nn.Conv1d(1, 2, 1), nn.ReLU())
        >>> list(choose(net, "auto")), list(choose(net, net[0])), list(choose(net, ["1#2"]))
        (['1'], ['0'], ['1'])
    """
    if is_scripted(model):
        raise ValueError(
            "layers: the network is a script (torch.jit), whose layers cannot be read; give the "
            "network that it was made from"
        )
    if isinstance(layers, type):
        kind = {n: m for n, m in model.named_modules() if n and isinstance(m, layers)}
        if not kind:
            raise ValueError(f"layers: the network has no {layers.__name__}")
        return {name: Chosen(module) for name, module in kind.items()}
    if isinstance(layers, str):
        if layers != "auto":
            raise ValueError(f"layers must be 'auto', a list of names or a type, got {layers!r}")
        last = _last_runs(model)
        return {n: Chosen(module, last.get(n)) for n, module in _automatic(model).items()}
    wanted = [layers] if isinstance(layers, nn.Module) else list(layers)
    if not wanted:
        raise ValueError("layers: the list is empty; name at least one, or say 'auto'")
    chosen: dict[str, Chosen] = {}
    for layer in wanted:
        name, module, run = find_layer(model, layer)
        if is_scripted(module):
            raise ValueError(
                f"layer {name}: is a script (torch.jit), which cannot be read; name another layer"
            )
        known = chosen.get(name)
        if known is None:
            chosen[name] = Chosen(module, None if run is None else {run})
        else:
            known.runs = None if run is None or known.runs is None else known.runs | {run}
    return chosen


def find_layer(model: nn.Module, layer: Layer) -> tuple[str, nn.Module, int | None]:
    """Find a layer's module by its name, and which run of it is meant.

    Raises:
        ValueError: The network has no such layer.

    Example:
        >>> find_layer(nn.Sequential(nn.ReLU()), "0#2")
        ('0', ReLU(), 2)
    """
    named = {n: m for n, m in model.named_modules(remove_duplicate=False) if n}
    if isinstance(layer, nn.Module):
        layer_inside = inner(layer)
        for name, module in named.items():
            if module is layer or module is layer_inside:
                return name, module, None
        raise ValueError(
            f"layers: this {type(layer).__name__} is no layer of the network; give one of its own "
            "modules, or a name"
        )
    if not isinstance(layer, str):
        raise ValueError(f"layers: expected names or modules, got {layer!r}")
    if layer in named:
        return layer, named[layer], None
    name, _, run = layer.rpartition("#")
    if name in named and run.isdecimal() and int(run) > 0:
        return name, named[name], int(run)
    near = difflib.get_close_matches(layer, named, n=3, cutoff=0.0)
    raise ValueError(f"layers: there is no {layer!r}; near are {', '.join(near)}")


def _last_runs(model: nn.Module) -> dict[str, set[int]]:
    """The last run of each module inside of one that says that it repeats a layer.

    A recurrent convolution (``layer_runs`` is how often it applies its one convolution) is one
    layer, whose result is that of its last run.
    """
    found: dict[str, set[int]] = {}
    for name, module in model.named_modules():
        runs = getattr(module, "layer_runs", None)
        if isinstance(runs, int):
            found |= {f"{name}.{part}": {runs} for part, _ in module.named_modules() if part}
    return found


def _automatic(model: nn.Module) -> dict[str, nn.Module]:
    named = {name: module for name, module in model.named_modules() if name}
    for kinds in (_ACTIVATIONS, NORMS, _ConvNd):
        found: dict[str, nn.Module] = {
            name: module
            for name, module in named.items()
            if isinstance(module, kinds) and not isinstance(module, _ConvTransposeNd)
        }
        if found:
            return found
    if any(map(is_scripted, model.modules())):
        raise ValueError(
            "layers: TorchScript shows no layers; give the .pt2 file, the ONNX file or the network "
            "that it was made from"
        )
    raise ValueError("layers: the network has no activation, norm or convolution; name layers")
