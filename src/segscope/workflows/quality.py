"""Which predictions a person must look at, worst first."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segscope.workflows.arguments import check_cases, check_choice, check_folder
from segscope.workflows.opening import images_of
from segscope.workflows.options import CaseOptions, JobOptions, ModelOptions, check_model, to_log

if TYPE_CHECKING:
    from segscope.workflows.ranking import Ranked

METHODS = ("trust", "isotonic", "quantile")


@dataclass(frozen=True, kw_only=True)
class QualityOptions(CaseOptions, JobOptions, ModelOptions):
    """What ranks the predictions, and what is predicted of them.

    Args:
        ensemble: Other runs to compare predictions with.
        calibrate: Dataset of the run: learn from its validation cases to predict the Dice.
        coverage: Of the intervals of ``isotonic`` and ``quantile``.
        method: ``trust`` learns as a training does at its end, and keeps it in the run;
            ``isotonic`` (of mu) and ``quantile`` (of mu and layers) are for this ranking alone.
        good: A case of at least this Dice is good.
        risk: Largest share of accepted cases that may be bad.
        confidence: With which that shall hold.
        target: Mean Dice that review shall reach.
        scores: Of installed packages, to measure too.
    """

    ensemble: tuple[Path, ...] = ()
    calibrate: Path | None = None
    coverage: float = 0.9
    method: str = "trust"
    good: float = 0.7
    risk: float = 0.1
    confidence: float = 0.9
    target: float = 0.9
    scores: tuple[str, ...] = ()


def quality(
    run: Path,
    source: Path,
    output: Path | None = None,
    options: QualityOptions | None = None,
    *,
    say: Callable[[str], None] = to_log,
) -> "Ranked":
    """Rank predictions by figures that need no truth; where there is truth, say how well they do.

    Args:
        run: Folder of a run, or a model of another tool.
        source: Dataset, folder, file or DICOM series.
        output: Folder for ``quality.csv`` and ``quality.json``; nothing is written without one.
        options: The defaults where not given.
        say: Receives a line per piece where several processes measure.

    Returns:
        The ranking; cases that could not be measured are in ``failed`` with the reason.

    Raises:
        InputError: No case can be measured; too few cases to calibrate on.
    """
    chosen = options or QualityOptions()
    check_model(run)
    check_cases(source, chosen)
    check_choice("--method", chosen.method, METHODS)
    check_folder(chosen.calibrate, "--calibrate")

    from segscope.audit import check_scores, choose_cases
    from segscope.data import write_json, write_text
    from segscope.inference import open_model, write_manifest
    from segscope.workflows.audit_model import Network
    from segscope.workflows.audit_pieces import by_several
    from segscope.workflows.ranking import measure_quality

    check_scores(chosen.scores)
    opening = chosen.opening(device=chosen.device)
    model = open_model(run, opening)
    how = chosen.reading_like(run)
    with images_of(source):
        cases = choose_cases(
            source,
            channels=model.spec.file_channels,
            which=chosen.cases,
            run=run,
            truth=chosen.truth,
        )
    network = Network(run, opening=opening)
    with by_several(chosen, network, say) as several:
        ranked = measure_quality(model, cases, chosen, run=run, reading=how, several=several)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        write_text(output / "quality.csv", ranked.to_csv())
        write_json(output / "quality.json", ranked.to_dict())
        write_manifest(output, cases, device=model.device, weights=model.weights_sha256)
    return ranked
