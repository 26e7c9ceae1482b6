"""A ``.pt2`` file of `torch.export`, read as data.

Its graph is JSON: a list of operations of torch's own, with the names of what goes in and out. It
is checked and run here, operation by operation. torch's own reader evaluates expressions of the
file and unpickles parts of it, and is not used.
"""

import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segscope.data.json_files import parse_json
from segscope.errors import InputError
from segscope.features.layers import PassedBy
from segscope.inference.foreign.archives import opened_archive

_DTYPES = {
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64,
    6: torch.float16, 7: torch.float32, 8: torch.float64, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip
_FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 3: torch.channels_last_3d,
            4: torch.preserve_format}  # fmt: skip
_STRIDED = 7
_PREFIX = "torch.ops.aten."
# of torch's own operations those that reach beyond tensors
_NEVER = ("from_file", "save", "_print", "file", "_cuda", "record_stream", "set_", "resize")
_WHOLE = {
    "_operator.add": lambda a, b: a + b,
    "_operator.sub": lambda a, b: a - b,
    "_operator.mul": lambda a, b: a * b,
    "_operator.floordiv": lambda a, b: a // b,
    "_operator.mod": lambda a, b: a % b,
    "_operator.neg": lambda a: -a,
}
"""Arithmetic of sides."""
_ASSERTS = ("_assert_scalar", "sym_constrain_range_for_size", "_assert_tensor_metadata")
_ACTIVATIONS = (
    "relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish",
    "softplus", "hardswish", "hardsigmoid", "hardtanh", "sigmoid", "tanh", "threshold",
)  # fmt: skip


@dataclass(frozen=True)
class Signature:
    """What a program takes and gives.

    Args:
        shape: ``(N, C, *S)`` of its image; None where any number is taken.
        outputs: Channels of its first output.
    """

    shape: tuple[int | None, ...]
    outputs: int


@dataclass(frozen=True)
class _Step:
    """One operation: what is called, with what, and where results go."""

    name: str
    call: Any
    args: tuple[tuple[str | None, Any], ...]
    outputs: tuple[str, ...]
    layer: str


class Exported(nn.Module):
    """A program, run operation by operation.

    Args:
        steps: In their order.
        state: Tensors by their names in the network that was exported.
        names: Names in the graph to these.
        image: Name of the image in the graph.
        answers: Names of the outputs in the graph.
    """

    def __init__(
        self,
        steps: Sequence[_Step],
        state: Mapping[str, tuple[Tensor, bool]],
        names: Mapping[str, str],
        image: str,
        answers: Sequence[str],
    ) -> None:
        super().__init__()
        for name, (value, learned) in state.items():
            owner, _, last = name.rpartition(".")
            holder = _module(self, owner)
            if learned and value.is_floating_point():
                holder.register_parameter(last, nn.Parameter(value, requires_grad=True))
            else:
                holder.register_buffer(last, value)
        for step in steps:
            if step.layer:
                owner, _, last = step.layer.rpartition(".")
                _module(self, owner).add_module(last, PassedBy())
        self._steps, self._names = tuple(steps), dict(names)
        self._image, self._answers = image, tuple(answers)
        self._last = _last_uses(steps, answers)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        values: dict[str, Any] = {self._image: x}
        for inner, name in self._names.items():
            owner, _, last = name.rpartition(".")
            values[inner] = getattr(self.get_submodule(owner), last)
        for number, step in enumerate(self._steps):
            args = [_value(arg, values) for name, arg in step.args if name is None]
            named = {name: _value(arg, values) for name, arg in step.args if name is not None}
            found = step.call(*args, **named)
            if step.layer:
                found = self.get_submodule(step.layer)(found)
            results = found if isinstance(found, list | tuple) else [found]
            values.update(zip(step.outputs, results, strict=False))
            for gone in self._last.get(number, ()):
                values.pop(gone, None)
        answers = tuple(values[name] for name in self._answers)
        return answers[0] if len(answers) == 1 else answers


def read_exported(file: Path) -> tuple[Exported, Signature]:
    """Read a ``.pt2`` file.

    Raises:
        InputError: Damaged, with pickled parts, or with operations that are not torch's own.
    """
    with opened_archive(file) as packed:
        names = packed.namelist()
        pickles = [n for n in names if n.endswith((".pkl", ".pickle"))]
        if pickles:
            raise InputError(
                f"{file}: holds a pickle ({pickles[0]}), which could run code and is never loaded; "
                "export the network with torch.export.save of torch 2.9 or later"
            )
        found = [n for n in names if "/models/" in n and n.endswith(".json")]
        if len(found) != 1:
            raise InputError(
                f"{file}: one model is expected in a .pt2 file, found {len(found)}; export it with "
                "torch.export.save of torch 2.9 or later"
            )
        try:
            return _read(file, packed, found[0])
        except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
            raise InputError(
                f"{file}: is no graph of torch.export ({type(error).__name__}: {error}); export "
                "it again"
            ) from None


def _read(file: Path, packed: zipfile.ZipFile, member: str) -> tuple[Exported, Signature]:
    top = member.split("/models/")[0]
    facts = _json(file, packed, member)
    module = facts["graph_module"]
    graph, specs = module["graph"], module["signature"]["input_specs"]
    names: dict[str, str] = {}
    images: list[str] = []
    for spec in specs:
        ((kind, value),) = spec.items()
        if kind == "user_input":
            images.append(str(value["arg"]["as_tensor"]["name"]))
        elif kind in ("parameter", "buffer", "tensor_constant"):
            names[value["arg"]["name"]] = value[f"{kind}_name"]
        else:
            raise InputError(f"{file}: its input {kind} is not known here; only tensors are")
    if len(images) != 1:
        raise InputError(f"{file}: takes {len(images)} inputs, one image is expected")
    state = _tensors(file, packed, top)
    missing = [name for name in names.values() if name not in state]
    if missing:
        raise InputError(f"{file}: holds no tensor {missing[0]}; copy it again")
    answers = [str(one["as_tensor"]["name"]) for one in graph["outputs"]]
    changed = [o for o in module["signature"]["output_specs"] if "user_output" not in o]
    if changed:
        raise InputError(f"{file}: changes its own buffers; export the network after net.eval()")
    holders = {name.rpartition(".")[0] for name in state}
    steps = [_step(file, node, holders) for node in graph["nodes"]]
    values = graph["tensor_values"]
    signature = Signature(_shape(values[images[0]]), _shape(values[answers[0]])[1] or 0)
    used = {name: state[name] for name in dict.fromkeys(names.values())}
    return Exported(steps, used, names, images[0], answers), signature


def _step(file: Path, node: Mapping[str, Any], holders: set[str]) -> _Step:
    target = str(node["target"])
    call, short = _operation(file, target)
    args = tuple(
        (None if one.get("kind") == 1 else str(one["name"]), one["arg"]) for one in node["inputs"]
    )
    for _, arg in args:
        _check_argument(file, target, arg)
    outputs: list[str] = []
    for one in node["outputs"]:
        ((kind, value),) = one.items()
        if kind == "as_tensors":
            outputs += [str(part["name"]) for part in value]
        elif kind == "as_sym_int" or kind == "as_sym_bool":
            outputs.append(str(value["as_name"]))
        elif kind == "as_tensor":
            outputs.append(str(value["name"]))
        elif kind != "as_none":
            raise InputError(f"{file}: {target} gives a {kind}, which is not known here")
    layer = ""
    if short.rstrip("_") in _ACTIVATIONS:
        layer = _layer_name(node, short.rstrip("_"), holders)
    return _Step(short, call, args, tuple(outputs), layer)


def _operation(file: Path, target: str) -> tuple[Any, str]:
    """Torch's own operation of this name, and its short name."""
    if target in _WHOLE:
        return _WHOLE[target], target
    name, _, overload = target.removeprefix(_PREFIX).partition(".")
    own = target.startswith(_PREFIX) and name.isidentifier() and overload.isidentifier()
    if not own or any(part in name for part in _NEVER) or name.startswith("__"):
        raise InputError(
            f"{file}: its operation {target} is not one that is run here (torch's own on tensors); "
            "export the network without it"
        )
    if name in _ASSERTS:
        return (lambda *args, **named: None), name
    try:
        return getattr(getattr(torch.ops.aten, name), overload), name
    except AttributeError:
        raise InputError(f"{file}: this torch has no operation {target}; update it") from None


def _layer_name(node: Mapping[str, Any], short: str, holders: set[str]) -> str:
    """The module that the operation was in, as the network's own names have it."""
    stack = str((node.get("metadata") or {}).get("nn_module_stack") or "")
    path = stack.split(";")[-1].split(",")[1:2]
    own = [part for part in (path[0] if path else "").split(".") if part]
    if not all(part.replace("_", "").isalnum() for part in own):
        own = []
    name = ".".join(own)
    inside = any(h == name or h.startswith(f"{name}.") for h in holders)
    return ".".join([*own, short]) if not own or inside else name


def _module(root: nn.Module, path: str) -> nn.Module:
    """The module of a path, made where it is missing."""
    for part in path.split(".") if path else ():
        below = root._modules.get(part)
        if below is None:
            below = nn.Module()
            root.add_module(part, below)
        root = below
    return root


def _json(file: Path, packed: zipfile.ZipFile, member: str) -> Any:
    try:
        return parse_json(file, packed.read(member).decode())
    except (KeyError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: is damaged ({member}: {error}); copy it again") from None


def _tensors(file: Path, packed: zipfile.ZipFile, top: str) -> dict[str, tuple[Tensor, bool]]:
    """All weights and constants by name, and whether each was learned."""
    found: dict[str, tuple[Tensor, bool]] = {}
    for kind, listed in (("weights", "model_weights_config"),
                         ("constants", "model_constants_config")):  # fmt: skip
        member = f"{top}/data/{kind}/{listed}.json"
        if member not in packed.namelist():
            continue
        for name, facts in _json(file, packed, member)["config"].items():
            if facts.get("use_pickle"):
                raise InputError(f"{file}: its tensor {name} is pickled, which is never loaded")
            data = packed.read(f"{top}/data/{kind}/{facts['path_name']}")
            found[name] = (_tensor(file, name, data, facts["tensor_meta"]),
                           bool(facts.get("is_param")))  # fmt: skip
    return found


def _tensor(file: Path, name: str, data: bytes, meta: Mapping[str, Any]) -> Tensor:
    shape = [int(one["as_int"]) for one in meta["sizes"]]
    strides = [int(one["as_int"]) for one in meta["strides"]]
    dtype = _DTYPES.get(meta["dtype"])
    if dtype is None or meta["layout"] != _STRIDED or min([*shape, *strides, 0]) < 0:
        raise InputError(f"{file}: its tensor {name} is of a kind that is not known here")
    first = int(meta["storage_offset"]["as_int"])
    last = first + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    count = len(data) // dtype.itemsize
    if first < 0 or (math.prod(shape) and last >= count):
        raise InputError(f"{file}: its tensor {name} is cut short; copy the file again")
    if not count:
        return torch.zeros(shape, dtype=dtype)
    flat = torch.from_numpy(np.frombuffer(data, np.uint8).copy())[: count * dtype.itemsize]
    value = torch.as_strided(flat.view(dtype), shape, strides, first)
    if value.is_floating_point() and not value.isfinite().all():
        raise InputError(f"{file}: its tensor {name} has values that are not finite")
    return value.contiguous()


def _shape(value: Mapping[str, Any]) -> tuple[int | None, ...]:
    return tuple(int(n["as_int"]) if "as_int" in n else None for n in value["sizes"])


_PLAIN = ("as_int", "as_float", "as_bool", "as_string", "as_ints", "as_floats", "as_bools")
_KNOWN = (
    *_PLAIN, "as_none", "as_tensor", "as_tensors", "as_optional_tensors", "as_sym_int",
    "as_sym_ints", "as_scalar_type", "as_memory_format", "as_layout", "as_device",
)  # fmt: skip


def _check_argument(file: Path, target: str, arg: Mapping[str, Any]) -> None:
    kind = next(iter(arg), "")
    if len(arg) != 1 or kind not in _KNOWN:
        raise InputError(f"{file}: {target} takes a {kind or 'nothing'}, which is not known here")


def _value(arg: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """What stands in a place of a call."""
    ((kind, value),) = arg.items()
    if kind in _PLAIN:
        return value
    if kind == "as_tensor":
        return values[value["name"]]
    if kind == "as_tensors":
        return [values[one["name"]] for one in value]
    if kind == "as_optional_tensors":
        return [values[o["as_tensor"]["name"]] if "as_tensor" in o else None for o in value]
    if kind == "as_sym_int":
        return _whole(value, values)
    if kind == "as_sym_ints":
        return [_whole(one, values) for one in value]
    if kind == "as_scalar_type":
        return _DTYPES[value]
    if kind == "as_memory_format":
        return _FORMATS[value]
    if kind == "as_device":  # where the network was moved to, not where it was exported
        return next(v.device for v in values.values() if isinstance(v, Tensor))
    return None  # as_none; strided, the only layout that tensors have here


def _whole(value: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    return int(value["as_int"]) if "as_int" in value else int(values[value["as_name"]])


def _names_in(arg: Any) -> list[str]:
    if isinstance(arg, Mapping):
        own = [arg[key] for key in ("name", "as_name") if isinstance(arg.get(key), str)]
        return own + [name for part in arg.values() for name in _names_in(part)]
    return [name for part in arg for name in _names_in(part)] if isinstance(arg, list) else []


def _last_uses(steps: Sequence[_Step], answers: Sequence[str]) -> dict[int, list[str]]:
    """Step to the values that nothing needs after it: their memory is given back."""
    last: dict[str, int] = {}
    for number, step in enumerate(steps):
        for name in [*step.outputs, *(n for _, arg in step.args for n in _names_in(arg))]:
            last[name] = number
    gone: dict[int, list[str]] = {}
    for name, number in last.items():
        if name not in answers:
            gone.setdefault(number, []).append(name)
    return gone
