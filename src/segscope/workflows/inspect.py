"""What a model is, and what will be done with an image; or why it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segscope.workflows.options import ModelOptions, check_model

if TYPE_CHECKING:
    from segscope.inference import TrainedModel
    from segscope.inference.classify import ClassifierModel


@dataclass(frozen=True)
class Inspected:
    """A model that can be used.

    Args:
        path: Where it is.
        kind: What it is.
        network: The network's class.
        channels: Of an image, in order.
        labels: Name to value; of a classifier its classes.
        preparation: What is done to an image, in sentences.
        running: How the network is run over it, in sentences.
        notes: What was assumed, changed or left out when it was opened.
        facts: What else decides its predictions.
    """

    path: Path
    kind: str
    network: str
    channels: tuple[str, ...]
    labels: Mapping[str, int]
    preparation: tuple[str, ...]
    running: tuple[str, ...]
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        from segscope.data import json_ready

        return json_ready({**vars(self), "path": str(self.path)})

    def to_text(self) -> str:
        """Say it for a terminal."""
        named = ", ".join(f"{value} {name}" for name, value in self.labels.items())
        lines = [
            f"{self.path}: {self.kind}",
            f"network: {self.network}",
            f"channels: {', '.join(self.channels)}",
            f"labels: {named}",
            "an image is prepared:",
            *(f"  {sentence}" for sentence in self.preparation),
            "and run:",
            *(f"  {sentence}" for sentence in self.running),
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def inspect_model(path: Path, options: ModelOptions | None = None) -> Inspected:
    """Open a model and say what it is.

    Args:
        path: Folder or file, as its tool wrote it.
        options: As of prediction.

    Raises:
        InputError: It is refused; with the reason.
    """
    chosen = options or ModelOptions()
    check_model(path)

    from segscope.inference import open_model
    from segscope.inference.open_classifier import holds_classifier, open_classifier
    from segscope.inference.open_model import kind_of_model

    if holds_classifier(path):
        return _classifier(path, open_classifier(path))
    kind = kind_of_model(path).name
    return _segmenter(path, kind, open_model(path, chosen.opening(device="cpu")))


def _segmenter(path: Path, kind: str, model: "TrainedModel") -> Inspected:
    from segscope.inference.parts import ForeignSpec

    spec = model.spec
    return Inspected(
        path,
        kind,
        spec.network_name,
        spec.channel_names,
        dict(spec.labels),
        _prepared(model),
        _run(model),
        model.notes,
        dict(spec.facts) if isinstance(spec, ForeignSpec) else {},
    )


def _prepared(model: "TrainedModel") -> tuple[str, ...]:
    from segscope.preprocessing import Plan, describe_plan

    preparer = model.preparer
    if isinstance(preparer, Plan):
        form = getattr(model.net, "form", None)
        turned = form is not None and form.axes == "zyx"
        axes = ("shown with its axes in reverse (z, y, x)",) if turned else ()
        return (*describe_plan(preparer), *axes)
    said = getattr(preparer, "sentences", None)
    return tuple(said()) if said is not None else ("by the rules of its own tool",)


def _run(model: "TrainedModel") -> tuple[str, ...]:
    patch, how = model.spec.patch, model.how()
    sides = "x".join(str(n) for n in patch or ())
    fixed = model.parts is not None and model.parts.fixed
    windows = f"in windows of {sides}{' and no other size' if fixed else ''}, overlapping by "
    where = "as a whole" if patch is None else f"{windows}{how.overlap:g}"
    mirrored = "averaged over mirrored copies" if how.mirror else "not mirrored"
    exclusive = model.parts is None or model.parts.exclusive
    classes = "a voxel has one class" if exclusive else "every output is a region of its own"
    return where, mirrored, classes


def _classifier(path: Path, model: "ClassifierModel") -> Inspected:
    spec = model.spec
    ours = model.images is None
    size = " x ".join(str(n) for n in spec.size)
    resized = f"brought to {size}" if ours else f"resized, its middle of {size} cut, as timm does"
    numbers = f"values of 0..1 minus {list(spec.mean)}, over {list(spec.sd)}"
    return Inspected(
        path,
        "a classifier of segscope" if ours else "a classifier of timm",
        spec.network,
        spec.channel_names,
        {name: k for k, name in enumerate(spec.classes)},
        (resized, numbers),
        ("once; use segscope classify predict, or cam",),
        model.notes,
    )
