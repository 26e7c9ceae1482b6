"""Options that several commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from segscope.data import ReadOptions
    from segscope.studies.declared import Asked

ReplaceNonfinite = Annotated[
    float | None, typer.Option("--replace-nonfinite", help="In place of NaN and infinities.")
]
ResampleShear = Annotated[
    bool, typer.Option("--resample-shear", help="Resample a sheared grid to an upright one.")
]
ResampleLabels = Annotated[
    bool, typer.Option("--resample-labels", help="Bring labels of another grid onto the image's.")
]

DatasetFolder = Annotated[
    Path, typer.Argument(help="nnU-Net v2 raw folder with dataset.json.", show_default=False)
]
StudyFolder = Annotated[Path, typer.Option("-o", "--output", help="Folder of the study.")]
Budget = Annotated[
    str, typer.Option("--budget", help="minutes, hours, or paper: its sizes and epochs.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="One recipe value for all runs; repeat.")
]
StudySeeds = Annotated[
    int, typer.Option("--seeds", min=1, help="Times that all is repeated: folds, weights, samples.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Trainings at the same time.")]
OnRay = Annotated[
    bool, typer.Option("--ray", help="Hand trainings to Ray (RAY_ADDRESS, or this machine).")
]
CaseJobs = Annotated[
    int, typer.Option("--jobs", min=1, help="Processes that share cases, cores and GPUs.")
]
CasesOnRay = Annotated[
    bool, typer.Option("--ray", help="Hand cases to Ray (RAY_ADDRESS, or this machine).")
]
PageOnly = Annotated[
    bool, typer.Option("--page-only", help="Make tables and page again from what is there.")
]
StudyFolds = Annotated[int, typer.Option("--folds", min=2, help="How many, by subject.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")]
Source = Annotated[
    Path, typer.Option("-i", "--input", help="Dataset, folder, file or DICOM series.")
]
WhichCases = Annotated[
    str, typer.Option("--cases", help="auto, validation, train, test or all of a dataset.")
]
TruthFolder = Annotated[
    Path | None, typer.Option("--truth", help="Labels of images that are in no dataset.")
]
Masks = Annotated[
    Path | None,
    typer.Option("--masks", help="Folder of global binary masks CASE.ext, instead of made ones."),
]
Ensemble = Annotated[
    list[Path] | None, typer.Option("--ensemble", help="Another run to compare with; repeat.")
]
Scores = Annotated[
    list[str] | None,
    typer.Option("--score", help="Also measure a quality score of an installed package; repeat."),
]

Model = Annotated[
    Path, typer.Argument(help="A run, or another tool's model (nnU-Net, MONAI, smp, ONNX).")
]
Folds = Annotated[str | None, typer.Option("--folds", help="Of an nnU-Net folder: 0,1 or all.")]
Checkpoint = Annotated[
    str | None, typer.Option("--checkpoint", help="Of an nnU-Net folder: final or best.")
]

Prepare = Annotated[
    str | None,
    typer.Option(
        "--prepare",
        help="How images are prepared, of a model that does not say: a YAML file, or asis.",
    ),
]

SplitColumn = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="Column of cases.csv, e.g. centre: each value tested once, trained on the others; no "
        "folds.",
    ),
]

NewRun = Annotated[Path, typer.Option("-o", "--output", help="Folder of the run, new.")]
RecipeFile = Annotated[
    str | None, typer.Option("--recipe", help="A preset (segscope recipe list) or a YAML file.")
]


@dataclass(frozen=True)
class Trained:
    """How the networks of a study are trained."""

    budget: Budget = "minutes"
    setting: Settings = None

    def check(self, dataset: Path) -> None:
        """Refuse, before anything is loaded, what no study could be done with."""
        from segscope.workflows.arguments import check_choice, check_settings
        from segscope.workflows.opening import check_dataset_folder

        check_dataset_folder(dataset)
        check_choice("--budget", self.budget, ("minutes", "hours", "paper"))
        check_settings(self.setting or ())

    @property
    def changes(self) -> dict[str, Any]:
        """The same nested, as recipes have it."""
        from segscope.training import parse_settings

        return parse_settings(self.setting or [])


@dataclass(frozen=True)
class StudyOptions(Trained):
    """What all studies of arms over folds ask; see `segscope.cli.groups`."""

    folds: StudyFolds = 3
    split: SplitColumn = None
    seeds: StudySeeds = 1
    jobs: Jobs = 1
    ray: OnRay = False
    page_only: PageOnly = False
    as_json: AsJson = False

    def asked(self) -> "Asked":
        """The same as studies take it."""
        from segscope.studies.declared import Asked

        return Asked(
            self.budget,
            self.changes,
            self.folds,
            self.seeds,
            self.jobs,
            self.ray,
            self.page_only,
            self.split,
        )


@dataclass(frozen=True)
class Shared:
    """Who does the work on many cases."""

    jobs: CaseJobs = 1
    ray: CasesOnRay = False


@dataclass(frozen=True)
class Measured:
    """Of which cases quality is measured, and beside what."""

    cases: WhichCases = "auto"
    truth: TruthFolder = None
    ensemble: Ensemble = None
    score: Scores = None
    masks: Masks = None

    def to_dict(self) -> dict[str, Any]:
        """The same as a verb's options take it."""
        return {
            "cases": self.cases,
            "truth": self.truth,
            "ensemble": tuple(self.ensemble or ()),
            "scores": tuple(self.score or ()),
            "masks": self.masks,
        }


@dataclass(frozen=True)
class Chosen:
    """Which network of another tool's model is opened."""

    folds: Folds = None
    checkpoint: Checkpoint = None
    prepare: Prepare = None


@dataclass(frozen=True)
class Reading:
    """What may be changed when files are read."""

    replace_nonfinite: ReplaceNonfinite = None
    resample_shear: ResampleShear = False
    resample_labels: ResampleLabels = False


def reading(
    replace_nonfinite: float | None = None,
    resample_shear: bool = False,
    resample_labels: bool = False,
) -> "ReadOptions":
    """What may be changed when files are read."""
    from segscope.data import ReadOptions

    return ReadOptions(replace_nonfinite, resample_shear, resample_labels)


@dataclass(frozen=True)
class Trainers:
    """Who trains the networks of a study."""

    jobs: Jobs = 1
    ray: OnRay = False
