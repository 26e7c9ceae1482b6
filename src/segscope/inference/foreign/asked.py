"""Networks that do not say how images are prepared: made usable by what the user says."""

import logging
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from segscope.data import is_plane
from segscope.errors import InputError
from segscope.inference.device import choose_device
from segscope.inference.foreign.wrapped import Form, Wrapped
from segscope.inference.model import TrainedModel
from segscope.inference.own_windows import OwnWindows
from segscope.inference.parts import ForeignSpec, How, Parts
from segscope.inference.prepare_file import NAMES, PrepareFile, beside, read_prepare_file

_LOG = logging.getLogger(__name__)
_MULTIPLE = 32
_IMAGENET = ((123.675, 58.395), (116.28, 57.12), (103.53, 57.375))


@dataclass(frozen=True)
class Body:
    """A network as its files have it.

    Args:
        net: It.
        kind: What it is, for a reader.
        tool: That wrote it.
        spatial_dims: Of its images.
        in_channels: Of its images.
        out_channels: Of its output.
        multiple: What sides must be multiples of; where it is not known, 32 or as the user says.
        fixed: The only sides that it takes.
        one_by_one: It takes one image at a time.
        output: What its file says that it returns.
        sha256: Of its files.
        notes: What was done when it was opened.
        imagenet: Its encoder was trained on ImageNet, whose preparation is then likely.
    """

    net: nn.Module
    kind: str
    spatial_dims: int
    in_channels: int
    out_channels: int
    tool: str = ""
    multiple: tuple[int, ...] | None = None
    fixed: tuple[int, ...] | None = None
    one_by_one: bool = False
    output: str = ""
    sha256: str = ""
    notes: tuple[str, ...] = ()
    imagenet: bool = False


def trained(path: Path, body: Body, prepare: Path | None, device: str = "cpu") -> TrainedModel:
    """Put a network and what the user says of it together.

    Args:
        path: Of the model.
        body: The network.
        prepare: A file, ``asis``, or None: a file of the usual name beside the model.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Raises:
        InputError: Nobody says how images are prepared, with a file that is ready to be filled in;
            what is said does not fit the network.
    """
    where, said = _said(path, body, prepare)
    dims = body.spatial_dims
    names = said.names
    if names is None:
        raise InputError(f"{where}: channel_names: missing; name {body.in_channels} channels")
    if len(names) != body.in_channels:
        raise InputError(
            f"{where}: channel_names: the network takes {body.in_channels} channels, named are "
            f"{len(names)}: {', '.join(names)}"
        )
    labels = _labels(where, said, body)
    said.check_sides(where, dims)
    window = said.window or body.fixed
    if body.fixed is not None and window != body.fixed:
        raise InputError(f"{where}: window: the network takes {body.fixed} and nothing else")
    multiple = body.fixed or said.multiple or body.multiple or (_MULTIPLE,) * dims
    plan = said.plan(where, names, _image_dims(said, dims), dims)
    spec = ForeignSpec(
        tool=body.tool,
        network_name=body.kind,
        labels=labels,
        channel_names=names,
        patch=window,
        file_ending=said.file_ending or (".png" if plan.image_dims == 2 else ".nii.gz"),
        facts={"prepare": said.model_dump(mode="json", exclude_defaults=True)},
    )
    form = Form(
        multiple=multiple,
        fixed=body.fixed,
        one_by_one=body.one_by_one,
        axes=said.axes,
        output="probabilities" if body.output == "probabilities" else said.output,
        exclusive=said.exclusive,
    )
    net = Wrapped(body.net, dims, body.in_channels, body.out_channels, form)
    parts = Parts(
        preparer=plan,
        inferer=OwnWindows(said.exclusive),
        multiple=multiple,
        how=How() if said.overlap is None else How(overlap=said.overlap),
        exclusive=said.exclusive,
        fixed=body.fixed is not None,
    )
    notes = (*body.notes, f"{path}: {body.kind}; images are prepared as {where} says")
    for note in notes:
        _LOG.warning("%s", note)
    placed = net.eval().to(choose_device(device))
    return TrainedModel(spec, placed, weights_sha256=body.sha256, notes=notes, parts=parts)


def _said(path: Path, body: Body, prepare: Path | None) -> tuple[str, PrepareFile]:
    if str(prepare) == "asis":
        channels = {k: str(k) for k in range(body.in_channels)}
        labels = {"background": 0} | {str(k): k for k in range(1, max(2, body.out_channels))}
        return "--prepare asis", PrepareFile(channel_names=channels, labels=labels)
    if str(prepare) == "segscope":
        raise InputError(
            "--prepare segscope: measures a dataset, so it is for audit --model; write a file"
        )
    file = beside(path) if prepare is None else prepare
    if file is None:
        raise InputError(
            f"{path}: {body.kind} does not say how it wants its images, and another preparation "
            "than its own makes every number wrong; say it by --prepare FILE, or save the file as "
            f"{NAMES[0]} beside it, for example:",
            example_for(body).splitlines(),
        )
    return f"--prepare {file}", read_prepare_file(file)


def example_for(body: Body) -> str:
    """A file for ``--prepare`` with as much as a network's own files tell.

    Example:
        >>> print(example_for(Body(nn.Identity(), "ONNX", 2, 1, 1)))
        channel_names: {0: channel 0}
        labels: {background: 0, class 1: 1}
        output: logits          # or probabilities
        axes: xyz               # zyx where the network was trained on arrays in reverse
        preprocessing:
          channels:
            - {name: channel 0, scheme: zscore}
    """
    dims, rgb = body.spatial_dims, body.in_channels == 3
    names = ["R", "G", "B"] if rgb else [f"channel {k}" for k in range(body.in_channels)]
    classes = max(2, body.out_channels)
    labels = ["background: 0", *(f"class {k}: {k}" for k in range(1, classes))]
    lines = [
        f"channel_names: {{{', '.join(f'{k}: {name}' for k, name in enumerate(names))}}}",
        f"labels: {{{', '.join(labels)}}}",
        f"output: {body.output or 'logits':13}   # or probabilities",
        "axes: xyz               # zyx where the network was trained on arrays in reverse",
    ]
    if classes > 2:
        lines.append("exclusive: true         # false: classes overlap, a sigmoid each")
    if dims == 3 and body.fixed is None:
        lines.append("window: [96, 96, 96]    # largest piece at a time")
    lines.append("preprocessing:")
    if dims == 3:
        lines += ["  orientation: RAS", "  spacing_mm: [1, 1, 1]"]
    lines.append("  channels:")
    if body.imagenet and rgb:
        lines[-1] += "             # as ImageNet's images: an assumption, since its encoder was"
    for k, name in enumerate(names):
        scheme = "scheme: zscore"
        if body.imagenet and rgb:
            mean, sd = _IMAGENET[k]
            scheme = f"scheme: ct, lower: 0, upper: 255, mean: {mean}, sd: {sd}"
        lines.append(f"    - {{name: {name}, {scheme}}}")
    return "\n".join(lines)


def _labels(where: str, said: PrepareFile, body: Body) -> dict[str, int]:
    regions = not said.exclusive and body.out_channels > 1
    count = body.out_channels + 1 if regions else max(2, body.out_channels)
    if said.labels is None:
        raise InputError(f"{where}: labels: missing; name {count}, from background: 0 on")
    if sorted(said.labels.values()) != list(range(count)):
        raise InputError(
            f"{where}: labels: the network has {body.out_channels} outputs, so {count} labels "
            f"with the values 0 to {count - 1} are expected, got {said.labels}"
        )
    return said.labels


def _image_dims(said: PrepareFile, dims: int) -> int:
    """Of the images: as said, or as the files that the model was made for, or as the network."""
    told = said.preprocessing.get("image_dims")
    if told in (2, 3):
        return int(told)
    if said.preprocessing.get("slice_axis") is not None:
        return 3
    if said.file_ending is not None:
        return 2 if is_plane(said.file_ending) else 3
    return dims
