"""What is audited: any network, or a trained model that knows how to prepare cases."""

import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Self, get_args

import torch
from torch import Tensor, nn

from segscope import __version__
from segscope.audit.cases import AuditCase, Opened, checked_case, turned
from segscope.audit.pieces import Pieces, prepare_pieces
from segscope.data import AS_STORED, LoadedCase, ReadOptions, load_case
from segscope.errors import naming
from segscope.features import (
    Answer,
    Layers,
    answer_of,
    feature_names,
    inner,
    run,
    shapes_of,
    to_labels,
    untouched,
)
from segscope.features.kept_state import state_kept
from segscope.features.untouched import device_of, refuse_quantised
from segscope.images import Case, Image
from segscope.inference import TrainedModel, Verdict
from segscope.inference.prepare_file import Axes, Output
from segscope.networks import Segmenter
from segscope.preprocessing import Preparer

_HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Preparation:
    """How a network wants its images; a trained model brings this with it.

    Args:
        plan: Preprocessing: a `Plan`, or what another tool does.
        labels: Name to value, background included.
        channels: Of an image.
        patch: Window of the network, or None for whole images.
        multiple: What sides must be multiples of, per axis of the network.
        axes: ``zyx`` for a network that was trained on arrays with their axes in reverse.
        judge: Tells how unlike the training cases an image is, where that is known; it is noted.
        fixed: Windows have the sides of ``patch``, whatever the image's are.
        regions: Of a network with a sigmoid for each output: the labels that the truth has in each
            of them; empty where a voxel has one class.
        truth: Labels that the truth may hold, where these are others than ``labels``.
    """

    plan: Preparer
    labels: Mapping[str, int]
    channels: int
    patch: tuple[int, ...] | None = None
    multiple: tuple[int, ...] | None = None
    axes: Axes = "xyz"
    judge: Callable[[str, Image], Verdict] | None = None
    fixed: bool = False
    regions: tuple[tuple[int, ...], ...] = ()
    truth: Mapping[str, int] | None = None

    @property
    def slice_axis(self) -> int | None:
        """Axis of the network's image that slices are taken along, or None."""
        axis = self.plan.slice_axis
        if axis is None or self.axes == "xyz" or self.plan.image_dims is None:
            return axis
        return self.plan.image_dims - 1 - axis

    @classmethod
    def of(cls, model: TrainedModel) -> Self:
        """Take what a trained model knows."""
        spec = model.spec
        channels = len(spec.channel_names)
        parts = model.parts
        fixed = parts is not None and parts.fixed
        return cls(
            model.preparer,
            spec.labels,
            channels,
            spec.patch,
            model.multiple,
            judge=model.judge,
            fixed=fixed,
            regions=_regions(model),
            truth=None if parts is None else parts.truth,
        )

    def read(self, case: Case, reading: ReadOptions) -> LoadedCase:
        """Read a case's files."""
        labels = self.labels if self.truth is None else self.truth
        return load_case(case, channels=self.channels, labels=labels, reading=reading)


@dataclass(frozen=True)
class Subject:
    """A network and what is known of it.

    Args:
        net: Unwrapped.
        name: For the reader.
        output: What it returns; ``auto`` is logits, unless they look like probabilities.
        preparation: Of cases that come as files; None where they come as tensors.
        reading: What may be changed when cases are read.
        bf16: Compute in bfloat16 where that is safe.
        weights_sha256: Of its file of weights, where there is one.
    """

    net: nn.Module
    name: str
    output: Output
    preparation: Preparation | None = None
    reading: ReadOptions = AS_STORED
    bf16: bool = False
    weights_sha256: str = ""

    @classmethod
    def of(
        cls,
        model: nn.Module | TrainedModel,
        *,
        output: Output = "auto",
        preparation: Preparation | None = None,
        reading: ReadOptions = AS_STORED,
    ) -> Self:
        """Take a network and turn it to evaluation mode (`untouched` around it gives this back).

        Raises:
            ValueError: An unknown output, or another than a trained model has; a quantised network.
        """
        if output not in get_args(Output):
            raise ValueError(f"output must be auto, logits or probabilities, got {output!r}")
        if isinstance(model, TrainedModel):
            if output == "probabilities":
                raise ValueError(
                    "output='probabilities': a trained model returns logits; leave it out"
                )
            return cls(
                net=model.net.eval(),
                name=model.spec.network_name,
                output="logits",
                preparation=preparation or Preparation.of(model),
                reading=reading,
                bf16=model.bf16,
                weights_sha256=model.weights_sha256,
            )
        net = inner(model).eval()
        refuse_quantised(net)
        return cls(net, type(net).__name__, output, preparation, reading)

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return device_of(self.net) or torch.device("cpu")

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes but the background, where they are known."""
        if self.preparation is None:
            return ()
        named = list(self.preparation.labels.items())
        if not self.regions:  # regions are in the order of the outputs
            named.sort(key=lambda item: item[1])
        return tuple(name for name, value in named if value > 0)

    @property
    def regions(self) -> tuple[tuple[int, ...], ...]:
        """Labels of the truth in each output, where outputs are regions; else empty."""
        return () if self.preparation is None else self.preparation.regions

    def guides(self, answer: Tensor) -> list[Tensor]:
        """What features are held against: the answer ``(1, K, *S)``, or each of its regions."""
        return list(answer.split(1, 1)) if self.regions else [answer]

    def truths(self, truth: Tensor) -> list[Tensor]:
        """The truth of each of `guides`, as label indices."""
        if not self.regions:
            return [truth]
        known = [torch.tensor(labels, device=truth.device) for labels in self.regions]
        return [torch.isin(truth, labels).long() for labels in known]

    def labels(self, answer: Tensor) -> Tensor:
        """Label indices ``(N, 1, *S)`` of an answer; of regions the number of the last that holds.

        A tool may write other values for them.
        """
        if not self.regions:
            return to_labels(answer)
        found = torch.zeros_like(answer[:, :1], dtype=torch.long)
        for number in range(answer.shape[1]):
            found[answer[:, number : number + 1] > 0.5] = number + 1
        return found

    def as_answered(self, truth: Tensor) -> Tensor:
        """Name a truth ``(1, *S)`` as `labels` names an answer."""
        if not self.regions:
            return truth
        return self.labels(torch.stack(self.truths(truth), 1).float())[0]

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
            fixed=known.fixed,
            slice_axis=known.slice_axis,
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
        if isinstance(case, Opened):
            return case
        return Opened(*checked_case(case))

    def probabilities(self, x: Tensor) -> Tensor:
        """Run the network: ``(N, 1 or K, *S)`` in float32.

        Raises:
            ValueError: What comes out is no segmentation of what went in.
        """
        return self.answer(x)[0]

    def answer(self, x: Tensor) -> tuple[Tensor, str]:
        """Run the network: its probabilities, and which output they are where it has several.

        Raises:
            ValueError: As of `probabilities`.
        """
        taken = self.found_in(self.run(x), x)
        found = taken.tensor.float()
        if not found.isfinite().all():
            raise ValueError("the network's output is not finite (NaN or infinite values)")
        if self.output == "probabilities":
            exclusive = not self.regions
            found = _checked_probabilities(found, taken.tensor.dtype, exclusive=exclusive)
            return found, taken.description
        within = bool(found.min() >= 0) and bool(found.max() <= 1 + 1e-4)
        guessed = self.output == "auto" and not isinstance(self.net, Segmenter)
        if guessed and within and found.unique().numel() > 1:
            raise ValueError(
                "the network's output lies in 0..1 everywhere: say output='probabilities' for a "
                "network that ends in a sigmoid or softmax, or output='logits' if these are logits"
            )
        single = found.shape[1] == 1 or bool(self.regions)
        return torch.sigmoid(found) if single else found.softmax(1), taken.description

    def run(self, x: Tensor) -> Any:
        """Run the network on its device, in its number type, on a copy of ``x``.

        What it writes into itself is gone afterwards: no case changes the next one.
        """
        how: AbstractContextManager[Any] = nullcontext()
        if self.bf16:
            how = torch.autocast(self.device.type, torch.bfloat16)
        with how, state_kept(self.net):
            return run(self.net, x)

    def found_in(self, output: Any, x: Tensor) -> Answer:
        """Take the segmentation out of what the network returned.

        Raises:
            ValueError: There is none.
        """
        found = answer_of(
            output,
            lambda t: (
                t.ndim == x.ndim
                and len(t) == len(x)
                and t.shape[1] > 0
                and t.shape[2:] == x.shape[2:]
                and not t.is_complex()
                and not t.is_quantized
            ),
        )
        if found is None:
            raise ValueError(
                f"the network's output is no segmentation: {shapes_of(output)} for an input of "
                f"shape {tuple(x.shape)}; expected are {len(x)} maps per class with the input's "
                "sides"
            )
        return found

    def layer_names(self, x: Tensor, layers: Layers) -> list[str]:
        """Names of the layers that are read, in the order in which they run."""
        return feature_names(self.net, layers, x)

    def _read(self, case: Case) -> Opened:
        if self.preparation is None:
            raise ValueError(
                f"case {case.name}: it is not known how this network wants its images; name a "
                "preparation, or give (name, image, truth)"
            )
        return open_loaded(self.preparation, self.preparation.read(case, self.reading))


def open_loaded(known: Preparation, loaded: LoadedCase) -> Opened:
    """Prepare a case that was read.

    Raises:
        InputError: As of `segscope.preprocessing.Plan.apply`.
    """
    case = loaded.case
    with naming(case.image_files[0]):
        prepared = known.plan.apply(loaded.image)
    truth = None
    if loaded.label is not None:
        labels = known.plan.apply_label(loaded.label, prepared)
        truth = torch.from_numpy(labels.astype("int64"))[None]
        truth = turned(truth, known.axes)
    image = turned(torch.from_numpy(prepared.array.copy()), known.axes)
    odd = () if known.judge is None else known.judge(case.name, loaded.image).describe()
    notes = (*prepared.notes, *odd)
    opened = Opened(case.name, image, truth, prepared, known.plan, notes, case)
    return replace(opened, axes=known.axes)


@contextmanager
def open_subject(
    model: nn.Module | TrainedModel,
    *,
    output: Output = "auto",
    preparation: Preparation | None = None,
    reading: ReadOptions = AS_STORED,
) -> Iterator[Subject]:
    """Take a network as `Subject.of` does, and leave it as it was afterwards."""
    net = model.net if isinstance(model, TrainedModel) else model
    with torch.inference_mode(False), untouched(net):
        yield Subject.of(model, output=output, preparation=preparation, reading=reading)


def _regions(model: TrainedModel) -> tuple[tuple[int, ...], ...]:
    """Labels of the truth in each of a model's regions; empty where a voxel has one class."""
    parts = model.parts
    if parts is None or parts.exclusive:
        return ()
    own = [(value,) for name, value in model.spec.labels.items() if value > 0]
    return parts.regions or tuple(own)


def _checked_probabilities(found: Tensor, dtype: torch.dtype, *, exclusive: bool) -> Tensor:
    if found.min() < -1e-4 or found.max() > 1 + 1e-4:
        raise ValueError("output='probabilities', but values lie outside of 0..1")
    sums = found.sum(1)
    slack = 2e-2 if dtype in _HALVES else 1e-3
    if exclusive and found.shape[1] > 1 and bool(((sums - 1).abs() > slack).any()):
        raise ValueError(
            "output='probabilities', but they do not add up to 1 over the classes: from "
            f"{sums.min():.3g} to {sums.max():.3g}; for classes that overlap audit one at a time"
        )
    return found.clamp(0, 1)
