"""A trained network in a folder: what it is (``model.json``) and its weights (safetensors)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from segscope.errors import InputError
from segscope.images import Fingerprint, Image
from segscope.inference.device import OnDevice, choose_device, has_bf16
from segscope.inference.meant import judge, limits, read_seen
from segscope.inference.parts import BATCH, Described, How, Parts
from segscope.inference.run_weights import read_run_weights, save_run_weights, weights_file
from segscope.inference.spec import MODEL, ModelSpec, NetworkSpec, parse_spec, read_spec, spec_text
from segscope.inference.verdict import Verdict
from segscope.networks import NETWORK, Segmenter, build_network, fold_batch_norms
from segscope.preprocessing import Preparer

__all__ = [
    "ModelSpec",
    "NetworkSpec",
    "TrainedModel",
    "load_model",
    "prune",
    "read_spec",
    "save_model",
    "weights_file",
]

_LOG = logging.getLogger(__name__)
_SLOW_BF16 = (
    "--bf16: this device has no instructions for bfloat16 and imitates it, which is slower and "
    "less exact than to leave it out"
)
_NO_RUN = "this is for runs of segscope; the model is another tool's ({})"
_DRAWN = (
    torch.Tensor.normal_,
    torch.Tensor.uniform_,
    nn.init.kaiming_uniform_,
    nn.init.kaiming_normal_,
    nn.init.uniform_,
    nn.init.normal_,
)


@dataclass(frozen=True, eq=False)
class TrainedModel(OnDevice):
    """A network with its weights, what it is, how it wants its images, and how it is run.

    A run of segscope has a `ModelSpec`, whose plan and windows are used; a model of another tool
    brings its own ``parts``.

    Args:
        spec: What it is.
        net: On the device that shall predict; of several (folds) the first.
        bf16: Compute in bfloat16 where that is safe (automatic mixed precision).
        weights_sha256: Of the file of weights; empty for a network that came from no file.
        notes: What was done to its weights when they were read, or could not be checked.
        seen: What its training cases were like, where that is known.
        parts: Of a model of another tool.
    """

    spec: Described
    net: nn.Module
    bf16: bool = False
    weights_sha256: str = ""
    notes: tuple[str, ...] = ()
    seen: Fingerprint | None = None
    parts: Parts | None = None

    @property
    def run_spec(self) -> ModelSpec:
        """What a run of segscope is.

        Raises:
            InputError: It is a model of another tool.
        """
        if isinstance(self.spec, ModelSpec):
            return self.spec
        raise InputError(_NO_RUN.format(self.spec.network_name))

    @property
    def segmenter(self) -> Segmenter:
        """The network of a run of segscope.

        Raises:
            InputError: It is a model of another tool.
        """
        if self.parts is None:
            return cast(Segmenter, self.net)
        raise InputError(_NO_RUN.format(self.spec.network_name))

    @property
    def preparer(self) -> Preparer:
        """How images become its arrays."""
        return self.run_spec.plan if self.parts is None else self.parts.preparer

    @property
    def multiple(self) -> tuple[int, ...] | None:
        """What sides must be multiples of, per axis of the network."""
        return self.segmenter.multiple if self.parts is None else self.parts.multiple

    def how(
        self, *, mirror: bool | None = None, overlap: float | None = None, batch: int = BATCH
    ) -> How:
        """Put what the model says in place of what a user leaves open."""
        own = How() if self.parts is None else self.parts.how
        return How(
            mirror=own.mirror if mirror is None else mirror,
            overlap=own.overlap if overlap is None else overlap,
            batch=batch,
        )

    def judge(self, name: str, image: Image) -> Verdict:
        """Tell how far an image is from what the model has seen."""
        if self.parts is None:
            return judge(self.seen, name, image, self.run_spec.plan)
        return Verdict() if self.parts.judge is None else self.parts.judge(name, image)

    def limits(self) -> tuple[str, ...]:
        """What `judge` cannot compare for want of knowledge, in sentences to be said once."""
        return limits(self.seen) if self.parts is None or self.parts.judge is None else ()


def save_model(
    folder: Path, spec: ModelSpec, net: nn.Module | Mapping[str, Tensor], *, name: str = "best"
) -> None:
    """Write ``model.json`` and ``weights_NAME.safetensors``, each whole or not at all.

    Args:
        folder: Made where it is missing.
        spec: What the network is.
        net: The network, or its state dict.
        name: ``best``, ``last`` or of a snapshot.

    Raises:
        InputError: A specification that could not be read back.
        WorkError: The file system refused; the old files are as they were.
    """
    folder = Path(folder)
    text = spec_text(spec)
    parse_spec(folder / MODEL, text)  # what is written can be read back
    state = net.state_dict() if isinstance(net, nn.Module) else net
    save_run_weights(folder, MODEL, text, state, name=name)


def load_model(
    folder: Path,
    *,
    weights: str = "best",
    device: str = "cpu",
    level: int | None = None,
    bf16: bool = False,
    fast: bool = False,
) -> TrainedModel:
    """Load a run's network for prediction.

    Args:
        folder: With ``model.json``.
        weights: ``best``, ``last`` or a snapshot such as ``epoch0010``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        level: Prune to this level of a nested network.
        bf16: Compute in bfloat16 where that is safe; fast where the processor has it.
        fast: Fold batch norms into convolutions and store weights with channels innermost: the same
            result but for rounding.

    Raises:
        InputError: Not a run, weights missing, damaged or of another network, no such device or
            level.
    """
    folder = Path(folder)
    where = choose_device(device)
    if bf16 and where.type not in ("cpu", "cuda"):
        raise InputError(f"--bf16: is for processors and CUDA devices, this is {where}")
    spec = read_spec(folder)
    own = _build(folder / MODEL, spec.network, "meta").state_dict()
    found = read_run_weights(folder, MODEL, weights, own)
    net = _build(folder / MODEL, spec.network, "cpu")
    net.load_state_dict(found.state)
    other = NETWORK.need(spec.network.name, spec.network.package)
    slow = bf16 and not has_bf16(where)
    notes = (*found.notes, *([other] if other else []), *([_SLOW_BF16] if slow else []))
    for note in notes:
        _LOG.warning("%s", note)
    net.eval()
    if level is not None:
        net = prune(net, level)
    net = net.to(where)
    if fast:
        forms = {2: torch.channels_last, 3: torch.channels_last_3d}
        form: Any = forms.get(spec.network.spatial_dims, torch.contiguous_format)
        net = fold_batch_norms(net).to(memory_format=form)
    seen = read_seen(folder, spec.plan)
    return TrainedModel(spec, net, bf16, found.sha256, notes, seen)


def prune(net: Segmenter, level: int) -> Segmenter:
    """Cut a nested network down to a level.

    Raises:
        InputError: The network has no levels, or not this one.
    """
    cut = getattr(net, "prune", None)
    if cut is None:
        raise InputError(
            f"--level L{level}: a {type(net).__name__} has no levels; only UNet++ and ANU-Net have"
        )
    try:
        with torch.random.fork_rng(devices=[]):
            small: Segmenter = cut(level)
    except ValueError:
        raise InputError(f"--level L{level}: this network has L1 to L{net.head_count}") from None
    return small.eval()


class _Undrawn(TorchFunctionMode):
    """Leave weights as they are made, undrawn: all of them are replaced by those of the file."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func in _DRAWN:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def _build(file: Path, spec: NetworkSpec, device: str) -> Segmenter:
    """Build a network; on ``meta`` it takes no memory, and only its tensors' shapes are real."""
    try:
        NETWORK.need(spec.name, spec.package)
        # whatever is drawn all the same must not move the caller's random numbers
        with torch.random.fork_rng(devices=[]), torch.device(device), _Undrawn():
            return build_network(
                spec.name, spec.spatial_dims, spec.in_channels, spec.out_channels, **spec.options
            )
    except Exception as error:  # layers refuse numbers by any kind of error
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{file}: cannot build the network: {said}") from None
