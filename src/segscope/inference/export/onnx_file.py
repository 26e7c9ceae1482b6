"""A run's network as an ONNX file of sides of any size, checked in onnxruntime."""

import contextlib
import copy
import importlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segscope.data import atomic_path
from segscope.errors import InputError, WorkError
from segscope.networks import Segmenter

OPSET = 18
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_TOLERANCE = 1e-4  # of the logits' range
_TRIED = (2, 3, 5)  # times the network's multiple
_SCOPES = "pkg.torch.onnx.name_scopes"
_MOST = 1 << 14


def write_onnx(file: Path, net: Segmenter) -> float:
    """Write a network, and compare it with what was written on three shapes.

    Args:
        file: Replaced as a whole.
        net: On any device.

    Returns:
        The largest difference of logits, as a share of their range.

    Raises:
        InputError: A package is not installed; the network cannot be written so.
        WorkError: What was written gives other logits.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"--to onnx: needs {', '.join(missing)}; install segscope[export]")
    net = copy.deepcopy(net).cpu().eval()
    model = _traced(net)
    _strip(model)
    with atomic_path(file) as temporary:
        temporary.write_bytes(model.SerializeToString())
    return check_onnx(file, net)


def check_onnx(file: Path, net: Segmenter) -> float:
    """Run a file and its network on three shapes.

    Returns:
        The largest difference of logits, as a share of their range.

    Raises:
        WorkError: They differ by more than 1e-4.
    """
    runtime: Any = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for x in _examples(net):
        with torch.inference_mode():
            own = net(x).numpy()
        (found,) = session.run(["logits"], {"image": x.numpy()})
        scale = max(float(np.ptp(own)), 1e-6)
        apart = float(np.abs(found - own).max()) / scale if found.shape == own.shape else np.inf
        worst = max(worst, apart)
    if not worst <= _TOLERANCE:
        raise WorkError(
            f"{file}: onnxruntime gives other logits than the network, by {worst:.2g} of their "
            "range; do not use it, and report this with --debug"
        )
    return worst


def _examples(net: Segmenter) -> Iterator[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    for number, times in enumerate(_TRIED):
        sides = [side * (times + axis % 2) for axis, side in enumerate(net.multiple)]
        yield torch.randn(1 + number % 2, net.in_channels, *sides, generator=generator)


def _traced(net: Segmenter) -> Any:
    """Export with any batch, and sides that are any multiples of what the network needs."""
    dim: Any = torch.export.Dim
    sides = [step * dim(f"s{axis}", min=2, max=_MOST) for axis, step in enumerate(net.multiple)]
    shapes = {0: dim("batch", min=1, max=_MOST), **{2 + a: side for a, side in enumerate(sides)}}
    x = torch.zeros(2, net.in_channels, *(4 * step for step in net.multiple))
    with _quiet():
        try:
            program = torch.onnx.export(
                net,
                (x,),
                dynamo=True,
                dynamic_shapes=(shapes,),
                input_names=["image"],
                output_names=["logits"],
                opset_version=OPSET,
                verbose=False,
            )
        except Exception as error:  # the exporter fails in any way
            said = " ".join(str(error).split())[:200]
            raise InputError(f"--to onnx: this network cannot be written ({said})") from None
    assert program is not None  # it is returned where no file is named
    return program.model_proto


def _strip(model: Any) -> None:
    """Take away what tells of the machine: paths in stack traces; modules' names stay."""
    graphs: Sequence[Any] = [model.graph, *model.functions]
    del model.metadata_props[:]
    model.doc_string = ""
    for graph in graphs:
        graph.doc_string = ""
        del graph.metadata_props[:]
        for node in graph.node:
            node.doc_string = ""
            kept = [(one.key, one.value) for one in node.metadata_props if one.key == _SCOPES]
            del node.metadata_props[:]
            for key, value in kept:
                one = node.metadata_props.add()
                one.key, one.value = key, value
        for value in (*graph.value_info, *getattr(graph, "initializer", ())):
            value.doc_string = ""
            del value.metadata_props[:]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's own progress and warnings."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
