"""The verbs of Python users: ``import segscope; segscope.train(...)``.

Keywords are the fields of the verb's options: one that is mistyped is refused. Paths may be text.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segscope.workflows.audit import Audited, AuditOptions
from segscope.workflows.audit import audit as _audit
from segscope.workflows.check import CheckOptions
from segscope.workflows.check import check as _check
from segscope.workflows.evaluate import EvaluateOptions
from segscope.workflows.evaluate import evaluate as _evaluate
from segscope.workflows.options import to_log
from segscope.workflows.predict import PredictOptions
from segscope.workflows.predict import predict as _predict
from segscope.workflows.prepare import PreparedCases, PrepareOptions
from segscope.workflows.prepare import prepare as _prepare
from segscope.workflows.quality import QualityOptions
from segscope.workflows.quality import quality as _quality
from segscope.workflows.report import Reported, ReportOptions
from segscope.workflows.report import report as _report
from segscope.workflows.train import Trained, TrainOptions
from segscope.workflows.train import train as _train

if TYPE_CHECKING:
    from segscope.data import Report
    from segscope.inference import Predicted
    from segscope.metrics import Summary
    from segscope.workflows.ranking import Ranked

Place = str | Path


def check(dataset: Place, **options: Any) -> "Report":
    """Read every file of a dataset once, and report all that is wrong with it.

    Args:
        dataset: nnU-Net v2 raw folder.
        **options: Fields of `segscope.workflows.check.CheckOptions`.

    Returns:
        ``problems`` that make files unusable, ``warnings``, the fingerprint of usable cases.

    Raises:
        TypeError: An option that there is not.
        InputError: There is no such folder, or the report cannot be written.

    Example::

        segscope.check("Dataset004_Hippocampus").problems
    """
    return _check(Path(dataset), CheckOptions(**options))


def prepare(
    dataset: Place, cache: Place, *, say: Callable[[str], None] = to_log, **options: Any
) -> PreparedCases:
    """Plan a training and prepare all its cases, which trainings with ``cache`` then take.

    Args:
        dataset: nnU-Net v2 raw folder.
        cache: Folder of prepared cases, made where it is missing.
        say: Receives lines on the dataset and the plan.
        **options: Fields of `segscope.workflows.prepare.PrepareOptions`.

    Raises:
        TypeError: An option that there is not.
        InputError: Options, dataset or folder are not usable; a case is refused.

    Example::

        segscope.prepare("Dataset004_Hippocampus", "cache")
        segscope.train("Dataset004_Hippocampus", "runs/hippocampus", cache="cache")
    """
    return _prepare(Path(dataset), Path(cache), PrepareOptions(**options), say=say)


def train(
    dataset: Place, output: Place, *, say: Callable[[str], None] = to_log, **options: Any
) -> Trained | None:
    """Train a network on a dataset, planned from its fingerprint, and score its validation cases.

    Args:
        dataset: nnU-Net v2 raw folder.
        output: Folder of the run, new.
        say: Receives lines on the dataset and the plan before the training begins.
        **options: Fields of `segscope.workflows.train.TrainOptions`.

    Returns:
        Epochs, minutes, Dice of the validation cases; None in all but the first of several
        processes that trained together.

    Raises:
        TypeError: An option that there is not.
        InputError: Options, dataset or folder are not usable; a case is refused.

    Example::

        segscope.train("Dataset004_Hippocampus", "runs/hippocampus",
                       settings={"train.max_minutes": 15}, say=print)
    """
    return _train(Path(dataset), Path(output), TrainOptions(**options), say=say)


def predict(run: Place, source: Place, output: Place, **options: Any) -> "Predicted":
    """Predict images, each on its own grid.

    Args:
        run: Folder of a run.
        source: File, folder, dataset or DICOM series.
        output: Folder for label maps.
        **options: Fields of `segscope.workflows.predict.PredictOptions`.

    Returns:
        Names of the cases that were predicted, and what is odd about them.

    Raises:
        TypeError: An option that there is not.
        InputError: Images or run are not usable.
        WorkError: After all others were predicted: some cases failed.

    Example::

        segscope.predict("runs/hippocampus", "Dataset004_Hippocampus/imagesTs", "predictions")
    """
    return _predict(Path(run), Path(source), Path(output), PredictOptions(**options))


def evaluate(predictions: Place, truth: Place, output: Place, **options: Any) -> "Summary":
    """Score predictions against the truth.

    Args:
        predictions: Folder of label maps, or one file.
        truth: The same.
        output: Folder for ``summary.json`` and ``metrics.csv``.
        **options: Fields of `segscope.workflows.evaluate.EvaluateOptions`.

    Returns:
        Scores of every case and label; predictions that are missing are in ``missing``.

    Raises:
        TypeError: An option that there is not.
        InputError: A file is refused; an unknown choice.

    Example::

        segscope.evaluate("predictions", "Dataset004_Hippocampus/labelsTr", "evaluation",
                          labels="Dataset004_Hippocampus")
    """
    return _evaluate(Path(predictions), Path(truth), Path(output), EvaluateOptions(**options))


def audit(
    run: Place | None,
    source: Place,
    output: Place,
    *,
    say: Callable[[str], None] = to_log,
    **options: Any,
) -> Audited:
    """Measure what each layer and unit could segment, and how far each prediction can be trusted.

    Args:
        run: Folder of a run; None with ``model="module:function"``.
        source: Dataset, folder, file or DICOM series.
        output: New folder for tables, heat-maps and pictures.
        say: Receives lines on how images are prepared for a network of your own.
        **options: Fields of `segscope.workflows.audit.AuditOptions`.

    Returns:
        The audit, case by case.

    Raises:
        TypeError: An option that there is not.
        InputError: Options, network, cases or folder are not usable.
        WorkError: After all others were audited and written: some cases failed.

    Example::

        segscope.audit("runs/skin", "Dataset011_Skin", "runs/skin/audit")
    """
    where = None if run is None else Path(run)
    return _audit(where, Path(source), Path(output), AuditOptions(**options), say=say)


def quality(run: Place, source: Place, output: Place | None = None, **options: Any) -> "Ranked":
    """Rank predictions by figures that need no truth, the ones to look at first.

    Args:
        run: Folder of a run.
        source: Dataset, folder, file or DICOM series.
        output: Folder for ``quality.csv`` and ``quality.json``; nothing is written without one.
        **options: Fields of `segscope.workflows.quality.QualityOptions`.

    Returns:
        The ranking; cases that could not be measured are in ``failed``.

    Raises:
        TypeError: An option that there is not.
        InputError: No case can be measured; too few cases to calibrate on.

    Example::

        segscope.quality("runs/skin", "new_images", calibrate="Dataset011_Skin")
    """
    where = None if output is None else Path(output)
    return _quality(Path(run), Path(source), where, QualityOptions(**options))


def report(run: Place, **options: Any) -> Reported:
    """Write one self-contained HTML page of all that is known of a run.

    Args:
        run: Folder of a run that was audited.
        **options: Fields of `segscope.workflows.report.ReportOptions`.

    Raises:
        TypeError: An option that there is not.
        InputError: Not a run, or no audit there.

    Example::

        segscope.report("runs/skin", output="skin.html")
    """
    return _report(Path(run), ReportOptions(**options))
