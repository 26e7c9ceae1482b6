"""A report: everything known of a run on one page, the answer first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segscope.errors import InputError
from segscope.paths import is_folder
from segscope.workflows.options import Options, check_model, to_log


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Options):
    """What is on the page.

    Args:
        audit: Folder of the run's audit; ``RUN/audit`` where not given, which is made where it is
            missing.
        dataset: To audit on; where not given the one that the run was trained on.
        make: Make an audit that is missing; without it the page has what is there.
        good: Dice that a person would accept: what the verdict is measured by.
        device: For an audit that is made.
        against: Other audits of these cases: ``["NAME=FOLDER"]`` or ``{"NAME": "FOLDER"}``.
        output: The page; ``RUN/report.html`` where not given, of another tool's model beside its
            audit.
    """

    audit: Path | None = None
    dataset: Path | None = None
    make: bool = True
    good: float = 0.7
    device: str = "auto"
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
    """A page that was written.

    Args:
        page: Where.
        verdict: Its first sentence.
        audited: The audit that was made for it.
    """

    page: Path
    verdict: str
    audited: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        made = {} if self.audited is None else {"audit": str(self.audited)}
        return {"page": str(self.page), "verdict": self.verdict, **made}


def report(
    run: Path, options: ReportOptions | None = None, *, say: Callable[[str], None] = to_log
) -> Reported:
    """Write one self-contained HTML page: a verdict, its reasons, and how the run was made.

    Args:
        run: Folder of a run, or a model of another tool that was audited.
        options: The defaults where not given.
        say: Receives a line when an audit is made.

    Raises:
        InputError: Not a run; an audit is named that is not there; the run's dataset is not where
            it was.
    """
    chosen = options or ReportOptions()
    check_model(run)
    own = (run / "model.json").is_file()
    if chosen.audit is None and not own:
        raise InputError(
            f"{run}: holds no model.json, so it is no run of segscope; say --audit FOLDER, where "
            "its audit is"
        )
    if not 0 < chosen.good < 1:
        raise InputError(f"--good {chosen.good:g}: must lie between 0 and 1")
    others = chosen.others()
    audit = chosen.audit or run / "audit"
    there = (audit / "audit.json").is_file()
    if not there and chosen.audit is not None:
        raise InputError(
            f"{audit}: holds no audit; run segscope audit {run} -i DATASET -o {audit}, or leave "
            "--audit out to have one made"
        )
    made = not there and chosen.make
    if made:
        _make_audit(run, audit, chosen, say)

    from segscope.workflows.run_page import write_run_page

    # nothing is written into another tool's folder
    file = chosen.output or (run if own else audit) / "report.html"
    shown = audit if there or made else None
    verdict = write_run_page(run, shown, against=others, file=file, good=chosen.good)
    return Reported(file, verdict, audit if made else None)


def _make_audit(
    run: Path, folder: Path, options: ReportOptions, say: Callable[[str], None]
) -> None:
    """Audit the validation cases of a run."""
    from segscope.training.validation import read_split
    from segscope.workflows.audit import AuditOptions, audit

    dataset = options.dataset or Path(read_split(run, "dataset")["dataset"])
    if not is_folder(dataset):
        raise InputError(
            f"{dataset}: is where the run's dataset was, and is no folder now; name it by "
            "--dataset, or say --no-audit"
        )
    say(f"{run} was not audited: its validation cases in {dataset} are audited now")
    audit(run, dataset, folder, AuditOptions(device=options.device))
