"""Options that several verbs share; each verb adds its own in one frozen dataclass."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segscope.errors import InputError

if TYPE_CHECKING:
    from segscope.data import ReadOptions
    from segscope.inference import OpenOptions

_LOG = logging.getLogger(__name__)
_MARKS = ("model.", "plans.", "fold_", "checkpoint_", "configs", "config.json")
"""How names begin in folders of models; the door looks closer."""


def to_log(line: str) -> None:
    """Say a line in the log; what a verb does with its remarks unless told otherwise."""
    _LOG.info(line)


def as_settings(settings: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """Bring a recipe's values into the form of the command line.

    Example:
        >>> as_settings({"train.epochs": 5, "network.widths": [4, 8]})
        ['train.epochs=5', 'network.widths=[4, 8]']
        >>> as_settings(("train.epochs=5",))
        ['train.epochs=5']
    """
    if isinstance(settings, Mapping):
        return [f"{key}={json.dumps(value, default=str)}" for key, value in settings.items()]
    return list(settings)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a verb; paths may be given as text, several values as a list.

    Example:
        >>> from segscope.workflows.predict import PredictOptions
        >>> PredictOptions(masks="a/b").masks == Path("a/b")
        True
    """

    def __post_init__(self) -> None:
        for one in fields(self):
            given = value = getattr(self, one.name)
            if one.type in (Path, Path | None) and isinstance(value, str):
                value = Path(value)
            elif one.type == tuple[Path, ...]:
                value = tuple(Path(part) for part in value)
            elif isinstance(value, list):
                value = tuple(value)
            if value is not given:
                object.__setattr__(self, one.name, value)


@dataclass(frozen=True, kw_only=True)
class JobOptions(Options):
    """Who does the work on many cases.

    Args:
        jobs: Processes at a time, which share the cores and take turns with the GPUs; with Ray
            on each machine.
        ray: Hand pieces to Ray: to the cluster that ``RAY_ADDRESS`` names, else to this machine.
    """

    jobs: int = 1
    ray: bool = False

    @property
    def by_several(self) -> bool:
        """Whether another process than this one does it."""
        return self.jobs != 1 or self.ray


@dataclass(frozen=True, kw_only=True)
class FileOptions(Options):
    """What may be changed when files are read.

    Args:
        replace_nonfinite: Put this in place of NaN and infinities.
        resample_shear: Resample a sheared grid to an upright one.
        resample_labels: Bring labels of another grid onto the image's.
    """

    replace_nonfinite: float | None = None
    resample_shear: bool = False
    resample_labels: bool = False

    def reading(self) -> "ReadOptions":
        """The same for readers."""
        from segscope.data import ReadOptions

        return ReadOptions(self.replace_nonfinite, self.resample_shear, self.resample_labels)


@dataclass(frozen=True, kw_only=True)
class CaseOptions(FileOptions):
    """Which cases go through a network, and where.

    Args:
        cases: Of a dataset: ``validation`` or ``train`` of the run, ``test`` or ``all``; ``auto``.
        truth: Folder of labels of images that are in no dataset.
        masks: Folder of the user's global binary masks, instead of made ones.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    """

    cases: str = "auto"
    truth: Path | None = None
    masks: Path | None = None
    device: str = "auto"

    def reading_like(self, run: Path | None) -> "ReadOptions":
        """How a run's cases were read, unless these options say something."""
        from segscope.audit import read_from
        from segscope.data import AS_STORED

        asked = self.reading()
        return read_from(run) if run is not None and asked == AS_STORED else asked


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    """Which network of a model is opened, where its tool leaves a choice.

    Args:
        weights: Of a run ``best``, ``last`` or a snapshot.
        folds: Of an nnU-Net folder: ``0,1`` or ``all``.
        checkpoint: Of an nnU-Net folder: ``final`` or ``best``.
        prepare: How images are prepared, of a model that does not say: a file, or ``asis``.
    """

    weights: str | None = None
    folds: str | None = None
    checkpoint: str | None = None
    prepare: str | None = None

    def opening(self, **others: Any) -> "OpenOptions":
        """The same for the door, with others of its options."""
        from segscope.inference import OpenOptions

        return OpenOptions(
            weights=self.weights,
            folds=self.folds,
            checkpoint=self.checkpoint,
            prepare=None if self.prepare is None else Path(self.prepare),
            **others,
        )


def check_model(path: Path) -> None:
    """Refuse what is plainly no model, before anything that opens one is loaded.

    Raises:
        InputError: It is not there, or a folder with nothing that any kind of model has.
    """
    try:
        there = {entry.name for entry in path.iterdir()} if path.is_dir() else {path.name}
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: holds no model.json; name the folder of a run") from None
    except OSError:  # its reader says what is wrong with the path
        return
    if path.is_dir() and not any(name.startswith(_MARKS) or "__" in name for name in there):
        raise InputError(
            f"{path}: holds no model.json, and nothing of a model of another tool; name the folder "
            "of a run, or a model"
        )
