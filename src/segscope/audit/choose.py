"""Which cases are audited: of a dataset, a folder or a file, with truth where there is any."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segscope.data import ReadOptions, find_cases, image_ending, is_dataset, open_dataset
from segscope.errors import InputError
from segscope.images import Case
from segscope.inference.run_files import has_run_file
from segscope.training import read_split

WHICH = ("auto", "validation", "train", "test", "all")


def choose_cases(
    source: Path,
    *,
    channels: int,
    which: str = "auto",
    run: Path | None = None,
    truth: Path | None = None,
) -> tuple[Case, ...]:
    """Find cases.

    Args:
        source: A dataset, a folder of images, one file, or a DICOM series.
        channels: Of the network.
        which: Of a dataset: ``validation`` or ``train`` cases of the run, ``test`` (imagesTs),
            ``all`` that have a label; ``auto`` is ``validation`` where the run was trained on this
            dataset's cases, else ``all``, else ``test``.
        run: For its split.
        truth: Folder with label maps ``CASE.ext`` of images that are not in a dataset.

    Raises:
        InputError: No such cases; ``which`` does not fit the source.
    """
    if which not in WHICH:
        raise InputError(f"--cases {which}: expected one of {', '.join(WHICH)}")
    if not is_dataset(source):
        if which not in ("auto", "all"):
            raise InputError(f"--cases {which}: {source} is no dataset (no dataset.json)")
        found = find_cases(source, channels=channels)
        return found if truth is None else _with_truth(found, truth)
    if truth is not None:
        raise InputError(f"--truth {truth}: {source} is a dataset with labels of its own")
    dataset = open_dataset(source)
    if len(dataset.channel_names) != channels:
        raise InputError(
            f"{source}: has {len(dataset.channel_names)} channels, the network takes {channels}"
        )
    by_name = {case.name: case for case in dataset.training}
    split = read_split(run) if run is not None and has_run_file(run, "split.json") else {}
    known = [name for name in split.get("val", []) if name in by_name]
    if which == "auto":
        which = "validation" if known else "all" if by_name else "test"
    if which in ("validation", "train"):
        names: Sequence[str] = split.get("val" if which == "validation" else "train", [])
        missing = [name for name in names if name not in by_name]
        if missing or not names:
            raise InputError(
                f"--cases {which}: {source} does not have the run's cases "
                f"({missing[0] if missing else 'the run names none'}); say --cases all"
            )
        return tuple(by_name[name] for name in names)
    chosen = dataset.test if which == "test" else dataset.training
    if not chosen:
        raise InputError(f"--cases {which}: {source} has none")
    return chosen


def _with_truth(cases: Sequence[Case], folder: Path) -> tuple[Case, ...]:
    """Give each case the label map of its name."""
    if not folder.is_dir():
        raise InputError(f"--truth {folder}: no such folder")
    labels: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        ending = image_ending(file)
        if ending is None or file.name.startswith("."):
            continue
        name = file.name[: -len(ending)]
        if name in labels:
            raise InputError(f"{file}: is there twice, also as {labels[name].name}; keep one")
        labels[name] = file
    missing = [case.name for case in cases if case.name not in labels]
    if missing:
        raise InputError(f"--truth {folder}: has no label map for {', '.join(missing[:5])}")
    return tuple(replace(case, label_file=labels[case.name]) for case in cases)


def read_from(run: Path) -> ReadOptions:
    """What was changed when the run's cases were read; nothing where it does not say."""
    from segscope.training import reading_of

    return reading_of(run) if has_run_file(run, "split.json") else ReadOptions()
