"""Label maps for new images: a run, images, a folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from segscope.errors import InputError
from segscope.paths import is_folder, is_there
from segscope.predict_options import PredictOptions as CaseOptions
from segscope.workflows.arguments import check_device, check_folder, check_level, check_there
from segscope.workflows.opening import images_of
from segscope.workflows.options import JobOptions, check_run, to_log

if TYPE_CHECKING:
    from segscope.data import ReadOptions
    from segscope.images import Case
    from segscope.inference import Predicted, TrainedModel
    from segscope.inference.cases import Make
    from segscope.workflows.predict_pieces import Model


@dataclass(frozen=True, kw_only=True)
class PredictOptions(JobOptions, CaseOptions):
    """How images are predicted, beside what holds for each case (`segscope.predict_options`).

    Args:
        weights: ``best``, ``last`` or a snapshot of the run.
        level: ``L1`` to ``L4``: prune a nested network first.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        fast: Fold norms, channels last: the same but for rounding.
        bf16: Compute in bfloat16: faster, less exact.
        masks: Folder of the user's global binary masks, instead of made ones.
        overwrite: Make all again; replace files made otherwise.
    """

    weights: str = "best"
    level: str | None = None
    device: str = "auto"
    fast: bool = False
    bf16: bool = False
    masks: Path | None = None
    overwrite: bool = False


def predict(
    run: Path,
    source: Path,
    output: Path,
    options: PredictOptions | None = None,
    *,
    say: Callable[[str], None] = to_log,
) -> "Predicted":
    """Predict images, each on its own grid, into ``output/CASE.ext``.

    A network that is shown global binary masks has them made first, into ``output/masks``.

    Args:
        run: Folder with ``model.json`` and weights.
        source: File, folder, dataset or DICOM series.
        output: Folder for label maps.
        options: The defaults where not given.
        say: Receives a line per piece where several processes predict.

    Raises:
        InputError: As of `load_model`, `find_cases` and `predict_cases`.
        NotMeantError: An `InputError`: every image lies far outside of what was trained on.
        SomeFailedError: A `WorkError`, after all others were predicted; its ``done`` says more.
    """
    chosen = options or PredictOptions()
    check_run(run)
    if is_there(output) and not is_folder(output):
        raise InputError(f"-o {output}: is a file; name a folder")
    check_there(source)
    check_level(chosen.level)
    check_folder(chosen.masks, "--masks")
    check_device(chosen.device)

    from segscope.data import ReadOptions, find_cases
    from segscope.inference import NotMeantError, SomeFailedError, parse_level, predict_cases
    from segscope.workflows.predict_pieces import Model

    level = parse_level(chosen.level)
    by = Model(run, chosen.weights, chosen.device, level, chosen.bf16, chosen.fast)
    model = by.load()
    if chosen.masks is not None and model.spec.mask is None:
        raise InputError(
            f"--masks {chosen.masks}: this run's network is shown no mask; leave it out"
        )
    with images_of(source):
        cases = find_cases(source, channels=model.spec.file_channels)
    odd = None
    if model.spec.mask is not None:
        reading = ReadOptions(chosen.replace_nonfinite, chosen.resample_shear)
        cases, odd = _shown(model, run, cases, output / "masks", reading, chosen.masks)
    how = {one.name: getattr(chosen, one.name) for one in fields(CaseOptions)}
    try:
        with _maker(chosen, by, output, CaseOptions(**how), say) as make:
            done = predict_cases(model, cases, output, overwrite=chosen.overwrite, make=make, **how)
    except (SomeFailedError, NotMeantError) as error:
        error.done = replace(error.done, mask_warnings=odd)
        raise
    return replace(done, mask_warnings=odd)


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
