"""A run's network for other tools, checked after it was written."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segscope.errors import InputError
from segscope.paths import check_new_folder
from segscope.workflows.options import check_model

if TYPE_CHECKING:
    from segscope.inference import TrainedModel

FORMS = ("onnx", "monai")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        folder: Of the export.
        form: ``onnx`` or ``monai``.
        files: In it.
        said: What was checked, and how it is used, in sentences.
    """

    folder: Path
    form: str
    files: tuple[str, ...]
    said: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "folder": str(self.folder),
            "form": self.form,
            "files": list(self.files),
            "said": list(self.said),
        }


def export_model(run: Path, output: Path, *, form: str, weights: str = "best") -> Exported:
    """Write a run's network in the form of another tool.

    Args:
        run: Folder of a run.
        output: New folder.
        form: ``onnx``: ``model.onnx`` beside ``prepare.yaml``; ``monai``: a bundle.
        weights: ``best``, ``last`` or a snapshot.

    Raises:
        InputError: An unknown form; a network, or a preprocessing, that it cannot say.
        WorkError: What was written gives other results than the network.
    """
    if form not in FORMS:
        raise InputError(f"--to {form}: expected {' or '.join(FORMS)}")
    check_model(run)
    check_new_folder(output)

    from segscope.inference import load_model
    from segscope.inference.export.described import check_exportable

    model = load_model(run, weights=weights)
    check_exportable(model)
    said = _as_onnx(model, output) if form == "onnx" else _as_bundle(model, output)
    files = sorted(f.relative_to(output).as_posix() for f in output.rglob("*") if f.is_file())
    return Exported(output, form, tuple(files), said)


def _as_onnx(model: "TrainedModel", folder: Path) -> tuple[str, ...]:
    from segscope.inference.export.described import write_beside
    from segscope.inference.export.onnx_file import OPSET, write_onnx

    folder.mkdir(parents=True, exist_ok=True)
    worst = write_onnx(folder / "model.onnx", model.segmenter)
    used = f"segscope predict {folder.name}/model.onnx -i IMAGES -o OUT"
    what = f"model.onnx is ONNX of opset {OPSET}: input `image` (N, C, *S), output `logits`."
    write_beside(folder, model, what=what, used=f"`{used}` prepares images as this card says.")
    return (
        f"opset {OPSET}; onnxruntime gives the network's logits on three shapes, within "
        f"{worst:.1g} of their range",
        used,
    )


def _as_bundle(model: "TrainedModel", folder: Path) -> tuple[str, ...]:
    from segscope.inference.export.bundle_folder import write_bundle

    same = write_bundle(folder, model)
    return (
        f"MONAI's own parser runs it; {100 * same:.2f} % of a made image's voxels are labelled as "
        "by the run",
        f"python -m monai.bundle run --config_file {folder.name}/configs/inference.json "
        f"--bundle_root {folder.name} --dataset_dir IMAGES",
    )
