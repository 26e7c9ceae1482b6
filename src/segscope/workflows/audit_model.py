"""What an audit is given: a run, or any network from a user's own module."""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from segscope.audit import (
    KeptCases,
    Named,
    Neighbour,
    Preparation,
    name_preparation,
    try_neighbours,
)
from segscope.data import ReadOptions, is_dataset, open_dataset
from segscope.errors import InputError
from segscope.images import Case
from segscope.inference import OpenOptions, TrainedModel, choose_device, load_into, open_model
from segscope.preprocessing import Plan


@dataclass(frozen=True)
class Auditee:
    """A network and what the audit must be told of it; ``channels`` are those of image files.

    ``named`` is the preparation that a user named; None for a run, which brings its own. ``notes``
    say what was done to read its weights.
    """

    model: nn.Module | TrainedModel
    channels: int
    named: Named | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """How a process gets the network that is audited: of a run, or by ``module:function``.

    Args:
        run: Folder of a run or another model, or None.
        name: Of a user's function.
        opening: Of the model; of a function, its device, and weights as a file.
    """

    run: Path | None = None
    name: str = ""
    opening: OpenOptions = field(default_factory=lambda: OpenOptions(device="auto"))

    @property
    def device(self) -> str:
        """``auto``, ``cpu``, ``cuda``, ..."""
        return self.opening.device

    def load(self) -> nn.Module | TrainedModel:
        """Load or make it."""
        if self.run is not None:
            return open_model(self.run, self.opening)
        return made_with(self.name, self.opening.weights)[0].to(choose_device(self.device))


def run_model(run: Path, opening: OpenOptions) -> Auditee:
    """Open a run, or a model of another tool."""
    model = open_model(run, opening)
    return Auditee(model, model.spec.file_channels, _said(model, opening))


def _said(model: TrainedModel, opening: OpenOptions) -> Named | None:
    """The preparation that a user said of another tool's model; None of one that brings its own."""
    if model.parts is None or not isinstance(model.preparer, Plan):
        return None
    name = "the file beside the model" if opening.prepare is None else str(opening.prepare)
    return Named(name, Preparation.of(model), "logits")


def own_model(
    name: str,
    weights: str | None,
    source: Path,
    *,
    prepare: str | None,
    probabilities: bool = False,
    device: str = "auto",
) -> Auditee:
    """Make any network by calling ``module:function``; its images are prepared as is named.

    Args:
        name: ``module:function``; modules in the working directory are found.
        weights: A file, safetensors or a plain ``.pt``; the function's own where not given.
        source: A dataset.
        prepare: ``asis``, ``segscope`` or a YAML file; see `name_preparation`.
        probabilities: The network returns probabilities.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Raises:
        InputError: No preparation is named; no such function; it returns no network; weights that
            do not fit; no dataset.
    """
    net, notes = made_with(name, weights)
    if not is_dataset(source):
        raise InputError(
            f"-i {source}: --model needs a dataset (with dataset.json), which says what channels "
            "and labels are"
        )
    dataset = open_dataset(source)
    named = name_preparation(prepare, dataset, net, probabilities=probabilities)
    return Auditee(net.to(choose_device(device)), len(dataset.channel_names), named, notes)


def tried_preparations(
    audited: Auditee, cases: Sequence[Case], reading: ReadOptions, kept: KeptCases
) -> tuple[Neighbour, ...]:
    """Try the preparation that was named, and its neighbours, on the first cases with truth.

    These are kept as the named one has them.
    """
    if audited.named is None:
        return ()
    model = audited.model
    net = model.net if isinstance(model, TrainedModel) else model
    try:
        return try_neighbours(net, audited.named, cases, reading=reading, keep=kept.keep)
    except ValueError as error:
        raise InputError(f"audit: {error}") from None


def made_with(name: str, weights: str | None) -> tuple[nn.Module, tuple[str, ...]]:
    """Make a network by a user's function, and read its weights; what was done to them is said.

    Args:
        name: ``module:function`` or ``FILE.py:function``.
        weights: A file; the function's own where not given.

    Raises:
        InputError: No such function or file; it returns no network; weights that do not fit.
    """
    net = _made(name)
    if weights is None:
        return net, ()
    file = Path(weights)
    if not file.is_file():
        raise InputError(f"--weights {file}: no such file")
    notes = load_into(net, file, remedy="name weights of this network, or another --model")
    return net, tuple(notes)


def _made(name: str) -> nn.Module:
    module_name, _, function = name.rpartition(":")
    if not module_name or not function:
        raise InputError(f"--model {name}: expected module:function, e.g. my_networks:make")
    file = Path(module_name) if module_name.endswith(".py") else None
    if file is not None and not file.is_file():
        raise InputError(f"--model {name}: {file}: no such file; check the path")
    here = str(Path.cwd() if file is None else file.resolve().parent)
    sys.path.insert(0, here)
    try:
        module: Any = importlib.import_module(module_name if file is None else file.stem)
    except ImportError as error:
        raise InputError(f"--model {name}: cannot import {module_name} ({error})") from None
    except (Exception, SystemExit) as error:
        raise InputError(f"--model {name}: importing {module_name} fails: {_one(error)}") from error
    finally:
        sys.path.remove(here)
    make = getattr(module, function, None)
    if not callable(make):
        raise InputError(f"--model {name}: {module_name} has no function {function}")
    try:
        net = make()
    except (Exception, SystemExit) as error:
        raise InputError(f"--model {name}: the function fails: {_one(error)}") from error
    if not isinstance(net, nn.Module):
        raise InputError(f"--model {name}: returned a {type(net).__name__}, expected a network")
    return net


def _one(error: BaseException) -> str:
    """Say an error of somebody else's code in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
