"""An ONNX file: checked, then run by onnxruntime; activations come out as further outputs."""

import ast
import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segscope.errors import InputError
from segscope.features.layers import PassedBy
from segscope.inference.foreign.exported import Signature

_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_SCOPES = "pkg.torch.onnx.name_scopes"
_ACTIVATIONS = (
    "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "HardSwish", "HardSigmoid",
    "Sigmoid", "Tanh", "Softplus", "Mish", "ThresholdedRelu", "Swish", "Clip",
)  # fmt: skip
_MIXING = ("Transpose", "MatMul", "Gemm", "Einsum", "Attention", "Shape", "Gather")
"""What follows these need not have its channels first."""
_LARGEST = 1 << 31


class OnnxProgram(nn.Module):
    """A network that onnxruntime runs, on the processor.

    Args:
        model: An ONNX model.
        image: Name of its input.
        answers: Names of its outputs.
        layers: Module's name to the name of its value in the graph.
    """

    def __init__(
        self, model: Any, image: str, answers: Sequence[str], layers: Mapping[str, str]
    ) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.empty(0))  # says on which device results are wanted
        self._image, self._answers = image, list(answers)
        self._plain = _session(model)
        self._model, self._layers = model, dict(layers)
        self._telling: Any = None
        for name in layers:
            owner = self
            *path, last = name.split(".")
            for part in path:
                below = owner._modules.get(part)
                owner = below if below is not None else _added(owner, part)  # type: ignore[assignment]
            owner.add_module(last, PassedBy(channels_first=True))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        told = {n: v for n, v in self._layers.items() if self.get_submodule(n)._forward_hooks}
        given = {self._image: x.detach().cpu().numpy()}
        names = [*self._answers, *told.values()]
        session = self._plain
        if told:
            self._telling = self._telling or _session(_telling(self._model, self._layers))
            session = self._telling
        found = [torch.from_numpy(a).to(self.place.device) for a in session.run(names, given)]
        for name, value in zip(told, found[len(self._answers) :], strict=True):
            self.get_submodule(name)(value)
        answers = tuple(found[: len(self._answers)])
        return answers[0] if len(answers) == 1 else answers


def read_onnx(file: Path) -> tuple[OnnxProgram, Signature]:
    """Read an ONNX file.

    Raises:
        InputError: onnxruntime is not installed; damaged; operators that are not ONNX's own; data
            in other files.
    """
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise InputError(f"{file}: ONNX files need {package}; install segscope[export]")
    onnx: Any = importlib.import_module("onnx")
    if file.stat().st_size > _LARGEST:
        raise InputError(f"{file}: is larger than an ONNX file can be; copy it again")
    try:
        model = onnx.load_model(str(file), load_external_data=False)
    except Exception as error:  # protobuf's own kinds of errors
        raise InputError(f"{file}: is no ONNX file, or damaged ({_line(error)})") from None
    _check(file, model)
    graph = model.graph
    stored = {one.name for one in graph.initializer}
    inputs = [one for one in graph.input if one.name not in stored]
    if len(inputs) != 1 or not graph.output:
        raise InputError(f"{file}: takes {len(inputs)} inputs, one image is expected")
    shape = _shape(inputs[0])
    if inputs[0].type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        raise InputError(f"{file}: takes an image of other numbers than float32; export it again")
    answers = [one.name for one in graph.output]
    try:
        net = OnnxProgram(model, inputs[0].name, answers, _layers(graph))
    except InputError:
        raise
    except Exception as error:  # onnxruntime's own kinds of errors
        raise InputError(f"{file}: onnxruntime does not take it ({_line(error)})") from None
    channels = (*_shape(graph.output[0]), None, None)[1]
    return net, Signature(shape, channels or 0)


def _check(file: Path, model: Any) -> None:
    """Only operators of the standard, and all data within the file."""
    nodes = list(_nodes(model.graph)) + [n for f in model.functions for n in f.node]
    domains = {one.domain for one in (*model.opset_import, *nodes)}
    own = {f.domain for f in model.functions}  # made of other operators, which are checked too
    strange = sorted(domains - set(_DOMAINS) - own)
    if strange:
        raise InputError(
            f"{file}: has operators of {', '.join(strange)}, which are not ONNX's own and never "
            "run; export the network without them"
        )
    outside = [t.name for t in _tensors(model.graph, nodes) if t.external_data]
    if outside:
        raise InputError(
            f"{file}: keeps {outside[0]} in another file, which is never read; save it as one "
            "file: onnx.save(model, file, save_as_external_data=False)"
        )


def _nodes(graph: Any) -> Any:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _nodes(inner)


def _tensors(graph: Any, nodes: Sequence[Any]) -> Any:
    yield from graph.initializer
    for node in nodes:
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from inner.initializer


def _layers(graph: Any) -> dict[str, str]:
    """Names of activations to the values that they make, in the graph's order."""
    found: dict[str, str] = {}
    maps: set[str] = set()  # what comes from convolutions
    for number, node in enumerate(graph.node):
        convolves = node.op_type in ("Conv", "ConvTranspose")
        if convolves or (node.op_type not in _MIXING and maps & set(node.input)):
            maps |= set(node.output)
        if node.op_type not in _ACTIVATIONS or node.output[0] not in maps:
            continue
        name = _name(node, number)
        while name in found or any(f.startswith(f"{name}.") for f in found):
            name += "_"
        found[name] = node.output[0]
    return found


def _name(node: Any, number: int) -> str:
    """The module's name in the network that was exported, or the node's."""
    said = {one.key: one.value for one in node.metadata_props}.get(_SCOPES, "")
    try:
        scopes = [str(part) for part in ast.literal_eval(said)] if said else []
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        scopes = []
    name = scopes[-2] if len(scopes) > 1 and scopes[-2] else node.name.strip("/")
    parts = [part for part in name.replace("/", ".").split(".") if part]
    plain = parts and all(part.replace("_", "").isalnum() for part in parts)
    return ".".join(parts) if plain else f"{node.op_type.lower()}_{number}"


def _telling(model: Any, layers: Mapping[str, str]) -> Any:
    """A copy whose activations are outputs too."""
    copy = type(model)()
    copy.CopyFrom(model)
    there = {one.name for one in copy.graph.output}
    for value in layers.values():
        if value not in there:
            copy.graph.output.add().name = value
    return copy


def _session(model: Any) -> Any:
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    return runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _shape(value: Any) -> tuple[int | None, ...]:
    sides = value.type.tensor_type.shape.dim
    return tuple(int(n.dim_value) if n.HasField("dim_value") else None for n in sides)


def _added(owner: nn.Module, name: str) -> nn.Module:
    module = nn.Module()
    owner.add_module(name, module)
    return module


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
