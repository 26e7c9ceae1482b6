"""What is audited: any network, or a trained model that knows how to prepare cases."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from segscope import __version__
from segscope.audit.pieces import Pieces, prepare_pieces
from segscope.data import AS_STORED, LoadedCase, Reading, load_case
from segscope.errors import naming
from segscope.features import Layers, feature_names, inner
from segscope.images import Case, Fingerprint
from segscope.inference import TrainedModel, judge
from segscope.networks import Segmenter
from segscope.preprocessing import Plan, Prepared

AuditCase = Case | tuple[str, Tensor, Tensor | None]
Output = Literal["logits", "probabilities"]


@dataclass(frozen=True)
class Opened:
    """A case as the network takes it.

    Args:
        name: Of the case.
        image: ``(C, *S)``.
        truth: ``(1, *S)`` label indices, or None.
        prepared: Leads back to the file's grid; None for a case that came as tensors.
        plan: That prepared it.
        notes: Of its readers and its preparation.
        source: The case's files; None for a case that came as tensors.
    """

    name: str
    image: Tensor
    truth: Tensor | None
    prepared: Prepared | None = None
    plan: Plan | None = None
    notes: tuple[str, ...] = ()
    source: Case | None = None


@dataclass(frozen=True)
class Preparation:
    """How a network wants its images; a trained model brings this with it.

    Args:
        plan: Preprocessing.
        labels: Name to value, background included.
        channels: Of an image.
        patch: Window of the network, or None for whole images.
        multiple: What sides must be multiples of, per axis of the network.
        seen: What the training cases were like, where that is known: cases unlike them are noted.
    """

    plan: Plan
    labels: Mapping[str, int]
    channels: int
    patch: tuple[int, ...] | None = None
    multiple: tuple[int, ...] | None = None
    seen: Fingerprint | None = None

    @classmethod
    def of(cls, model: TrainedModel) -> Self:
        """Take what a trained model knows."""
        spec = model.spec
        channels = len(spec.channel_names)
        return cls(spec.plan, spec.labels, channels, spec.patch, model.net.multiple, model.seen)

    def read(self, case: Case, reading: Reading) -> LoadedCase:
        """Read a case's files."""
        return load_case(case, channels=self.channels, labels=self.labels, reading=reading)


@dataclass(frozen=True)
class Subject:
    """A network and what is known of it.

    Args:
        net: Unwrapped.
        name: For the reader.
        output: What it returns.
        preparation: Of cases that come as files; None where they come as tensors.
        reading: What may be changed when cases are read.
        bf16: Compute in bfloat16 where that is safe.
        weights_sha256: Of its file of weights, where there is one.
    """

    net: nn.Module
    name: str
    output: Output
    preparation: Preparation | None = None
    reading: Reading = AS_STORED
    bf16: bool = False
    weights_sha256: str = ""

    @classmethod
    def of(
        cls,
        model: nn.Module | TrainedModel,
        *,
        output: Output = "logits",
        preparation: Preparation | None = None,
        reading: Reading = AS_STORED,
    ) -> Self:
        """Take a network in evaluation mode."""
        if output not in ("logits", "probabilities"):
            raise ValueError(f"output must be logits or probabilities, got {output!r}")
        if isinstance(model, TrainedModel):
            return cls(
                net=model.net.eval(),
                name=model.spec.network.name,
                output="logits",
                preparation=preparation or Preparation.of(model),
                reading=reading,
                bf16=model.bf16,
                weights_sha256=model.weights_sha256,
            )
        net = inner(model).eval()
        return cls(net, type(net).__name__, output, preparation, reading)

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        weights = next(self.net.parameters(), None)
        return torch.device("cpu") if weights is None else weights.device

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes but the background, where they are known."""
        if self.preparation is None:
            return ()
        named = sorted(self.preparation.labels.items(), key=lambda item: item[1])
        return tuple(name for name, value in named if value > 0)

    def pieces(self, case: Opened) -> Pieces:
        """Cut a case up as the network takes it."""
        known = self.preparation
        if known is None:
            return prepare_pieces(case.image, case.truth)
        return prepare_pieces(
            case.image,
            case.truth,
            patch=known.patch,
            multiple=known.multiple,
            slice_axis=known.plan.slice_axis,
        )

    def facts(self) -> dict[str, Any]:
        """What the audit was made with."""
        return {
            "segscope": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": str(self.device),
            "weights_sha256": self.weights_sha256,
        }

    def open(self, case: AuditCase) -> Opened:
        """Read and prepare a case.

        Raises:
            InputError: It cannot be read.
            ValueError: Files without a trained model, or tensors of other shapes.
        """
        if isinstance(case, Case):
            return self._read(case)
        name, image, truth = case
        if image.ndim < 2 or (truth is not None and truth.shape != (1, *image.shape[1:])):
            raise ValueError(
                f"case {name}: expected an image (C, *S) and a truth (1, *S) or None, got "
                f"{tuple(image.shape)} and {None if truth is None else tuple(truth.shape)}"
            )
        return Opened(name, image, truth)

    def probabilities(self, x: Tensor) -> Tensor:
        """Run the network: ``(N, 1 or K, *S)`` in float32.

        Raises:
            ValueError: What comes out is no segmentation of what went in.
        """
        dtype = next((p.dtype for p in self.net.parameters()), x.dtype)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            found = _tensor(self.net(x.to(dtype)))
        if found is None or found.ndim != x.ndim or found.shape[2:] != x.shape[2:]:
            shape = "no tensor" if found is None else f"shape {tuple(found.shape)}"
            raise ValueError(
                f"the network's output is no segmentation: {shape} for an input of shape "
                f"{tuple(x.shape)}; expected are {len(x)} maps per class with the input's sides"
            )
        found = found.float()
        if not found.isfinite().all():
            raise ValueError("the network's output is not finite (NaN or infinite values)")
        within = bool(found.min() >= 0) and bool(found.max() <= 1 + 1e-4)
        if self.output == "probabilities":
            if not within:
                raise ValueError("output='probabilities', but values lie outside of 0..1")
            return found
        if within and not isinstance(self.net, Segmenter) and found.unique().numel() > 1:
            raise ValueError(
                "output='logits', but all values lie in 0..1: say output='probabilities' for a "
                "network that ends in a sigmoid or softmax"
            )
        return torch.sigmoid(found) if found.shape[1] == 1 else found.softmax(1)

    def layer_names(self, x: Tensor, layers: Layers) -> list[str]:
        """Names of the layers that are read, in the order in which they run."""
        return feature_names(self.net, layers, x)

    def _read(self, case: Case) -> Opened:
        known = self.preparation
        if known is None:
            raise ValueError(
                f"case {case.name}: it is not known how this network wants its images; name a "
                "preparation, or give (name, image, truth)"
            )
        loaded = known.read(case, self.reading)
        with naming(case.image_files[0]):
            prepared = known.plan.apply(loaded.image)
        truth = None
        if loaded.label is not None:
            labels = known.plan.apply_label(loaded.label, prepared)
            truth = torch.from_numpy(labels.astype("int64"))[None]
        image = torch.from_numpy(prepared.array.copy())
        odd = judge(known.seen, case.name, loaded.image, known.plan).say()
        notes = (*prepared.notes, *odd)
        return Opened(case.name, image, truth, prepared, known.plan, notes, case)


def _tensor(output: object) -> Tensor | None:
    """The logits, also where a network returns several things: the first of a list, or ``out``."""
    if isinstance(output, Mapping):
        output = output.get("out", next(iter(output.values()), None))
    while isinstance(output, (list, tuple)) and output:
        output = output[0]
    return output if isinstance(output, Tensor) else None
