"""What an audit found: plain numbers and names, as JSON with a version and as tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from segscope.data import to_csv
from segscope.data.json_files import read_json
from segscope.errors import InputError

FORMAT = 1
SCORES = ("dice", "iou", "accuracy", "sensitivity", "specificity")
"""With the truth; ``agreement`` and the two kinds of chance stand beside them."""

Values = tuple[float, ...]


@dataclass(frozen=True)
class LayerScores:
    """Segmentation ability of one layer in one case; one number per class but the background.

    Args:
        layer: Its name.
        scores: ``dice`` (the SA score) and the others of `SCORES`; empty without truth.
        agreement: Dice with the network's own output.
        chance: SA score when the guide is shifted by half the image; empty without truth.
        chance_agreement: The same for the agreement.
        place: Where it stands in the network, in words; empty in older files.
    """

    layer: str
    scores: Mapping[str, Values]
    agreement: Values
    chance: Values
    chance_agreement: Values
    place: str = ""


@dataclass(frozen=True)
class UnitScores:
    """The same of every unit of a layer: ``[unit][class]``."""

    layer: str
    dice: tuple[Values, ...]
    agreement: tuple[Values, ...]
    chance: tuple[Values, ...]


@dataclass(frozen=True)
class CaseAudit:
    """One case.

    Args:
        name: Of the case.
        mu: Mean over the units of the last layers of the Dice with the output (eq. 12); ``nan``
            where neither holds a voxel.
        output: Scores of the network's own output with the truth; empty without truth.
        layers: In the order in which they run.
        units: Of the layers whose units were looked at.
        quality: Other figures of quality, known without truth; higher is better.
        notes: What was odd.
    """

    name: str
    mu: float
    output: Mapping[str, Values]
    layers: tuple[LayerScores, ...]
    units: tuple[UnitScores, ...]
    quality: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def dice(self) -> float:
        """Mean Dice of the output over the classes where it is defined; ``nan`` without truth."""
        return mean_of(self.output.get("dice", ()))


@dataclass(frozen=True)
class DatasetAudit:
    """All cases.

    Args:
        model: Which network, for the reader.
        classes: Names of the classes but the background.
        cases: In the order in which they were given.
        made_with: Versions, hashes and settings.
    """

    model: str
    classes: tuple[str, ...]
    cases: tuple[CaseAudit, ...]
    made_with: Mapping[str, Any] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in the order in which they run."""
        return tuple(layer.layer for layer in self.cases[0].layers) if self.cases else ()

    @property
    def places(self) -> tuple[str, ...]:
        """Where each of the layers stands, in words."""
        return tuple(layer.place for layer in self.cases[0].layers) if self.cases else ()

    @property
    def has_truth(self) -> bool:
        """Whether every case has a truth to be scored with."""
        return bool(self.cases) and all(case.output for case in self.cases)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` takes them back."""
        return {"format": FORMAT, **asdict(self)}

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return tidy tables, one dict per row: ``cases``, ``layers`` and ``units``."""
        return {
            "cases": list(self._case_rows()),
            "layers": list(self._layer_rows()),
            "units": list(self._unit_rows()),
        }

    def tables(self) -> dict[str, str]:
        """Return the tidy tables as CSV text."""
        return {name: to_csv(rows) for name, rows in self.rows().items()}

    def _case_rows(self) -> Iterator[dict[str, Any]]:
        for case in self.cases:
            scores = {name: mean_of(values) for name, values in case.output.items()}
            yield {"case": case.name, "mu": case.mu, **case.quality, **scores}

    def _layer_rows(self) -> Iterator[dict[str, Any]]:
        for case in self.cases:
            for number, layer in enumerate(case.layers, start=1):
                for k, name in enumerate(self.classes):
                    yield {
                        "case": case.name,
                        "number": number,
                        "layer": layer.layer,
                        "class": name,
                        **{score: values[k] for score, values in layer.scores.items()},
                        **({"chance": layer.chance[k]} if layer.chance else {}),
                        "agreement": layer.agreement[k],
                        "chance_agreement": layer.chance_agreement[k],
                    }

    def _unit_rows(self) -> Iterator[dict[str, Any]]:
        for case in self.cases:
            for layer in case.units:
                for unit, agreement in enumerate(layer.agreement):
                    for k, name in enumerate(self.classes):
                        yield {
                            "case": case.name,
                            "layer": layer.layer,
                            "unit": unit,
                            "class": name,
                            **({"dice": layer.dice[unit][k]} if layer.dice else {}),
                            **({"chance": layer.chance[unit][k]} if layer.chance else {}),
                            "agreement": agreement[k],
                        }


def from_dict(facts: Mapping[str, Any]) -> DatasetAudit:
    """Take back what `DatasetAudit.to_dict` gave.

    Raises:
        ValueError: Another format.
    """
    if facts.get("format") != FORMAT:
        raise ValueError(f"format {facts.get('format')!r} where {FORMAT} is expected")
    cases = tuple(
        CaseAudit(
            name=case["name"],
            mu=_number(case["mu"]),
            output=_scores(case["output"]),
            layers=tuple(
                LayerScores(
                    layer["layer"],
                    _scores(layer["scores"]),
                    _values(layer["agreement"]),
                    _values(layer["chance"]),
                    _values(layer["chance_agreement"]),
                    str(layer.get("place", "")),
                )
                for layer in case["layers"]
            ),
            units=tuple(
                UnitScores(
                    unit["layer"],
                    *(tuple(_values(v) for v in unit[k]) for k in ("dice", "agreement", "chance")),
                )
                for unit in case["units"]
            ),
            quality={name: _number(value) for name, value in case["quality"].items()},
            notes=tuple(case["notes"]),
        )
        for case in facts["cases"]
    )
    return DatasetAudit(facts["model"], tuple(facts["classes"]), cases, dict(facts["made_with"]))


def read_audit(file: Path) -> DatasetAudit:
    """Read ``audit.json``.

    Raises:
        InputError: Not there, or not such a file.
    """
    missing = f"{file}: no such file; run segscope audit first"
    facts = read_json(file, missing=missing, remedy="run segscope audit again")
    try:
        return from_dict(facts)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{file}: is not an audit of this version ({error})") from None


def mean_of(values: Sequence[float]) -> float:
    """Mean of the defined values; ``nan`` where there is none.

    Example:
        >>> mean_of([1.0, float("nan"), 2.0])
        1.5
    """
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")


def layer_groups(values: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Early, deep and late layers: the first 4, the next 10 and the last 4 of 18, in proportion.

    Example:
        >>> {name: len(part) for name, part in layer_groups([0.0] * 18).items()}
        {'early': 4, 'deep': 10, 'late': 4}
    """
    edge = max(1, round(len(values) * 4 / 18)) if len(values) > 2 else 0
    last = len(values) - edge
    return {"early": values[:edge], "deep": values[edge:last], "late": values[last:]}


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)  # JSON has no nan


def _values(values: Sequence[Any]) -> Values:
    return tuple(_number(value) for value in values)


def _scores(scores: Mapping[str, Sequence[Any]]) -> dict[str, Values]:
    return {name: _values(values) for name, values in scores.items()}
