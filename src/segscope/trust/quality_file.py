"""What a run knows of its own predictions' quality: ``quality.json`` in its folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from segscope.data import json_ready, sha256_of, write_json
from segscope.data.json_files import read_json
from segscope.errors import InputError
from segscope.inference import TrainedModel
from segscope.inference.manifest import weights_hash
from segscope.inference.run_files import has_run_file, replacing
from segscope.trust.guarantee import Promise
from segscope.trust.judge import Judge
from segscope.trust.lesions import LesionModel
from segscope.trust.predictor import Predictor
from segscope.trust.reference import Reference

QUALITY = "quality.json"
_FORMAT = 1
_REMEDY = "make it again with segscope quality RUN --calibrate DATASET"


@dataclass(frozen=True, eq=False)
class Quality:
    """Content of ``quality.json``.

    Args:
        weights: Hash of the weights whose predictions were measured.
        reference: What training cases were like.
        temperature: Of the network's probabilities, fitted on validation voxels.
        predictors: Per mode, of the mean and of every label.
        cases: How many clean and corrupted cases were measured, of how many subjects.
        why: Per mode, why it has no predictor.
        lesions: Says how likely a predicted component is true; None where too few were known.
    """

    weights: str
    reference: Reference
    temperature: float = 1.0
    predictors: Mapping[str, Mapping[str, Predictor]] = field(default_factory=dict)
    cases: Mapping[str, int] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    lesions: LesionModel | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "format": _FORMAT,
            "weights_sha256": self.weights,
            "cases": dict(self.cases),
            "temperature": self.temperature,
            "predictors": {
                mode: {name: one.to_dict() for name, one in targets.items()}
                for mode, targets in self.predictors.items()
            },
            "no_predictor": dict(self.why),
            "lesions": None if self.lesions is None else self.lesions.to_dict(),
            "reference": self.reference.to_dict(),
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Quality":
        """Take back what `to_dict` gave.

        Raises:
            ValueError: Another format, or parts that are not known.
            KeyError: Parts that are missing.
        """
        if facts.get("format") != _FORMAT:
            raise ValueError(f"format {facts.get('format')!r} where {_FORMAT} is expected")
        return cls(
            weights=str(facts["weights_sha256"]),
            reference=Reference.from_dict(facts["reference"]),
            temperature=float(facts["temperature"]),
            predictors={
                mode: {name: Predictor.from_dict(one) for name, one in targets.items()}
                for mode, targets in facts["predictors"].items()
            },
            cases=dict(facts["cases"]),
            why=dict(facts["no_predictor"]),
            lesions=None if facts["lesions"] is None else LesionModel.from_dict(facts["lesions"]),
        )


def write_quality(run: Path, quality: Quality) -> None:
    """Write ``quality.json`` of a run, whole or not at all; its manifest knows it."""
    with replacing(run, QUALITY) as temporary:
        write_json(temporary, json_ready(quality.to_dict()))


def read_quality(run: Path) -> Quality | None:
    """Read ``quality.json`` of a run; None where it has none.

    Raises:
        InputError: It is damaged, not the run's, or gone from a run that had one.
    """
    if not has_run_file(run, QUALITY):
        return None
    file = run / QUALITY
    facts = read_json(file, remedy=_REMEDY)
    try:
        return Quality.from_dict(facts)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else error
        raise InputError(
            f"{file}: is no quality file of this version ({said}); {_REMEDY}"
        ) from None


def open_judge(
    run: Path,
    model: TrainedModel,
    mode: str,
    *,
    level: int | None = None,
    mirror: bool | None = False,
    promise: Promise | None = None,
) -> Judge:
    """Make the judge of a run's predictions; one that knows no more than the order says why.

    Args:
        run: Folder of the run.
        model: That predicts.
        mode: ``fast``, ``standard`` or ``thorough``.
        level: That a nested network was pruned to.
        mirror: Whether mirrored copies are averaged.
        promise: What "good" means.

    Raises:
        InputError: As of `read_quality`.
    """
    wanted = promise or Promise()
    quality = read_quality(run)
    if quality is None:
        why = f"the run has no {QUALITY}; segscope quality RUN --calibrate DATASET makes it"
        return Judge(why=why, key="none", promise=wanted)
    key = sha256_of(run / QUALITY)[:16] + f" {level} {mirror}"
    known = Judge(
        reference=quality.reference, key=key, temperature=quality.temperature, promise=wanted
    )
    if level is not None or mirror or quality.weights != weights_hash(model):
        other = "other weights" if level is None and not mirror else "--level or --mirror"
        return replace(known, why=f"{QUALITY} of the run was made without {other}")
    predictors = quality.predictors.get(mode, {})
    why = quality.why.get(mode, f"{QUALITY} has no predictor for {mode}")
    return replace(
        known, predictors=predictors, why="" if predictors else why, lesions=quality.lesions
    )
