"""Label maps for new images: a run, images, a folder."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from segscope.errors import InputError
from segscope.paths import is_folder, is_there
from segscope.predict_options import PredictOptions as CaseOptions
from segscope.workflows.arguments import check_device, check_folder, check_level, check_there
from segscope.workflows.opening import images_of
from segscope.workflows.options import JobOptions, ModelOptions, check_model, to_log

if TYPE_CHECKING:
    from segscope.data import ReadOptions
    from segscope.images import Case
    from segscope.inference import Predicted, TrainedModel
    from segscope.inference.cases import Make
    from segscope.workflows.predict_pieces import Model


TRUST = ("off", "fast", "standard", "thorough")


@dataclass(frozen=True, kw_only=True)
class PredictOptions(JobOptions, ModelOptions, CaseOptions):
    """How images are predicted, beside what holds for each case (`segscope.predict_options`).

    Args:
        level: ``L1`` to ``L4``: prune a nested network first.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        fast: Fold norms, channels last: the same but for rounding.
        bf16: Compute in bfloat16: faster, less exact.
        masks: Folder of the user's global binary masks, instead of made ones.
        trust: What is said of each prediction's quality: nothing (``off``), by figures of the one
            pass (``fast``), of half the resolution too (``standard``), of mirrored copies too
            (``thorough``).
        overwrite: Make all again; replace files made otherwise.
        previews: Draw a picture of each case into ``previews``; by default of up to a hundred.
        report: Also write ``report.html``, one small page of tables and pictures.
        labels_as: Name or file of a layout: label maps get the values that its challenge has.
    """

    level: str | None = None
    device: str = "auto"
    fast: bool = False
    bf16: bool = False
    masks: Path | None = None
    trust: str = "standard"
    overwrite: bool = False
    labels_as: str | None = None
    previews: bool | None = None
    report: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trust not in TRUST:
            raise InputError(f"--trust {self.trust}: is not known; say one of {', '.join(TRUST)}")


def predict(
    run: Path,
    source: Path,
    output: Path,
    options: PredictOptions | None = None,
    *,
    say: Callable[[str], None] = to_log,
) -> "Predicted":
    """Predict images, each on its own grid, into ``output/CASE.ext``.

    Beside the label maps go ``statistics.csv`` (sizes of every label) and ``previews/CASE.png``,
    see `segscope.workflows.predicted`, and ``quality.csv``, what is known of each prediction's
    quality. A network that is shown global binary masks has them made first, into ``output/masks``.

    Args:
        run: Folder of a run, or a model of another tool.
        source: File, folder, dataset or DICOM series.
        output: Folder for label maps.
        options: The defaults where not given.
        say: Receives a line per piece where several processes predict.

    Raises:
        InputError: As of `open_model`, `find_cases` and `predict_cases`.
        NotMeantError: An `InputError`: every image lies far outside of what was trained on.
        SomeFailedError: A `WorkError`, after all others were predicted; its ``done`` says more.
    """
    chosen = options or PredictOptions()
    _check(run, source, output, chosen)

    from segscope.data import ReadOptions, find_cases
    from segscope.inference import NotMeantError, SomeFailedError, parse_level, predict_cases
    from segscope.workflows.predict_pieces import Model
    from segscope.workflows.predict_trust import write_trust
    from segscope.workflows.predicted import check_described

    level = parse_level(chosen.level)
    opening = chosen.opening(device=chosen.device, level=level, bf16=chosen.bf16, fast=chosen.fast)
    by = Model(run, opening, chosen.trust)
    model = by.load()
    if chosen.masks is not None and model.spec.mask is None:
        raise InputError(
            f"--masks {chosen.masks}: this run's network is shown no mask; leave it out"
        )
    with images_of(source):
        cases = find_cases(source, channels=model.spec.file_channels)
    odd = None
    reading = ReadOptions(chosen.replace_nonfinite, chosen.resample_shear)
    check_described(output)
    if model.spec.mask is not None:
        cases, odd = _shown(model, run, cases, output / "masks", reading, chosen.masks)
    how = {one.name: getattr(chosen, one.name) for one in fields(CaseOptions)}
    if chosen.labels_as is not None:
        how["label_values"] = _values_as(chosen.labels_as, model.spec.labels)
    labels = CaseOptions(**how).written_labels(model.spec.labels)
    try:
        with _maker(chosen, by, output, CaseOptions(**how), say) as make:
            watch = by.watch(model, mirror=chosen.mirror)
            done = predict_cases(
                model, cases, output, overwrite=chosen.overwrite, make=make, watch=watch, **how
            )
    except (SomeFailedError, NotMeantError) as error:
        done = replace(error.done, mask_warnings=odd)
        write_trust(output, done)
        error.done = _described(done, cases, output, labels, reading, chosen)
        raise
    done = replace(done, mask_warnings=odd, remarks=(*done.remarks, *_untrusted(model, chosen)))
    write_trust(output, done)
    return _described(done, cases, output, labels, reading, chosen)


def _untrusted(model: "TrainedModel", chosen: PredictOptions) -> tuple[str, ...]:
    """Say where nothing is said of the quality of predictions."""
    if chosen.trust == "off" or model.parts is None:
        return ()
    return (
        "no Dice is predicted for another tool's model; segscope quality says which of its "
        "predictions to look at first",
    )


def _check(run: Path, source: Path, output: Path, chosen: PredictOptions) -> None:
    """Refuse what can be refused before anything heavy is loaded."""
    check_model(run)
    if is_there(output) and not is_folder(output):
        raise InputError(f"-o {output}: is a file; name a folder")
    check_there(source)
    check_level(chosen.level)
    check_folder(chosen.masks, "--masks")
    check_device(chosen.device)


def _described(
    done: "Predicted",
    cases: "Sequence[Case]",
    output: Path,
    labels: Mapping[str, int],
    reading: "ReadOptions",
    chosen: PredictOptions,
) -> "Predicted":
    """Measure and draw what was predicted, now or before."""
    from segscope.workflows.predicted import describe_predictions

    names = {*done.written, *done.reused}
    if not names:
        return done
    found = describe_predictions(
        [case for case in cases if case.name in names],
        output,
        labels,
        reading=reading,
        notes=done.notes,
        previews=chosen.previews,
        page=chosen.report,
    )
    return replace(done, files=found.to_dict())


def _values_as(layout: str, labels: Mapping[str, int]) -> dict[str, int]:
    """Values in which a challenge expects its labels, by the layout that reads its downloads."""
    from segscope.convert import read_layout, values_back

    back = values_back(read_layout(layout, option="--labels-as"), labels)
    return {str(value): written for value, written in back.items()}


@contextmanager
def _maker(
    chosen: PredictOptions,
    by: "Model",
    output: Path,
    options: CaseOptions,
    say: Callable[[str], None],
) -> "Iterator[Make | None]":
    """Who predicts: None is this process."""
    if not chosen.by_several:
        yield None
        return
    from segscope.jobs import open_crew
    from segscope.workflows.predict_pieces import shared_by

    with open_crew(jobs=chosen.jobs, ray=chosen.ray, device=chosen.device) as crew:
        yield shared_by(crew, by, output, options, say=say)


def _shown(
    model: "TrainedModel",
    run: Path,
    cases: "tuple[Case, ...]",
    folder: Path,
    reading: "ReadOptions",
    files: Path | None,
) -> "tuple[tuple[Case, ...], dict[str, tuple[str, ...]]]":
    """Show cases with their masks; what is odd about these."""
    # registration, coarse networks and drawing are no part of a plain prediction
    from segscope.workflows.masks import mask_cases

    shown = mask_cases(model, run, cases, folder, reading=reading, files=files)
    return shown.cases, shown.warnings
