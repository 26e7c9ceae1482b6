"""What layers score where nothing was learned, or nothing fits: controls of segmentation ability.

SA rises with whatever lets two prototypes part an image, so it is worth what it adds to these:

    untrained      the same network with random weights: its own output is the guide
    other truth    the trained network's maps against the truth of another case
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from segscope.audit.cases import Opened
from segscope.audit.run import audit
from segscope.audit.subject import Subject
from segscope.audit.summary import layers_of
from segscope.data import Dataset
from segscope.images import Case
from segscope.inference import TrainedModel
from segscope.preprocessing import crop_or_pad
from segscope.training.setup import make_network

CONTROLS = ("untrained", "other truth")


@dataclass(frozen=True)
class Controlled:
    """One case: SA of every layer under one control.

    Args:
        case: Its name.
        control: One of `CONTROLS`.
        abilities: Per layer, over classes the mean.
    """

    case: str
    control: str
    abilities: tuple[float, ...]


def control_scores(
    model: TrainedModel, cases: Sequence[Case], dataset: Dataset, *, seed: int
) -> list[Controlled]:
    """Measure every layer under every control.

    Args:
        model: Trained; it brings its preparation.
        cases: With truth. The truth of the next one that has another subject is a case's other
            truth, cut or padded around its middle; without such a case there is none.
        dataset: That the cases are of.
        seed: Of the random weights.

    Returns:
        Control by control, the cases in their order.
    """
    subject = Subject.of(model, reading=dataset.reading)
    opened = [subject.open(case) for case in cases]
    fresh = replace(model, net=make_network(model.run_spec, seed).eval().to(model.device))
    own = [(one.name, one.image, one.truth) for one in opened]
    found = [
        Controlled(case.name, "untrained", tuple(layers_of(case)))
        for case in audit(fresh, own, units="none").cases
    ]
    others = _others(cases, opened)
    if others:
        found += [
            Controlled(case.name, "other truth", tuple(layers_of(case)))
            for case in audit(model, others, units="none").cases
        ]
    return found


def _others(
    cases: Sequence[Case], opened: Sequence[Opened]
) -> list[tuple[str, Tensor, Tensor | None]]:
    """Each case's image with another subject's truth."""
    found: list[tuple[str, Tensor, Tensor | None]] = []
    for k, one in enumerate(opened):
        turns = [(k + step) % len(cases) for step in range(1, len(cases))]
        other = next((opened[n] for n in turns if cases[n].group != cases[k].group), None)
        if other is None or other.truth is None:
            continue
        found.append((one.name, one.image, fitted_truth(other.truth, one.image.shape[1:])))
    return found


def fitted_truth(truth: Tensor, shape: Sequence[int]) -> Tensor:
    """Bring a truth ``(1, *S)`` to other sides around its middle; background where it ends.

    Example:
        >>> fitted_truth(torch.tensor([[0, 1, 2]]), (5,)).tolist()
        [[0, 0, 1, 2, 0]]
    """
    return torch.from_numpy(crop_or_pad(truth.cpu().numpy(), shape).copy())
