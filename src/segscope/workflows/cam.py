"""Class activation maps of a classifier or a segmentation network."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segscope.errors import InputError
from segscope.paths import check_new_folder, is_there
from segscope.workflows.arguments import check_cases
from segscope.workflows.options import CaseOptions, ModelOptions, check_model

if TYPE_CHECKING:
    from segscope.workflows.cam_maps import CamRow


@dataclass(frozen=True, kw_only=True)
class CamOptions(CaseOptions, ModelOptions):
    """How maps are made.

    Args:
        method: ``gradcam``, ``hirescam``, ``gradcam++``, ``saliency``, ``gradientshap``,
            ``activation``, or one of an installed package.
        signed: Without the ReLU of ``gradcam`` and ``hirescam``.
        model: Instead of a run: a classifier that somebody else has trained, ``timm:NAME``,
            ``torchvision:NAME``, ``FILE.py:function``, each with ``,WEIGHTS``.
        layer: By name (``NAME#2``: its second run); the last one by default; of a classifier
            ``faithful``: the one whose maps tell most of the score, which needs no mask.
        of: Of a classifier: a class, or ``predicted``.
        threshold: ``otsu``; of a classifier also ``image-level``.
    """

    method: str = "gradcam"
    layer: str | None = None
    of: str = "predicted"
    threshold: str = "otsu"
    signed: bool = False
    model: str | None = None


@dataclass(frozen=True)
class Mapped:
    """Maps that were written, each with its scores where there is truth."""

    folder: Path
    rows: "tuple[CamRow, ...]"

    def to_dict(self) -> dict[str, Any]:
        """Return what ``cam.json`` says."""
        from segscope.data.json_files import read_record

        return read_record(self.folder / "cam.json")


def cam(run: Path | None, source: Path, output: Path, options: CamOptions | None = None) -> Mapped:
    """Show where each label's score comes from, and how well that alone would segment.

    Args:
        run: Folder of a run, of a segmentation network or a classifier; or another tool's model;
            None where ``options.model`` names a classifier.
        source: Dataset, folder, file or DICOM series.
        output: New folder for the maps.
        options: The defaults where not given.

    Raises:
        InputError: Options that do not fit the run; an unknown method or layer; no case.
        WorkError: After all others were mapped: some cases failed; each is named.
    """
    chosen = options or CamOptions()
    if (run is None) == (chosen.model is None):
        raise InputError("cam: name the folder of a run, or a trained classifier with --model")
    check_new_folder(output)
    if run is not None and not is_there(run / "classifier.json"):
        check_model(run)
    check_cases(source, chosen)

    from segscope.audit import choose_cases
    from segscope.explain import check_method, signed_method
    from segscope.inference import open_model
    from segscope.inference.open_classifier import holds_classifier, open_classifier
    from segscope.workflows.cam_maps import run_cam
    from segscope.workflows.classifier_cam import run_classifier_cam

    method = signed_method(chosen.method) if chosen.signed else chosen.method
    check_method(method)
    if run is None:
        return _of_given(source, output, chosen, method)
    classifies = holds_classifier(run)
    if not classifies and (chosen.of != "predicted" or chosen.threshold != "otsu"):
        raise InputError("--class and --threshold are for classifiers; this is a segmentation run")
    if classifies and chosen.masks is not None:
        raise InputError(f"--masks {chosen.masks}: a classifier is shown no mask; leave it out")
    how = chosen.reading_like(run)
    which, truth, layer = chosen.cases, chosen.truth, chosen.layer
    if classifies:
        known = open_classifier(run, device=chosen.device)
        channels = len(known.spec.channel_names)
        cases = choose_cases(source, channels=channels, which=which, run=run, truth=truth)
        rows = run_classifier_cam(
            known, cases, output, method=method, layer=layer, of=chosen.of,
            criterion=chosen.threshold, reading=how,
        )  # fmt: skip
    else:
        model = open_model(run, chosen.opening(device=chosen.device))
        channels = model.spec.file_channels
        cases = choose_cases(source, channels=channels, which=which, run=run, truth=truth)
        rows = run_cam(
            model, cases, output, run=run, method=method, layer=layer, masks=chosen.masks,
            reading=how,
        )  # fmt: skip
    return Mapped(output, tuple(rows))


def _of_given(source: Path, output: Path, chosen: CamOptions, method: str) -> Mapped:
    """Maps of a classifier that was trained elsewhere."""
    from segscope.audit import choose_cases
    from segscope.workflows.classifier_cam import run_classifier_cam
    from segscope.workflows.given_classifier import open_classifier

    if chosen.masks is not None:
        raise InputError(f"--masks {chosen.masks}: a classifier is shown no mask; leave it out")
    prepare = None if chosen.prepare is None else Path(chosen.prepare)
    known = open_classifier(str(chosen.model), source, prepare=prepare, device=chosen.device)
    channels = len(known.spec.channel_names)
    cases = choose_cases(source, channels=channels, which=chosen.cases, truth=chosen.truth)
    rows = run_classifier_cam(
        known, cases, output, method=method, layer=chosen.layer, of=chosen.of,
        criterion=chosen.threshold, reading=chosen.reading(),
    )  # fmt: skip
    return Mapped(output, tuple(rows))
