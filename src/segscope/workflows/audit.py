"""An audit: which layers and units of a network can segment, and mu of every case."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segscope.errors import InputError
from segscope.paths import check_new_folder
from segscope.workflows.arguments import check_cases
from segscope.workflows.opening import check_dataset_folder, images_of
from segscope.workflows.options import CaseOptions, JobOptions, ModelOptions, check_model, to_log

if TYPE_CHECKING:
    from segscope.audit import DatasetAudit, KeptCases
    from segscope.data import ReadOptions
    from segscope.images import Case
    from segscope.workflows.audit_folder import Extra
    from segscope.workflows.audit_model import Auditee


@dataclass(frozen=True, kw_only=True)
class AuditOptions(CaseOptions, JobOptions, ModelOptions):
    """What is audited, and what is written.

    Args:
        model: ``module:function`` that returns any network, instead of a run.
        weights: ``best``, ``last`` or a snapshot of a run; of ``model`` a file.
        prepare: Of ``model``: ``asis``, ``segscope``, or a YAML file.
        probabilities: Of ``model``: it returns no logits.
        layers: By name; chosen automatically where none is named.
        units: Layers whose units are looked at; the last two where none is named.
        ensemble: Other runs to compare predictions with.
        heat_maps: Write one per case.
        parquet: Also write tables as Parquet (needs pyarrow).
        low_memory: Keep no features: twice the time.
        scores: Of quality, of installed packages, to measure too.
    """

    model: str | None = None
    probabilities: bool = False
    layers: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    ensemble: tuple[Path, ...] = ()
    heat_maps: bool = True
    parquet: bool = False
    low_memory: bool = False
    scores: tuple[str, ...] = ()

    @property
    def extras(self) -> "tuple[Extra, ...]":
        """What is written beside tables and pictures."""
        heat: tuple[Extra, ...] = ("heatmaps",) if self.heat_maps else ()
        return (*heat, "parquet") if self.parquet else heat

    def check(self, run: Path | None) -> None:
        """Refuse what does not go together.

        Raises:
            InputError: As said.
        """
        if (run is None) == (self.model is None):
            raise InputError("audit: name either a RUN or --model module:function")
        if self.model is not None and not all(self.model.partition(":")):
            raise InputError(
                f"--model {self.model}: expected module:function, e.g. my_networks:make"
            )
        if run is not None and self.probabilities:
            raise InputError("--probabilities is for --model; say it in a file for --prepare")
        if run is None and (self.folds or self.checkpoint):
            raise InputError("--folds and --checkpoint are for nnU-Net folders, not for --model")
        if run is None and self.scores:
            raise InputError("--score is for a RUN; scores of quality need a trained model")


@dataclass(frozen=True)
class Audited:
    """An audit and the folder that it was written to."""

    audit: "DatasetAudit"
    folder: Path

    def to_dict(self) -> dict[str, Any]:
        """Return a summary as plain values for JSON; all of it is in ``audit.json``."""
        from segscope.audit.summary import layer_means
        from segscope.data import json_ready

        found = self.audit
        means = layer_means(found, "dice" if found.has_truth else "agreement")
        facts = {
            "audit": str(self.folder / "audit.json"),
            "cases": len(found.cases),
            "layers": dict(zip(found.layers, means, strict=True)),
            "mu": {case.name: case.mu for case in found.cases},
        }
        return json_ready(facts)

    def _repr_html_(self) -> str:
        """Layers with their score and chance level, as a notebook shows them."""
        from segscope.audit.summary import layer_means
        from segscope.metrics.html_table import html_table

        found, known = self.audit, self.audit.has_truth
        values = layer_means(found, "dice" if known else "agreement")
        chance = layer_means(found, "chance" if known else "chance_agreement")
        rows = list(zip(found.layers, values, chance, strict=True))
        name = "SA" if known else "agreement with the output"
        return html_table(["layer", name, "chance level"], rows, f"{len(found.cases)} cases")


def audit(
    run: Path | None,
    source: Path,
    output: Path,
    options: AuditOptions | None = None,
    *,
    say: Callable[[str], None] = to_log,
) -> Audited:
    """Measure what each layer and unit could segment, and how far each prediction can be trusted.

    Args:
        run: Folder of a run, or a model of another tool; None where ``options`` name a model.
        source: Dataset, folder, file or DICOM series.
        output: New folder for tables, heat-maps and pictures.
        options: The defaults where not given.
        say: Receives lines on how images are prepared, before the audit begins; a line per piece
            where several processes audit.

    Raises:
        InputError: Options, network, cases or folder are not usable.
        WorkError: After all others were audited and written: some cases failed; each is named.
    """
    chosen = options or AuditOptions()
    chosen.check(run)
    if run is not None:
        check_model(run)
    check_new_folder(output)
    check_cases(source, chosen)

    from segscope.audit import KeptCases, check_scores, choose_cases
    from segscope.workflows.audit_folder import run_audit
    from segscope.workflows.audit_model import Network, own_model, run_model
    from segscope.workflows.audit_pieces import by_several

    check_scores(chosen.scores)
    opening = chosen.opening(device=chosen.device)
    if run is not None:
        audited = run_model(run, opening)
    else:
        check_dataset_folder(source)
        audited = own_model(
            str(chosen.model),
            chosen.weights,
            source,
            prepare=chosen.prepare,
            probabilities=chosen.probabilities,
            device=chosen.device,
        )
    how = chosen.reading_like(run)
    with images_of(source):
        cases = choose_cases(
            source, channels=audited.channels, which=chosen.cases, run=run, truth=chosen.truth
        )
    network = Network(run, chosen.model or "", opening)
    own = audited.named if run is None else None  # a model has its preparation with it
    with KeptCases() as known, by_several(chosen, network, say) as several:
        found = run_audit(
            audited.model,
            cases,
            output,
            run=run,
            ensemble=chosen.ensemble,
            scores=chosen.scores,
            extras=chosen.extras,
            layers=chosen.layers or "auto",
            units=chosen.units or "last2",
            output=own.output if own else "auto",
            preparation=own.preparation if own else None,
            prepared=_describe_prepared(audited, cases, how, say, known),
            masks=chosen.masks,
            reading=how,
            low_memory=chosen.low_memory,
            several=several,
            known=known,
        )
    return Audited(found, output)


def _describe_prepared(
    audited: "Auditee",
    cases: "Sequence[Case]",
    how: "ReadOptions",
    say: Callable[[str], None],
    kept: "KeptCases",
) -> dict[str, Any] | None:
    """Say how images are prepared before any number is shown, and whether another way suits."""
    from segscope.audit import far_better
    from segscope.workflows.audit_model import tried_preparations

    named = audited.named
    if named is None:
        return None
    for note in audited.notes:
        say(f"weights: {note}")
    said = (f"  {sentence}" for sentence in named.sentences())
    for line in (f"images are prepared by --prepare {named.name}:", *said):
        say(line)
    tried = tried_preparations(audited, cases, how, kept)
    for one in tried:
        say(f"  mean Dice of the first cases {one.name}: {one.dice:.3f}")
    if (better := far_better(tried)) is not None:
        say(
            f"WARNING: {better.name}, the network's Dice is {better.dice:.3f} and not "
            f"{tried[0].dice:.3f}: --prepare {named.name} is hardly what it was trained with, and "
            "then every number below is wrong"
        )
    return {
        **named.facts(),
        "weights": list(audited.notes),
        "tried": {one.name: one.dice for one in tried},
    }
