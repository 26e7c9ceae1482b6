"""A report: everything known of a run on one page."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segscope.errors import InputError
from segscope.workflows.options import Options, check_model


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Options):
    """What is on the page.

    Args:
        audit: Folder of the run's audit; ``RUN/audit`` where not given.
        against: Other audits of these cases: ``["NAME=FOLDER"]`` or ``{"NAME": "FOLDER"}``.
        output: The page; ``RUN/report.html`` where not given, of another tool's model beside its
            audit.
    """

    audit: Path | None = None
    against: Mapping[str, Path | str] | tuple[str, ...] = ()
    output: Path | None = None

    def others(self) -> dict[str, Path]:
        """The other audits by name.

        Raises:
            InputError: One is not ``NAME=FOLDER``.
        """
        if isinstance(self.against, Mapping):
            return {name: Path(folder) for name, folder in self.against.items()}
        found = {}
        for item in self.against:
            name, equals, folder = item.partition("=")
            if not (name and equals and folder):
                raise InputError(f"--against {item}: expected NAME=FOLDER of an audit")
            found[name] = Path(folder)
        return found


@dataclass(frozen=True)
class Reported:
    """A page that was written."""

    page: Path

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"page": str(self.page)}


def report(run: Path, options: ReportOptions | None = None) -> Reported:
    """Write one self-contained HTML page: training, scores, layers, units, quality, ranking.

    Args:
        run: Folder of a run, or a model of another tool, that was audited.
        options: The defaults where not given.

    Raises:
        InputError: Not a run, or no audit there.
    """
    chosen = options or ReportOptions()
    check_model(run)
    if chosen.audit is None and not (run / "model.json").is_file():
        raise InputError(f"{run}: is no run of segscope; say --audit FOLDER, where its audit is")
    audit = chosen.audit or run / "audit"
    if not (audit / "audit.json").is_file():
        raise InputError(
            f"{audit}: holds no audit; run segscope audit {run} -i DATASET -o {audit} first"
        )
    others = chosen.others()

    from segscope.workflows.run_page import write_run_page

    own = (run / "model.json").is_file()
    # nothing is written into another tool's folder
    file = chosen.output or (run if own else audit) / "report.html"
    return Reported(write_run_page(run, audit, against=others, file=file))
