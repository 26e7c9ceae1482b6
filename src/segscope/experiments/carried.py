"""Trials on machines that do not see the experiment's folder: what they need goes there with them.

Ray hands it over: a trial's folder, those that it comes after, and the dataset where that is not
seen either. What the trial makes comes back in the same way, its result last. Machines that see the
folder work in it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from segscope.data import write_bytes
from segscope.jobs import Item, Work, run_jobs
from segscope.paths import is_file

Files = Mapping[str, bytes]
"""Relative names to contents."""

_LAST = ("scores.json", "result.json")
_NEVER = ("lock",)


def run_trials(
    work: Work,
    items: Sequence[Item],
    *,
    needs: Callable[[Item], Sequence[str]],
    jobs: int = 1,
    ray: bool = False,
    doing: str = "training",
    say: Callable[[str], None] | None = None,
) -> None:
    """Do work on trials, as `segscope.jobs.run_jobs`, on whatever machines.

    Args:
        work: A module's function of the dataset's folder, the experiment's, more texts, and last
            the trial's place; it writes there, and nowhere else what is to stay.
        items: Its arguments.
        needs: An item to the places, within the experiment, that the work reads.
        jobs: Trials at a time.
        ray: Hand them to Ray.
        doing: For progress.
        say: Receives a line per trial.

    Raises:
        WorkError: Some failed; each is named with its reason.
    """
    how: Any = {"jobs": jobs, "ray": ray, "doing": doing, "say": say}
    if not ray or not items:
        run_jobs(work, items, **how)
        return
    unseen: list[Item] = []

    def note(item: Item, seen: bool) -> None:
        if not seen:
            unseen.append(item)

    data, folder = (Path(where) for where in items[0][:2])
    with _mark(folder) as name:
        run_jobs(partial(_where_seen, work, name), items, take=note, **how)
    if unseen:
        luggage = packed(data, ["."])
        sent = [(luggage, packed(folder, needs(item)), *item) for item in unseen]
        run_jobs(partial(do_carried, work), sent, take=lambda _, made: unpack(made, folder), **how)


def do_carried(
    work: Work, data: Files, inputs: Files, data_folder: str, folder: str, *more: str
) -> dict[str, bytes]:
    """Do the work in a folder that only this machine sees.

    Args:
        work: As of `run_trials`.
        data: Of the dataset, for a machine that does not see it.
        inputs: Of the experiment's folder.
        data_folder: Where others see the dataset.
        folder: Where others see the experiment.
        *more: The work's other arguments, the trial's place last.

    Returns:
        What it made in the trial's place, relative to the experiment's folder.
    """
    with TemporaryDirectory() as own:
        here, place = Path(own) / "experiment", more[-1]
        unpack(inputs, here)
        if not is_file(Path(data_folder) / "dataset.json"):
            data_folder = str(Path(own) / Path(data_folder).name)
            unpack(data, Path(data_folder))
        work(data_folder, str(here), *more)
        made = packed(here, [place])
    return {name: found for name, found in made.items() if found != inputs.get(name)}


def packed(folder: Path, places: Sequence[str]) -> dict[str, bytes]:
    """Read all files of some places; names are relative to the folder."""
    files = (file for place in places for file in sorted((folder / place).rglob("*")))
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in files
        if file.is_file() and file.name not in _NEVER
    }


def unpack(files: Files, folder: Path) -> None:
    """Write files under a folder; a trial's result, whose presence says that it is done, last."""
    for name in sorted(files, key=lambda one: (Path(one).name in _LAST, one)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(file, files[name])


@contextmanager
def _mark(folder: Path) -> Iterator[str]:
    """Put a file there by whose name others know the folder."""
    name = f".seen-{uuid4().hex}"
    write_bytes(folder / name, b"")
    try:
        yield name
    finally:
        (folder / name).unlink(missing_ok=True)


def _where_seen(work: Work, mark: str, data_folder: str, folder: str, *more: str) -> bool:
    """Do the work where this machine sees the folder and the dataset; whether it does."""
    seen = is_file(Path(folder) / mark) and is_file(Path(data_folder) / "dataset.json")
    if seen:
        work(data_folder, folder, *more)
    return seen
