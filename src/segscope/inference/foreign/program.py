"""Networks that are a program in one file: TorchScript, ``.pt2`` of torch.export, ONNX."""

from pathlib import Path

import torch
from torch import Tensor, nn

from segscope.data import sha256_of
from segscope.errors import InputError
from segscope.inference.foreign.archives import members
from segscope.inference.foreign.asked import Body, trained
from segscope.inference.foreign.exported import Signature, read_exported
from segscope.inference.foreign.onnx_program import read_onnx
from segscope.inference.foreign.torchscript import is_script, read_script
from segscope.inference.kind import Kind, OpenOptions
from segscope.inference.model import TrainedModel

_ENDINGS = (".ts", ".torchscript", ".pt2", ".onnx")
_PERHAPS = (".pt", ".pth")
_TRIED = ((1, 64, 64), (3, 64, 64), (2, 64, 64), (4, 64, 64), (1, 32, 32, 32), (2, 32, 32, 32),
          (3, 32, 32, 32), (4, 32, 32, 32))  # fmt: skip


def is_program(path: Path) -> bool:
    """Whether a file is a program, by its name and, for ``.pt``, its members."""
    ending = path.suffix.lower()
    if not path.is_file() or ending not in (*_ENDINGS, *_PERHAPS):
        return False
    return ending in _ENDINGS or is_script(members(path))


def read_program(path: Path) -> Body:
    """Read a program.

    Raises:
        InputError: Damaged; with parts that are more than a network; its package is not there.
    """
    ending = path.suffix.lower()
    runs = (f"{path}: runs a program from this file",)
    net: nn.Module
    if ending == ".onnx":
        net, signature = read_onnx(path)
        return _body(path, net, signature, "an ONNX file", runs)
    if ending == ".pt2":
        net, signature = read_exported(path)
        return _body(path, net, signature, "a .pt2 file of torch.export", runs)
    if not is_script(members(path)):
        raise InputError(
            f"{path}: is no TorchScript file (it has no code and constants); of weights alone name "
            "the network by --model module:function"
        )
    net = read_script(path)
    found = _tried(path, net)
    return _body(path, net, found, "a TorchScript file", runs)


def _body(path: Path, net: nn.Module, known: Signature, kind: str, notes: tuple[str, ...]) -> Body:
    if len(known.shape) not in (4, 5) or known.shape[1] is None:
        raise InputError(
            f"{path}: takes an image of shape {known.shape}; (N, C, *S) with a known number of "
            "channels and two or three sides is expected"
        )
    sides = known.shape[2:]
    fixed = tuple(side for side in sides if side is not None)
    if fixed and len(fixed) < len(sides):
        raise InputError(f"{path}: fixes some sides of its image and not others: {known.shape}")
    if known.outputs < 1:
        raise InputError(f"{path}: does not say how many channels its output has; export it again")
    return Body(
        net=net,
        tool="a program",
        kind=kind,
        spatial_dims=len(sides),
        in_channels=known.shape[1],
        out_channels=known.outputs,
        fixed=fixed or None,
        one_by_one=known.shape[0] is not None,
        sha256=sha256_of(path),
        notes=notes,
    )


def _tried(path: Path, net: nn.Module) -> Signature:
    """What a script takes, which its file does not say: tried on small empty images."""
    for channels, *sides in _TRIED:
        try:
            with torch.inference_mode():
                found = net(torch.zeros(1, channels, *sides))
        except RuntimeError:
            continue
        first = found[0] if isinstance(found, tuple | list) else found
        if isinstance(first, Tensor) and list(first.shape[2:]) == sides:
            return Signature((1, channels, *(None for _ in sides)), int(first.shape[1]))
    raise InputError(
        f"{path}: takes none of the images that were tried (1 to 4 channels, 64 x 64 or 32 x 32 x "
        "32), or gives no map of their sides; export the network as .pt2 or ONNX"
    )


def _open(path: Path, options: OpenOptions) -> TrainedModel:
    return trained(path, read_program(path), options.prepare, options.device)


def _near_miss(path: Path) -> str | None:
    if not path.is_file() or path.suffix.lower() not in _PERHAPS:
        return None
    return (
        "holds weights alone and not the network that they are of; name it by --model "
        "module:function --weights FILE (audit)"
    )


KIND = Kind("a TorchScript, .pt2 or ONNX file", is_program, _open, ("prepare",), _near_miss)
