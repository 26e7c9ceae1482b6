"""What stands beside an exported network: how images are prepared for it, and a card."""

from pathlib import Path
from typing import Any

import yaml

from segscope import __version__
from segscope.data import write_text
from segscope.errors import InputError
from segscope.inference.model import TrainedModel
from segscope.inference.spec import MODEL, ModelSpec, spec_text
from segscope.preprocessing import describe_plan


def prepare_values(model: TrainedModel) -> dict[str, Any]:
    """The keys of a file for ``--prepare`` by which a network is shown what its run shows it."""
    spec = model.run_spec
    plan = spec.plan.model_dump(mode="json", exclude_none=True)
    return {
        "labels": dict(spec.labels),
        "channel_names": dict(enumerate(spec.channel_names)),
        "output": "logits",
        "exclusive": True,
        "axes": "xyz",
        "file_ending": spec.file_ending,
        "window": list(spec.patch),
        "multiple": list(model.segmenter.multiple),
        "preprocessing": plan,
    }


def check_exportable(model: TrainedModel) -> ModelSpec:
    """Refuse a network whose input no other tool can make.

    Raises:
        InputError: Another tool's model; a network that is shown global binary masks.
    """
    spec = model.run_spec
    if spec.mask is not None:
        raise InputError(
            "export: this network is shown a global binary mask, which only segscope makes; "
            "export it as NAME.segscope"
        )
    return spec


def write_beside(folder: Path, model: TrainedModel, *, what: str, used: str) -> None:
    """Write ``prepare.yaml``, ``model.json`` and ``README.md``.

    Args:
        folder: Of the export.
        model: That was exported.
        what: Says what the network's file is.
        used: Says how it is used.
    """
    values = yaml.safe_dump(prepare_values(model), sort_keys=False, allow_unicode=True)
    write_text(folder / "prepare.yaml", values)
    write_text(folder / MODEL, spec_text(model.run_spec))
    write_text(folder / "README.md", card(model, what=what, used=used))


def card(model: TrainedModel, *, what: str, used: str) -> str:
    """Say what a network is, for its next user; no path, no name of a case."""
    spec = model.run_spec
    labels = [f"- {value}: {name}" for name, value in spec.labels.items()]
    channels = [f"- {number}: {name}" for number, name in enumerate(spec.channel_names)]
    steps = [f"- {sentence}" for sentence in describe_plan(spec.plan)]
    sides = " x ".join(str(n) for n in model.segmenter.multiple)
    parts = [
        f"# {spec.network.name}, {spec.network.spatial_dims}D",
        f"Written by segscope {__version__}. {what}",
        "## Labels", *labels, "## Channels", *channels, "## How an image is prepared", *steps,
        "## How it is run",
        f"Sides must be multiples of {sides}; windows of "
        f"{' x '.join(str(n) for n in spec.patch)} were trained on. Of one output channel the "
        "sigmoid is the probability, of several the softmax.",
        used,
        "Predictions must be checked by a person; this is no medical device.",
    ]  # fmt: skip
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"
