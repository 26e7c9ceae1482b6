"""What is no fault but should be seen: flat images, empty labels, cases unlike the others.

Remarks about a case compare it with itself, remarks about a dataset compare its cases.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.data.fingerprint import CaseFacts
from segscope.data.layout import Dataset
from segscope.data.loading import LoadedCase
from segscope.data.outliers import unlike
from segscope.data.problems import Problem, shorten
from segscope.images import Case, Fingerprint

_SPACING_RATIO = 3.0
_OUTSIDE_SHARE = 0.5
_FEWEST_CASES = 5
_MOST_CHANNELS = 4
_NEAR, _FAR = 2.0, 6.0


def on_files(loaded: LoadedCase) -> list[Problem]:
    """Repeat what the readers had to choose or change."""
    case = loaded.case
    found = [Problem(_image(case), note, case=case.name) for note in loaded.image.notes]
    if loaded.label is not None:
        file = str(case.label_file)
        found += [Problem(file, note, case=case.name) for note in loaded.label.notes]
    return list(dict.fromkeys(found))


def on_flatness(minima: NDArray[Any], maxima: NDArray[Any], case: Case) -> list[Problem]:
    """Say which channels hold one value only, from lowest and highest values ``(C,)``."""
    return [
        Problem(
            str(case.image_files[min(number, len(case.image_files) - 1)]),
            f"channel {number} is "
            + ("zero everywhere" if low == 0 else f"constant ({float(low):g})"),
            "look at the image",
            case.name,
        )
        for number, (low, high) in enumerate(zip(minima, maxima, strict=True))
        if low == high
    ]


def on_label(facts: CaseFacts, case: Case) -> list[Problem]:
    """Say whether the label map is empty or lies where the image shows nothing."""
    file = str(case.label_file)
    if not facts.label_voxels[1:].any():
        return [Problem(file, "has no foreground", "fine where nothing is to be found", case.name)]
    if (facts.minima == facts.maxima).all():
        return []
    nothing = (facts.samples == facts.minima[:, None]).all(axis=0)
    if nothing.mean() > _OUTSIDE_SHARE:
        return [
            Problem(
                file,
                f"{100 * nothing.mean():.0f} % of its foreground lies where every channel has its "
                "lowest value (outside the body?)",
                "look whether image and label belong together",
                case.name,
            )
        ]
    return []


def on_dataset(
    dataset: Dataset,
    facts: Sequence[CaseFacts],
    orientations: dict[str, str],
    fingerprint: Fingerprint,
) -> list[Problem]:
    """Say which cases are unlike the others, and which labels never occur."""
    cases = {case.name: case for case in (*dataset.test, *dataset.training)}
    swapped = _channel_orders(cases, dataset, facts)
    return [
        *_orientations(cases, orientations),
        *_spacings(cases, fingerprint),
        *_absent_labels(dataset, fingerprint),
        *_twins(cases, facts),
        *swapped,
        *_modalities(cases, facts),
        *_intensities(cases, dataset, facts, known={problem.case for problem in swapped}),
    ]


def _orientations(cases: dict[str, Case], orientations: dict[str, str]) -> list[Problem]:
    counted = Counter(orientations.values())
    if len(counted) < 2:
        return []
    usual = min(counted, key=lambda axes: (-counted[axes], axes))
    return [
        Problem(
            _image(cases[name]),
            f"has the axes {axes}, most images have {usual}",
            "nothing to do if the header is right: all are turned alike",
            name,
        )
        for name, axes in orientations.items()
        if axes != usual
    ]


def _spacings(cases: dict[str, Case], fingerprint: Fingerprint) -> list[Problem]:
    usual = np.array(fingerprint.median_spacing_mm)
    found = []
    for name, spacing in zip(fingerprint.cases, fingerprint.spacings_mm, strict=True):
        ratio = np.array(spacing) / usual
        if max(ratio.max(), (1 / ratio).max()) > _SPACING_RATIO:
            mm, others = (" x ".join(f"{s:.4g}" for s in of) for of in (spacing, usual))
            found.append(
                Problem(
                    _image(cases[name]),
                    f"its spacing {mm} mm is far from the usual {others} mm",
                    "check the header",
                    name,
                )
            )
    return found


def _absent_labels(dataset: Dataset, fingerprint: Fingerprint) -> list[Problem]:
    return [
        Problem(
            str(dataset.folder / "labelsTr"),
            f"label {value} ({name}) does not occur in any case",
            "remove it from dataset.json, or add cases",
        )
        for name, value in fingerprint.labels.items()
        if value and not fingerprint.label_voxels[value]
    ]


def _twins(cases: dict[str, Case], facts: Sequence[CaseFacts]) -> list[Problem]:
    """Find cases with equal voxels: on two sides of a split they would leak."""
    same: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for fact in facts:
        same[(fact.shape, fact.content)].append(fact.name)
    return [
        Problem(
            _image(cases[names[0]]),
            f"has the same voxels as {shorten(names[1:])}",
            "remove the copies, or give them one subject in cases.csv",
            names[0],
        )
        for names in same.values()
        if len({cases[name].group for name in names}) > 1
    ]


def _channel_orders(
    cases: dict[str, Case], dataset: Dataset, facts: Sequence[CaseFacts]
) -> list[Problem]:
    """Find cases whose channels fit the others' much better in another order.

    A case's median foreground intensity per channel is compared with the dataset's, in robust
    standard deviations (Gaussian-scaled median absolute deviations): suspicious is a channel that
    lies over six of them off, while in another order all channels are within two.
    """
    known = [fact for fact in facts if fact.samples.size]
    channels = range(len(dataset.channel_names))
    if not 2 <= len(channels) <= _MOST_CHANNELS or len(known) < _FEWEST_CASES:
        return []
    middle = np.array([np.median(fact.samples, axis=1) for fact in known])
    usual = np.median(middle, axis=0)
    spread = 1.4826 * np.median(np.abs(middle - usual), axis=0)
    if not spread.all():
        return []
    found = []
    for fact, value in zip(known, middle, strict=True):
        misfit = {
            order: float(np.max(np.abs(value[list(order)] - usual) / spread))
            for order in permutations(channels)
        }
        best = min(misfit, key=lambda order: misfit[order])
        if misfit[tuple(channels)] > _FAR and misfit[best] < _NEAR:
            names = [dataset.channel_names[k] for k in best]
            found.append(
                Problem(
                    _image(cases[fact.name]),
                    f"its channels look like {', '.join(names)} of the other cases",
                    "look whether its files have the right channel numbers",
                    fact.name,
                )
            )
    return found


def _modalities(cases: dict[str, Case], facts: Sequence[CaseFacts]) -> list[Problem]:
    counted = Counter(fact.image.modality for fact in facts if fact.image.modality)
    if len(counted) < 2:
        return []
    usual = min(counted, key=lambda code: (-counted[code], code))
    return [
        Problem(
            _image(cases[fact.name]),
            f"is of modality {fact.image.modality}, most images are {usual}",
            "make a dataset of each modality",
            fact.name,
        )
        for fact in facts
        if fact.image.modality not in (None, usual)
    ]


def _intensities(
    cases: dict[str, Case],
    dataset: Dataset,
    facts: Sequence[CaseFacts],
    known: set[str | None],
) -> list[Problem]:
    """Name cases with odd channels, but those whose channels are known to be exchanged."""
    subjects = {name: case.subject for name, case in cases.items()}
    return [
        Problem(
            str(cases[name].image_files[min(number, len(cases[name].image_files) - 1)]),
            said,
            "look whether it is of the same kind and in the same unit",
            name,
        )
        for number, channel in enumerate(dataset.channel_names)
        for name, said in unlike(channel, facts, number, subjects)
        if name not in known
    ]


def _image(case: Case) -> str:
    return str(case.image_files[0])
