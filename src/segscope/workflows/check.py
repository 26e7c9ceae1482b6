"""A look at a dataset before anything is trained: all that is wrong, and its fingerprint."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segscope.errors import InputError
from segscope.paths import is_folder, is_there, make_folder
from segscope.workflows.opening import check_dataset_folder
from segscope.workflows.options import FileOptions

if TYPE_CHECKING:
    from segscope.data import Report


@dataclass(frozen=True, kw_only=True)
class CheckOptions(FileOptions):
    """How a dataset is looked at.

    Args:
        output: Also write the report there, as JSON.
    """

    output: Path | None = None


def check(dataset: Path, options: CheckOptions | None = None) -> "Report":
    """Read every file of a dataset once, and report all that is wrong with it.

    Args:
        dataset: nnU-Net v2 raw folder.
        options: The defaults where not given.

    Returns:
        ``problems`` that make files unusable, ``warnings``, the fingerprint of usable cases.

    Raises:
        InputError: There is no such folder, or the report cannot be written.
    """
    chosen = options or CheckOptions()
    check_dataset_folder(dataset)
    if chosen.output is not None and is_there(chosen.output) and is_folder(chosen.output):
        raise InputError(f"-o {chosen.output}: is a folder; name a file for the report")

    from segscope.data import check_dataset, write_json

    if chosen.output is not None and not is_there(chosen.output.parent):
        make_folder(chosen.output.parent)
    report = check_dataset(dataset, reading=chosen.reading())
    if chosen.output is not None:
        write_json(chosen.output, report.to_dict())
    return report
