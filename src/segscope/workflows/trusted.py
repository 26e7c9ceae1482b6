"""What a run has learned of its predictions, asked for any cases; learned anew where asked to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from segscope.data import Cache, Dataset, ReadOptions, open_dataset
from segscope.errors import InputError
from segscope.images import Case
from segscope.inference import SomeFailedError, TrainedModel, predict_cases
from segscope.training import reading_of, validation_cases
from segscope.trust.guarantee import Guarantee, Promise
from segscope.trust.quality_file import open_judge
from segscope.trust.watch import TrustWatch
from segscope.workflows.masks import mask_cases
from segscope.workflows.train_quality import make_quality

_SHIFTED_SHARE = 0.1  # of the cases: with more, they are not cases like those that were known


@dataclass(frozen=True)
class Trusted:
    """What is known of the quality of some cases' predictions.

    Args:
        facts: Of each case, as `segscope.trust.judge.Judge.case` gives them; none of a model of
            which nothing is known.
        guarantee: What can be promised of accepted cases.
        promise: What was asked for.
        why: Why no Dice is predicted; empty where one is.
    """

    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    guarantee: Guarantee | None = None
    promise: Promise = field(default_factory=Promise)
    why: str = ""

    @property
    def accepted(self) -> tuple[str, ...]:
        """Cases that the guarantee accepts; none where nothing is promised."""
        if self.guarantee is None or self.guarantee.threshold is None:
            return ()
        return tuple(name for name, one in self.facts.items() if one["verdict"] == "accept")

    def row(self, case: str) -> dict[str, Any]:
        """Columns of a case in a ranking."""
        if case not in self.facts:
            return {}
        one = self.facts[case]
        names = ("predicted_dice", "lower", "upper", "verdict")
        numbers = {name: one[name] for name in names if one[name] is not None}
        return numbers | {"reasons": "; ".join(one["reasons"])}

    def describe(self) -> str:
        """Say what is promised, or why nothing is."""
        if self.why:
            return f"only the order is known, no Dice is predicted: {self.why}"
        if self.guarantee is None:
            return ""
        said = self.guarantee.describe(self.promise)
        kept = f"; {len(self.accepted)} of {len(self.facts)} cases here are accepted"
        return said + (kept if self.guarantee.threshold is not None else "")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        promised = None if self.guarantee is None else self.guarantee.to_dict()
        return {
            "cases": {name: dict(one) for name, one in self.facts.items()},
            "promise": vars(self.promise),
            "guarantee": promised,
            "accepted": list(self.accepted),
            "said": self.describe(),
        }


def ask_trust(
    model: TrainedModel,
    run: Path,
    cases: Sequence[Case],
    *,
    reading: ReadOptions,
    promise: Promise,
) -> Trusted:
    """Predict cases once more, looked on by who knows what their figures mean.

    Args:
        model: Of the run.
        run: Its folder.
        cases: As the network is shown them.
        reading: What may be changed when they are read.
        promise: What is asked for.
    """
    if model.parts is not None:
        return Trusted(promise=promise, why="the model is another tool's")
    judge = open_judge(run, model, "standard", promise=promise)
    watch = TrustWatch(model, "standard", judge)
    with TemporaryDirectory() as folder:
        try:
            done = predict_cases(
                model,
                cases,
                Path(folder),
                watch=watch,
                anyway=True,
                replace_nonfinite=reading.replace_nonfinite,
                resample_shear=reading.resample_shear,
            )
        except SomeFailedError as error:  # the audit has named them already
            done = error.done
    shifted = [
        name for name, one in done.facts.items() if one["unlike_training"] or name in done.verdicts
    ]
    promised = judge.guarantee
    if promised is not None and len(shifted) > max(1, _SHIFTED_SHARE * len(done.facts)):
        why = (
            f"{len(shifted)} of {len(done.facts)} cases are unlike those that were learned from, "
            "and a promise holds for cases like them"
        )
        promised = replace(promised, threshold=None, why_not=why)
    return Trusted(done.facts, promised, promise, judge.why)


def learn_trust(
    model: TrainedModel, run: Path, folder: Path, cases: Sequence[Case], *, masks: Path | None
) -> None:
    """Learn from the run's own dataset what figures mean, into ``quality.json`` of the run.

    Args:
        model: Of the run.
        run: Its folder.
        folder: The dataset that it was trained on.
        cases: Which shall be ranked.
        masks: Folder of the user's global binary masks.

    Raises:
        InputError: Another tool's model; a case to be ranked is among those that would be learned
            from.
    """
    if model.parts is not None:
        raise InputError(
            f"--calibrate {folder}: is for runs of segscope, {run} is a model of another tool; "
            "leave it out"
        )
    dataset = open_dataset(folder, reading=reading_of(run))
    refuse_same(validation_cases(run, dataset), cases, folder)
    with TemporaryDirectory() as place:
        shown = _shown(model, run, dataset, Path(place), masks)
        store = Cache(Path(place) / "cache")
        make_quality(run, shown, device=str(model.device), store=store, mode="thorough")


def refuse_same(known: Sequence[Case], cases: Sequence[Case], folder: Path) -> None:
    """Refuse to predict a case from itself.

    Raises:
        InputError: One is among both.
    """
    both = {case.name for case in known} & {case.name for case in cases}
    if both and {c.image_files for c in known} & {c.image_files for c in cases}:
        raise InputError(
            f"--calibrate {folder}: case {min(both)} would be predicted from itself; calibrate "
            "on other cases than those you rank"
        )


def _shown(
    model: TrainedModel, run: Path, dataset: Dataset, place: Path, masks: Path | None
) -> Dataset:
    """Show the dataset's cases with their masks, where the network is shown any."""
    if model.spec.mask is None:
        return dataset
    known = [case for case in dataset.training if case.label_file is not None]
    shown = mask_cases(model, run, known, place, reading=dataset.reading, files=masks)
    return replace(dataset, training=shown.cases)
