"""The audit of any network: one pass per case, features read on the way."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Literal, TypedDict, Unpack

import torch
from torch import Tensor, nn

from segscope.audit.cases import AuditCase, Opened, check_labels, name_of
from segscope.audit.pieces import Pieces
from segscope.audit.regions import joined_layers, joined_output, joined_units
from segscope.audit.result import CaseAudit, DatasetAudit, mean_of
from segscope.audit.subject import Preparation, Subject, open_subject
from segscope.audit.tally import Look, Tally
from segscope.data import AS_STORED, ReadOptions
from segscope.errors import Failures
from segscope.features import FeatureHooks, Layers, Yardstick, to_labels
from segscope.inference import TrainedModel
from segscope.inference.prepare_file import Output
from segscope.progress import track
from segscope.trust.confidence import foreground_negative_entropy, max_probability
from segscope.trust.profile import mean_profile

Units = Literal["last2", "none"] | Sequence[str]


@dataclass(frozen=True)
class CaseMaps:
    """Pictures of one case, as the network saw it.

    Args:
        case: What was read; ``case.prepared`` leads back to the file's grid.
        probabilities: ``(K, *S)`` or ``(1, *S)``.
        heat_map: ``(classes, *S)``: share of the last layers' units whose map holds the voxel.
    """

    case: Opened
    probabilities: Tensor
    heat_map: Tensor | None


def audit(
    model: nn.Module | TrainedModel,
    cases: Iterable[AuditCase],
    *,
    layers: Layers = "auto",
    units: Units = "last2",
    output: Output = "auto",
    preparation: Preparation | None = None,
    reading: ReadOptions = AS_STORED,
    receive: Callable[[CaseMaps], None] | None = None,
    low_memory: bool = False,
) -> DatasetAudit:
    """Measure what every layer, and every unit of some, could segment, and mu of every case.

    The network is left as it was (its mode, its hooks, the random numbers), and so are the cases.

    Args:
        model: Any network whose output ``(N, K, *S)`` has the input's sides, or a trained model.
            Of several outputs the one called ``out`` or ``logits`` is taken, else the first that
            has the input's sides; the cases' notes say which.
        cases: Of a dataset (for a trained model, which knows how to prepare them), or ``(name,
            image (C, *S), truth (1, *S) label indices or None)``; at least one.
        layers: As of `segscope.features.FeatureHooks`.
        units: Layers whose units are looked at, among ``layers``.
        output: Whether the network returns ``logits`` or ``probabilities``. ``auto`` takes them
            for logits, and refuses what may be either, as all values lie in 0..1.
        preparation: How another network wants a dataset's cases.
        reading: What may be changed when cases are read.
        receive: Called with the maps of every case.
        low_memory: Run the network twice per case and use features as they pass by, instead of
            keeping them until the output is known: less memory, twice the time.

    Raises:
        InputError: A case cannot be read.
        ValueError: No case, or one whose image is not finite or whose truth holds no labels of the
            network; an unknown layer; features that are not finite (the layer is named); an output
            that is no segmentation, or not of the kind that was said; a quantised network.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 1))
        >>> found = audit(net, [("a", torch.rand(1, 8, 8), torch.ones(1, 8, 8))])
        >>> found.layers, sorted(found.cases[0].layers[0].scores)
        (('1',), ['accuracy', 'dice', 'iou', 'sensitivity', 'specificity'])
    """
    with open_subject(model, output=output, preparation=preparation, reading=reading) as subject:
        return audit_subject(
            subject, cases, layers=layers, units=units, receive=receive, low_memory=low_memory
        )


class HowKeywords(TypedDict, total=False):
    """The options of `audit_cases`."""

    layers: Layers
    units: Units
    low_memory: bool
    failures: Failures | None


def audit_subject(
    subject: Subject,
    cases: Iterable[AuditCase],
    *,
    receive: Callable[[CaseMaps], None] | None = None,
    **how: Unpack[HowKeywords],
) -> DatasetAudit:
    """Measure as `audit` does; ``how`` as of `audit_cases`."""
    done = []
    for one, maps in audit_cases(subject, cases, **how):
        done.append(one)
        if receive is not None:
            receive(maps)
        del maps  # the next case needs the memory
    return dataset_audit(subject, done)


def audit_cases(
    subject: Subject,
    cases: Iterable[AuditCase],
    *,
    layers: Layers = "auto",
    units: Units = "last2",
    low_memory: bool = False,
    failures: Failures | None = None,
) -> Iterator[tuple[CaseAudit, CaseMaps]]:
    """Measure as `audit` does, case by case; ``failures`` takes what is wrong with single ones.

    Those are left out then; without it the first one ends the audit.

    Raises:
        ValueError: There is no case.
    """
    wanted = _Wanted(layers, units, low_memory)
    count = 0
    for case in track(cases, "auditing"):
        count += 1
        found = None
        with nullcontext() if failures is None else failures.of(name_of(case), ValueError):
            found = [_audit_case(subject, subject.open(case), wanted)]
        if found:
            yield found.pop()  # no name here holds the maps while the next case is measured
    if not count:
        raise ValueError("there is no case to audit; give at least one")


def dataset_audit(subject: Subject, done: Sequence[CaseAudit]) -> DatasetAudit:
    """Put the cases of a subject together."""
    known = len(done[0].layers[0].agreement) if done and done[0].layers else 0
    classes = subject.class_names or tuple(str(k + 1) for k in range(known))
    return DatasetAudit(subject.name, classes, tuple(done), subject.facts())


@dataclass(frozen=True)
class _Wanted:
    layers: Layers
    units: Units
    low_memory: bool


def _audit_case(subject: Subject, case: Opened, wanted: _Wanted) -> tuple[CaseAudit, CaseMaps]:
    pieces = subject.pieces(case)
    tallies = [Tally() for _ in subject.regions or (1,)]
    guides, heat = [], []
    for k in range(len(pieces.image)):
        guide, warm = _audit_piece(subject, case.name, pieces, k, wanted, tallies)
        guides.append(guide)
        heat += [] if warm is None else [warm]
    probabilities = pieces.joined(torch.cat(guides))
    maps = CaseMaps(case, probabilities, pieces.joined(torch.cat(heat)) if heat else None)
    return _result(case, tallies, probabilities), maps


def _audit_piece(
    subject: Subject, name: str, pieces: Pieces, k: int, wanted: _Wanted, tallies: Sequence[Tally]
) -> tuple[Tensor, Tensor | None]:
    part = slice(k, k + 1)
    x = pieces.image[part]
    tissue = None if pieces.tissue is None else pieces.tissue[part].to(subject.device)
    truth = None if pieces.truth is None else pieces.truth[part].to(subject.device)
    names: list[str] = []
    with torch.no_grad():
        random = torch.get_rng_state()
        note = names.append if wanted.low_memory else None
        hooks = FeatureHooks(
            subject.net, wanted.layers, None if note is None else lambda n, f: note(n)
        )
        try:
            with hooks:
                guide, said = subject.answer(x)
        except ValueError as error:
            raise ValueError(f"case {name}: {error}") from error
        names = names or list(hooks.features)
        if not names:
            raise ValueError(
                f"case {name}: none of the layers with an activation gives a map that can be read; "
                "name layers"
            )
        if said:
            tallies[0].said[said] = None
        if truth is not None and not subject.regions:
            check_labels(name, truth, max(2, guide.shape[1]))
        truths = [None] * len(tallies) if truth is None else subject.truths(truth)
        units = _unit_layers(names, wanted.units)
        looks = [
            _look(tally, one, own, tissue, units)
            for tally, one, own in zip(tallies, subject.guides(guide), truths, strict=True)
        ]
        if wanted.low_memory:
            torch.set_rng_state(random)  # a network that draws numbers draws the same
            with FeatureHooks(subject.net, wanted.layers, partial(_at, looks)):
                subject.run(x)
        else:
            for layer in names:
                _at(looks, layer, hooks.features.pop(layer))
        for look in looks:
            look.finish(names)
    heat = [warm for look in looks if (warm := look.heat_map()) is not None]
    return guide.cpu(), torch.cat(heat, 1) if heat else None


def _look(
    tally: Tally, guide: Tensor, truth: Tensor | None, tissue: Tensor | None, units: list[str]
) -> Look:
    """Begin to look at a piece: count the output, and make what layers are held against."""
    references = [to_labels(guide), *([] if truth is None else [truth])]
    tally.add_output(guide, references, tissue)
    # half the image away: what the object's place does not explain stays
    shifted = guide.roll([s // 2 for s in guide.shape[2:]], tuple(range(2, guide.ndim)))
    return Look(tally, Yardstick([guide, shifted], references, tissue=tissue), units)


def _at(looks: Sequence[Look], layer: str, features: Tensor) -> None:
    for look in looks:
        look.at(layer, features)


def _unit_layers(names: Sequence[str], units: Units) -> list[str]:
    if units == "none":
        return []
    if units == "last2":
        return list(names[-2:])
    missing = [name for name in units if name not in names]
    if missing or isinstance(units, str):
        raise ValueError(f"units: {missing or units!r} is not among the layers {', '.join(names)}")
    return list(units)


def _result(case: Opened, tallies: Sequence[Tally], probabilities: Tensor) -> CaseAudit:
    units = joined_units([tuple(tally.unit_scores()) for tally in tallies])
    regions = probabilities.split(1) if len(tallies) > 1 else [probabilities]
    pooled = [value for layer in units for unit in layer.agreement for value in unit]
    layers = joined_layers([tally.layer_scores() for tally in tallies])
    mu, looked = mean_of(pooled), {layer.layer for layer in units}
    chance = [mean_of(one.chance_agreement) for one in layers if one.layer in looked]
    return CaseAudit(
        name=case.name,
        mu=mu,
        output=joined_output([t.output_scores() for t in tallies])
        if case.truth is not None
        else {},
        layers=layers,
        units=units,
        quality={
            "max_probability": fmean(map(max_probability, regions)),
            "foreground_negative_entropy": fmean(map(foreground_negative_entropy, regions)),
            "profile": mean_profile(
                [one.agreement for one in layers], [one.chance_agreement for one in layers]
            ),
            "mu_above_chance": mean_profile([[mu]], [[mean_of(chance)]]),
        },
        notes=(*case.notes, *tallies[0].said),
    )
