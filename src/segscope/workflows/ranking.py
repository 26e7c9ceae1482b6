"""Predictions ranked by figures that need no truth, and how well these find the bad ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from segscope.audit import (
    SCORE,
    DatasetAudit,
    KeptCases,
    audit,
    available,
    layer_groups,
    measure_figures,
    quality_of,
    read_from,
    with_figures,
)
from segscope.audit.result import mean_of
from segscope.audit.summary import COVERAGES, MU, worst_first
from segscope.data import AS_STORED, ReadOptions, json_ready, open_dataset, to_csv
from segscope.errors import Failures, InputError
from segscope.explain import (
    at_coverage,
    augrc,
    aurc,
    correlations,
    share_to_review,
)
from segscope.images import Case
from segscope.inference import TrainedModel
from segscope.metrics.html_table import html_table
from segscope.training import validation_cases
from segscope.trust import DicePredictor, fit_dice_predictor
from segscope.trust.guarantee import Promise
from segscope.workflows.audit_pieces import Beside, Several, audit_by_several, audit_files
from segscope.workflows.masks import mask_cases
from segscope.workflows.quality import QualityOptions
from segscope.workflows.trusted import Trusted, ask_trust, learn_trust, refuse_same

_SHOWN = 20
METHODS = ("trust", "isotonic", "quantile")


@dataclass(frozen=True)
class Ranked:
    """Cases with their figures, worst mu first.

    Args:
        audit: With every figure that could be had.
        missing: Figures that could not, and why.
        predictor: Of the Dice, where one was calibrated.
        predicted: Case to predicted Dice, lower and upper end.
        failed: Case that could not be measured to the reason.
        target: Mean Dice that review shall reach.
        trust: What the run has learned of its predictions.
    """

    audit: DatasetAudit
    missing: dict[str, str]
    predictor: DicePredictor | None
    predicted: dict[str, tuple[float, float, float]]
    failed: dict[str, str] = field(default_factory=dict)
    target: float = 0.9
    trust: Trusted | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        facts = {
            "format": 1,
            "cases": self._rows(),
            "figures": self._figures(),
            "not_available": self.missing,
            **({"failed": self.failed} if self.failed else {}),
            "predictor": None if self.predictor is None else self.predictor.to_dict(),
            **({} if self.trust is None else {"trust": self.trust.to_dict()}),
        }
        return json_ready(facts)

    def to_csv(self) -> str:
        """Lay the ranking out as CSV."""
        return to_csv(self._rows())

    def _repr_html_(self) -> str:
        """The ranking as a notebook shows it."""
        rows = self._rows()
        names = list(dict.fromkeys(name for row in rows for name in row))
        cells = [[row.get(name) for name in names] for row in rows]
        return html_table(names, cells, "cases to look at first have the lowest mu")

    def to_text(self) -> str:
        """Say it for a terminal."""
        lines = [f"{MU}; rho: rank correlation with Dice; AURC: lower is better"]
        lines += ["cases to look at first (lowest mu):"]
        for row in self._rows()[:_SHOWN]:
            figures = "  ".join(
                f"{name} {value:.3f}" for name, value in row.items() if isinstance(value, float)
            )
            lines.append(f"  {row['case']:24s} {figures}")
        rest = len(self.audit.cases) - _SHOWN
        if rest > 0:
            lines.append(f"  and {rest} more")
        found = self._figures()
        if found:
            shares = "  ".join(f"{100 * c:3.0f} %" for c in COVERAGES)
            lines += ["", f"mean Dice of what is kept at coverage        {shares}"]
            for name, row in found.items():
                kept = "  ".join(f"{row['kept'][str(c)]:.3f}" for c in COVERAGES)
                lines.append(
                    f"  {name:22s} AURC {row['aurc']:.4f}  rho {row['spearman']:+.2f}  {kept}"
                )
            share = found["mu"]["review"]
            said = "cannot be reached" if share is None else f"takes {100 * share:.0f} % of them"
            lines.append(f"a mean Dice of {self.target:g} by reviewing the lowest mu {said}")
        if self.trust is not None and self.trust.describe():
            lines.append(self.trust.describe())
        lines += [f"{name}: not available, {why}" for name, why in self.missing.items()]
        lines += [f"case {name}: failed, {why}" for name, why in self.failed.items()]
        return "\n".join(lines)

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for case in worst_first(self.audit):
            row: dict[str, Any] = {"case": case.name, "mu": case.mu, **case.quality}
            if case.name in self.predicted:
                names = ("predicted_dice", "lower", "upper")
                row |= dict(zip(names, self.predicted[case.name], strict=True))
            elif self.trust is not None:
                row |= self.trust.row(case.name)
            if case.output:
                row["dice"] = case.dice
            rows.append(row)
        return rows

    def _figures(self) -> dict[str, dict[str, Any]]:
        kept = tuple(case for case in self.audit.cases if case.dice == case.dice)
        if len(kept) < 2:
            return {}
        dice = [case.dice for case in kept]
        result = {}
        for name, values in quality_of(DatasetAudit("", (), kept)).items():
            both = correlations(values, dice)
            result[name] = {
                "meaning": SCORE.get(name).meaning,
                "n": len(kept),
                "pearson": both.pearson,
                "spearman": both.spearman,
                "aurc": aurc(values, dice),
                "augrc": augrc(values, dice),
                "kept": {str(c): at_coverage(values, dice, c) for c in COVERAGES},
                "review": share_to_review(values, dice, self.target),
            }
        return result


def measure_quality(
    model: TrainedModel,
    cases: Sequence[Case],
    options: QualityOptions,
    *,
    run: Path,
    reading: ReadOptions = AS_STORED,
    several: Several | None = None,
) -> Ranked:
    """Measure all figures of quality that a run can have.

    Args:
        model: Of the run.
        cases: To rank, with or without truth.
        options: What ranks them, and what is predicted of them.
        run: The model's folder.
        reading: What may be changed when cases are read.
        several: Who measures, where that is not this process.

    Raises:
        InputError: A case cannot be read; too few cases to calibrate; cases to rank are among
            those that would calibrate.
    """
    ensemble, masks, calibrate = options.ensemble, options.masks, options.calibrate
    if not cases:
        raise InputError("quality: there is no case to rank")
    _check_method(options.method)
    promise = Promise(options.good, options.risk, options.confidence)
    trusts = options.method == "trust"
    if calibrate is not None and trusts:
        learn_trust(model, run, calibrate, cases, masks=masks)
    failures = Failures()
    with TemporaryDirectory() as folder:
        shown = mask_cases(model, run, cases, Path(folder), reading=reading, files=masks)
        beside = Beside(run, ensemble, shown.files, options.scores)
        found = _measured(model, shown.cases, reading, failures, beside, several)
        trusted = None
        if trusts:
            readable = [case for case in shown.cases if case.name not in failures.reasons]
            trusted = ask_trust(model, run, readable, reading=reading, promise=promise)
    cases = [case for case in cases if case.name not in failures.reasons]
    can = available(model, run, ensemble, masks=bool(shown.files))
    missing = {name: why for name, why in can.items() if why}
    if calibrate is None or trusts:
        return Ranked(found, missing, None, {}, failures.reasons, options.target, trusted)
    known = validation_cases(run, open_dataset(calibrate, reading=read_from(run)))
    refuse_same(known, cases, calibrate)
    with TemporaryDirectory() as folder:
        own = mask_cases(model, run, known, Path(folder), reading=read_from(run), files=masks)
        truth = known_audit(model, own.cases, read_from(run), several)
    usable = [k for k, case in enumerate(truth.cases) if case.dice == case.dice]
    predictor = fit_dice_predictor(
        [_figures_of(truth, k) for k in usable],
        [truth.cases[k].dice for k in usable],
        coverage=options.coverage,
        method=options.method,
        groups=[known[k].group for k in usable],
    )
    ends = zip(*predictor.predict([_figures_of(found, k) for k in range(len(cases))]), strict=True)
    names = [case.name for case in found.cases]
    predicted = {
        n: (float(p), float(a), float(b)) for n, (p, a, b) in zip(names, ends, strict=True)
    }
    return Ranked(found, missing, predictor, predicted, failures.reasons, options.target)


def _check_method(method: str) -> None:
    if method not in METHODS:
        raise InputError(f"--method {method}: is not known; say one of {', '.join(METHODS)}")


def _measured(
    model: TrainedModel,
    cases: Sequence[Case],
    reading: ReadOptions,
    failures: Failures,
    beside: Beside,
    several: Several | None,
) -> DatasetAudit:
    """Audit the cases that can be read, and measure their figures."""
    if several is not None:
        found = audit_by_several(
            several, model, cases, failures, options={"reading": reading}, beside=beside,
            doing="quality",
        )  # fmt: skip
        failures.check(len(cases), what="quality")
        return found
    with KeptCases() as kept:  # each case is read and prepared once
        found = audit_files(model, cases, kept, failures, {"reading": reading})
        failures.check(len(cases), what="quality")
        measured = measure_figures(model, kept, reading=reading, **beside.keywords())
        return with_figures(found, measured)


def known_audit(
    model: TrainedModel, cases: Sequence[Case], reading: ReadOptions, several: Several | None
) -> DatasetAudit:
    """Audit the cases to calibrate on; none of them may fail."""
    if several is None:
        return audit(model, cases, reading=reading)
    failures = Failures()
    found = audit_by_several(
        several, model, cases, failures, options={"reading": reading}, doing="calibrating"
    )
    if failures.reasons:
        first = next(iter(failures.reasons.values()))
        raise InputError(first) if failures.bad_input else failures.error(len(cases))
    return found


def _figures_of(found: DatasetAudit, k: int) -> list[float]:
    """Mu, and the mean agreement of the early, the deep and the late layers with the output."""
    case = found.cases[k]
    agreement = [mean_of(layer.agreement) for layer in case.layers]
    values = [case.mu, *(mean_of(part) for part in layer_groups(agreement).values())]
    return [0.0 if value != value else value for value in values]
