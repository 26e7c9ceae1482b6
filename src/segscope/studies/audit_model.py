"""What the audit command is given: a run, or any network from a user's own module."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from segscope.audit import Preparation
from segscope.audit.subject import Output
from segscope.data import measure_fingerprint, open_dataset
from segscope.errors import InputError
from segscope.inference import TrainedModel, choose_device, load_model, load_weights
from segscope.training import load_partial, plan_recipe


@dataclass(frozen=True)
class Audited:
    """A network and what the audit must be told of it; ``channels`` are those of image files."""

    model: nn.Module | TrainedModel
    channels: int
    output: Output = "logits"
    preparation: Preparation | None = None


def run_model(run: Path, *, weights: str, device: str) -> Audited:
    """Load a run."""
    model = load_model(run, weights=weights, device=device)
    return Audited(model, model.spec.file_channels)


def own_model(
    name: str,
    weights: str | None,
    source: Path,
    *,
    recipe: str | None = None,
    probabilities: bool = False,
    device: str = "auto",
) -> Audited:
    """Make any network by calling ``module:function``; its images are prepared by a plan.

    The plan is that of a training on the dataset (``source``), with what ``recipe`` fixes in its
    section ``preprocessing``; its ``patch``, where it names one, is the largest window.

    Args:
        name: ``module:function``; modules in the working directory are found.
        weights: A file, safetensors or a plain ``.pt``; the function's own where not given.
        source: A dataset.
        recipe: YAML file.
        probabilities: The network returns probabilities.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Raises:
        InputError: No such function; it returns no network; weights that do not fit; no dataset.
    """
    net = _made(name)
    if weights is not None:
        file = Path(weights)
        if not file.is_file():
            raise InputError(f"--weights {file}: no such file")
        _fill(net, file)
    if not (source / "dataset.json").is_file():
        raise InputError(
            f"-i {source}: --model needs a dataset (with dataset.json), whose fingerprint says how "
            "images are prepared"
        )
    dataset = open_dataset(source)
    partial = load_partial(recipe) if recipe else {}
    planned = plan_recipe(measure_fingerprint(dataset), partial)
    channels = len(dataset.channel_names)
    patch = planned.patch if "patch" in partial else None
    multiple = (32,) * planned.preprocessing.spatial_dims
    return Audited(
        model=net.to(choose_device(device)),
        channels=channels,
        output="probabilities" if probabilities else "logits",
        preparation=Preparation(planned.preprocessing, dataset.labels, channels, patch, multiple),
    )


def _made(name: str) -> nn.Module:
    module_name, _, function = name.partition(":")
    if not module_name or not function:
        raise InputError(f"--model {name}: expected module:function, e.g. my_networks:make")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        module: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise InputError(f"--model {name}: cannot import {module_name} ({error})") from None
    finally:
        sys.path.remove(here)
    make = getattr(module, function, None)
    if not callable(make):
        raise InputError(f"--model {name}: {module_name} has no function {function}")
    net = make()
    if not isinstance(net, nn.Module):
        raise InputError(f"--model {name}: returned a {type(net).__name__}, expected a network")
    return net


def _fill(net: nn.Module, file: Path) -> None:
    state = load_weights(file)
    have, want = set(state), set(net.state_dict())
    if have != want:
        missing, extra = sorted(want - have), sorted(have - want)
        raise InputError(
            f"--weights {file}: are of another network; missing {missing[:3] or 'none'}, "
            f"not expected {extra[:3] or 'none'}"
        )
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"--weights {file}: {str(error).splitlines()[-1].strip()}") from None
