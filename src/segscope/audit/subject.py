"""What is audited: any network, or a trained model that knows how to prepare cases."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from segscope import __version__
from segscope.data import AS_STORED, Reading, load_case
from segscope.features import Layers, feature_names, inner
from segscope.images import Case
from segscope.inference import TrainedModel
from segscope.preprocessing import Prepared

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
        notes: Of its readers and its preparation.
        source: The case's files; None for a case that came as tensors.
    """

    name: str
    image: Tensor
    truth: Tensor | None
    prepared: Prepared | None = None
    notes: tuple[str, ...] = ()
    source: Case | None = None


@dataclass(frozen=True)
class Subject:
    """A network and what is known of it.

    Args:
        net: Unwrapped.
        output: What it returns.
        model: Where it came from, when it is a trained model.
        reading: What may be changed when cases are read.
    """

    net: nn.Module
    output: Output
    model: TrainedModel | None
    reading: Reading

    @classmethod
    def of(
        cls,
        model: nn.Module | TrainedModel,
        *,
        output: Output = "logits",
        reading: Reading = AS_STORED,
    ) -> Self:
        """Take a network in evaluation mode."""
        if output not in ("logits", "probabilities"):
            raise ValueError(f"output must be logits or probabilities, got {output!r}")
        if isinstance(model, TrainedModel):
            return cls(model.net.eval(), "logits", model, reading)
        return cls(inner(model).eval(), output, None, reading)

    @property
    def name(self) -> str:
        """The network's, for the reader."""
        return self.model.spec.network.name if self.model else type(self.net).__name__

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        weights = next(self.net.parameters(), None)
        return torch.device("cpu") if weights is None else weights.device

    @property
    def patch(self) -> tuple[int, ...] | None:
        """Its window, where it has one."""
        return self.model.spec.patch if self.model else None

    @property
    def multiple(self) -> tuple[int, ...] | None:
        """What sides must be multiples of, where that is known."""
        return self.model.net.multiple if self.model else None

    @property
    def slice_axis(self) -> int | None:
        """Axis of a prepared volume that a plane network takes slices along."""
        return self.model.spec.plan.slice_axis if self.model else None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes but the background, where they are known."""
        if self.model is None:
            return ()
        named = sorted(self.model.spec.labels.items(), key=lambda item: item[1])
        return tuple(name for name, value in named if value > 0)

    def facts(self) -> dict[str, Any]:
        """What the audit was made with."""
        return {
            "segscope": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": str(self.device),
            "weights_sha256": self.model.weights_sha256 if self.model else "",
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
        if self.model is not None and self.model.bf16:
            with torch.autocast(x.device.type, torch.bfloat16):
                found = _tensor(self.net(x))
        else:
            dtype = next((p.dtype for p in self.net.parameters()), x.dtype)
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
        if within and self.model is None and found.unique().numel() > 1:
            raise ValueError(
                "output='logits', but all values lie in 0..1: say output='probabilities' for a "
                "network that ends in a sigmoid or softmax"
            )
        return torch.sigmoid(found) if found.shape[1] == 1 else found.softmax(1)

    def layer_names(self, x: Tensor, layers: Layers) -> list[str]:
        """Names of the layers that are read, in the order in which they run."""
        return feature_names(self.net, layers, x)

    def _read(self, case: Case) -> Opened:
        if self.model is None:
            raise ValueError(
                f"case {case.name}: only a trained model knows how to prepare a dataset's case; "
                "give (name, image, truth) instead"
            )
        spec = self.model.spec
        loaded = load_case(
            case, channels=len(spec.channel_names), labels=spec.labels, reading=self.reading
        )
        prepared = spec.plan.apply(loaded.image)
        truth = None
        if loaded.label is not None:
            labels = spec.plan.apply_label(loaded.label, prepared)
            truth = torch.from_numpy(labels.astype("int64"))[None]
        image = torch.from_numpy(prepared.array.copy())
        return Opened(case.name, image, truth, prepared, prepared.notes, case)


def _tensor(output: object) -> Tensor | None:
    """The logits, also where a network returns several things: the first of a list, or ``out``."""
    if isinstance(output, Mapping):
        output = output.get("out", next(iter(output.values()), None))
    while isinstance(output, (list, tuple)) and output:
        output = output[0]
    return output if isinstance(output, Tensor) else None
