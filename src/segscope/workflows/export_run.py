"""A run's network as one file, to hand on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segscope.errors import InputError
from segscope.paths import is_there
from segscope.workflows.options import check_model


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Args:
        file: Where it is.
        megabytes: Its size.
        sha256: Its hash, to be compared where it arrives.
    """

    file: Path
    megabytes: float
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"file": str(self.file), "megabytes": self.megabytes, "sha256": self.sha256}


def export_run(
    run: Path, output: Path, *, weights: str = "best", overwrite: bool = False
) -> Exported:
    """Write a run's network into one file, which predicts, is audited and ranks as the run does.

    Args:
        run: Folder of a run.
        output: ``NAME.segscope``.
        weights: ``best``, ``last`` or a snapshot.
        overwrite: Replace a file that is there.

    Raises:
        InputError: As of `segscope.inference.run_file.write_run_file`; the file is there already.
    """
    check_model(run)
    if is_there(output) and not overwrite:
        raise InputError(f"-o {output}: is there already; say --overwrite or name another file")

    from segscope.data import sha256_of
    from segscope.inference.run_file import write_run_file

    file = write_run_file(run, output, weights=weights)
    return Exported(file, round(file.stat().st_size / 1e6, 2), sha256_of(file))
