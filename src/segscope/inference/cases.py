"""Many cases through a network, to files beside a manifest that says how each was made."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from segscope.data import (
    ReadOptions,
    format_of,
    image_ending,
    load_case,
    write_label,
    write_probabilities,
)
from segscope.errors import Failures, InputError, in_order, naming
from segscope.images import Case, Image, LabelMap, Probabilities
from segscope.inference.manifest import (
    Manifest,
    input_hashes,
    weights_hash,
)
from segscope.inference.meant import compare
from segscope.inference.model import TrainedModel
from segscope.inference.parts import Described
from segscope.inference.predict import inferer_of, prepare, say_memory
from segscope.inference.predicted import NotMeantError, Predicted, SomeFailedError
from segscope.inference.verdict import FAR, Verdict
from segscope.inference.watching import Watch
from segscope.paths import is_there
from segscope.predict_options import PredictKeywords, PredictOptions
from segscope.preprocessing import Prepared, Shown
from segscope.progress import track

_OF_DATASETS = ("imagesTr", "imagesTs", "labelsTr")


@dataclass(frozen=True)
class Made:
    """A case that was predicted.

    Args:
        name: Of the case.
        notes: On it, its verdict's included.
        put: Writes its files, the label map first.
        made_with: Versions and machine, where that was not this process.
        facts: What was found while it was predicted.
    """

    name: str
    notes: tuple[str, ...]
    put: Callable[[Sequence[Path]], None]
    made_with: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


Known = Callable[[Case], Prepared]
"""Prepares a case of the model's own dataset as its plan says."""

Make = Callable[[Sequence[Case], Failures, dict[str, Verdict]], Iterator[Made]]
"""Predicts cases in any order: notes what fails, and every case's verdict, before it yields."""


def predict_cases(
    model: TrainedModel,
    cases: Sequence[Case],
    folder: Path,
    *,
    overwrite: bool = False,
    model_hash: str = "",
    make: Make | None = None,
    known: Known | None = None,
    watch: Watch | None = None,
    **options: Unpack[PredictKeywords],
) -> Predicted:
    """Predict cases into ``folder/CASE.ext``, each written whole or not at all.

    The format is the input's own (``.nii.gz`` for DICOM, ``.png`` for JPEG). A prediction that the
    folder's manifest vouches for (same inputs, weights and options, unchanged since) is not made
    again, unless ``overwrite``; one that a stopped call had begun is.

    Where the model knows what its training cases were like (``model.seen``), every image is
    compared with them before it is predicted, see `segscope.inference.meant`: what is outside is
    noted, what is far outside is not predicted, unless ``anyway``.

    Args:
        model: To predict with.
        cases: What to predict.
        folder: Made where it is missing.
        overwrite: Make everything again, and replace files that the manifest does not vouch for.
            An input is never replaced.
        model_hash: Identifies the weights in the manifest; by default the hash of their file.
        make: Who predicts; by default this process, one case after the other.
        known: Prepares cases that were prepared before, instead of reading their files; those that
            ``model.seen`` does not list are read.
        watch: Looks on; what it finds of a case stands in the manifest. A prediction of which it
            has not is made again.
        **options: The fields of `PredictOptions`: mirror, overlap, batch, probabilities,
            replace_nonfinite, resample_shear, anyway, label_values.

    Raises:
        InputError: Before any work, with all that can be known without reading voxels: a file is
            missing, two cases or an input and an output have one name, another's file stands where
            a prediction would go.
        NotMeantError: An `InputError`: every image lies far outside of what the model has seen.
        SomeFailedError: A `WorkError`, after all others were made: some cases failed; each is named
            with its reason.
    """
    folder, chosen = Path(folder), PredictOptions(**options)
    manifest = Manifest(folder, model, chosen, model_hash or weights_hash(model))
    _check(model, cases, folder, chosen)
    inputs = {case.name: input_hashes(case.inputs) for case in cases}
    outputs = {case.name: targets(case, folder, chosen) for case in cases}
    names = [case.name for case in cases]
    ours = [n for n in names if not overwrite and manifest.vouches(n, inputs[n], outputs[n])]
    if not overwrite:
        _check_foreign([n for n in names if n not in ours], manifest, inputs, outputs)
    # what was predicted anyway is not handed out to who does not say so
    reused = [
        n
        for n in ours
        if (chosen.anyway or manifest.verdict(n).level != FAR)
        and (watch is None or manifest.facts(n).get("key") == watch.key)
    ]
    todo = [case for case in cases if case.name not in reused]
    folder.mkdir(parents=True, exist_ok=True)
    failures = Failures()
    verdicts = {name: manifest.verdict(name) for name in reused}
    notes = {name: verdict.describe() for name, verdict in verdicts.items()}
    facts = {name: manifest.facts(name) for name in reused if manifest.facts(name)}
    for one in (make or _maker(model, chosen, known, watch))(todo, failures, verdicts):
        name, files = one.name, outputs[one.name]
        stale = manifest.stale(name, files)
        manifest.begin(name, inputs[name])
        one.put(files)
        for file in stale:  # probabilities of an older prediction would contradict this one
            file.unlink(missing_ok=True)
        notes[name], facts[name] = one.notes, one.facts
        manifest.finish(
            name, inputs[name], files, one.notes, verdicts[name], one.made_with, one.facts
        )
    if make is not None:  # who came first must not show
        order = [*reused, *(case.name for case in todo)]
        manifest.arrange(order)
        failures.arrange(order)
        notes, verdicts = in_order(notes, order), in_order(verdicts, order)
    failed = failures.reasons
    done = Predicted(
        written=tuple(n for n in names if n not in reused and n not in failed),
        reused=tuple(reused),
        notes={name: said for name, said in notes.items() if said},
        verdicts={name: one for name, one in verdicts.items() if one.reasons},
        failed=failed,
        remarks=model.limits(),
        facts={name: facts[name] for name in names if facts.get(name)},
    )
    _raise_failed(folder, done, failures, len(cases), anyway=chosen.anyway)
    return done


def _maker(
    model: TrainedModel, options: PredictOptions, known: Known | None, watch: Watch | None
) -> Make:
    """Predict in this process."""
    how = model.how(mirror=options.mirror, overlap=options.overlap, batch=options.batch)
    reverse = model.parts is not None and model.parts.reverse_axes

    def make(
        cases: Sequence[Case], failures: Failures, verdicts: dict[str, Verdict]
    ) -> Iterator[Made]:
        for case in track(cases, "predicting"):
            made = None
            with failures.of(case.name):
                prepared, found = _prepared(model, case, options, verdicts, known), None
                looked_on = nullcontext() if watch is None else closing(watch.over(prepared))
                with looked_on as watching, say_memory(model.device, how.batch):
                    inferer = inferer_of(model, watching)
                    if options.probabilities:
                        label, found = inferer.probabilities(model, prepared, how)
                    else:
                        label = inferer.labels(model, prepared, how)
                    facts = {} if watching is None else watching.facts(verdicts[case.name])
                notes = (*prepared.notes, *verdicts[case.name].describe())
                label = _as_written(label, options.label_values)
                put = partial(_put, label, found, case.image_files[0], reverse)
                made = Made(case.name, notes, put, facts=facts)
            if made is not None:
                yield made

    return make


def _as_written(label: LabelMap, values: Mapping[str, int] | None) -> LabelMap:
    """Give a label map the values that are written."""
    if values is None:
        return label
    known = {int(value): other for value, other in values.items()}
    highest = max(*known.values(), *known)
    table = np.zeros(max(known) + 1, np.uint8 if highest < 256 else np.uint16)
    table[list(known)] = list(known.values())
    return LabelMap(table[label.array], label.grid, label.notes)


def _put(
    label: LabelMap,
    found: Probabilities | None,
    like: Path,
    reverse_axes: bool,
    files: Sequence[Path],
) -> None:
    write_label(files[0], label, like=like)
    if found is not None:
        write_probabilities(files[1], found, reverse_axes=reverse_axes)


def _raise_failed(
    folder: Path, done: Predicted, failures: Failures, cases: int, *, anyway: bool
) -> None:
    """Raise what has to be raised."""
    failed, verdicts = done.failed, done.verdicts
    refused = [name for name in failed if name in verdicts and verdicts[name].level == FAR]
    if len(refused) == cases and not anyway:
        raise NotMeantError(done)
    if failed:
        kept = f"\nthe others are in {folder}" if len(failed) < cases else ""
        raise SomeFailedError(failures.error(cases, kept=kept), done)


def target(case: Case, folder: Path) -> Path:
    """Where a case's label map goes: the input's own format, if that keeps labels."""
    first = case.image_files[0]
    ending = ".nii.gz" if first.is_dir() else (image_ending(first) or ".nii.gz")
    kind = format_of(ending)
    if kind.write is None:  # JPEG would change labels
        ending = ".png" if kind.dims == 2 else ".nii.gz"
    return folder / f"{case.name}{ending}"


def targets(case: Case, folder: Path, options: PredictOptions) -> list[Path]:
    """All files of a case's prediction, the label map first."""
    label = target(case, folder)
    return [label, folder / f"{case.name}.npz"] if options.probabilities else [label]


def _check(
    model: TrainedModel, cases: Sequence[Case], folder: Path, options: PredictOptions
) -> None:
    """Refuse what can be refused before any work."""
    if not cases:
        raise InputError("there is no case to predict; check the input")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"-o {folder}: is a file; name a folder")
    if options.mirror and not model.spec.mirror_axes:
        raise InputError("--mirror: this model was not trained on mirrored images; leave it out")
    if folder.name in _OF_DATASETS and is_there(folder.parent / "dataset.json"):
        raise InputError(
            f"-o {folder}: is where a dataset has its own files, which predictions would not be "
            "told from; name another folder"
        )
    problems = [fault for case in cases for fault in _faults(case, model.spec)]
    sources = {file.resolve() for case in cases for file in case.image_files}
    seen: set[Path] = set()
    for file in (f for case in cases if case.image_files for f in targets(case, folder, options)):
        if file.resolve() in sources:
            problems.append(f"{file}: is an input; name another folder for the output")
        if file in seen:
            problems.append(f"{file}: two cases would be written there; rename one")
        seen.add(file)
    if problems:
        raise InputError("nothing was predicted:", problems)


def _faults(case: Case, spec: Described) -> list[str]:
    channels = spec.channel_names
    faults = [f"{file}: no such file" for file in case.image_files if not file.exists()]
    if case.name != Path(case.name).name:
        faults.append(f"case {case.name!r}: is not a name for a file")
    # one file may hold all channels of the image (RGB), beside a mask: its reader will tell
    together = 1 if spec.inputs == "image" or len(channels) == 1 else 2
    if len(case.image_files) not in (together, len(channels)):
        found = ", ".join(file.name for file in case.image_files) or "no file"
        faults.append(
            f"case {case.name}: {len(channels)} channels expected ({', '.join(channels)}), "
            f"found {found}"
        )
    return faults


def _check_foreign(
    names: Sequence[str],
    manifest: Manifest,
    inputs: dict[str, list[str]],
    outputs: dict[str, list[Path]],
) -> None:
    foreign = [
        file
        for name in names
        if not manifest.owns(name, inputs[name])
        for file in outputs[name]
        if file.exists()
    ]
    if foreign:
        raise InputError(
            f"{foreign[0]}: exists and was not made by these weights and options from this input"
            f"{f' ({len(foreign)} such files)' if len(foreign) > 1 else ''}; "
            "say --overwrite or name another folder"
        )


def _prepared(
    model: TrainedModel,
    case: Case,
    options: PredictOptions,
    verdicts: dict[str, Verdict],
    known: Known | None,
) -> Shown:
    """Read a case, see whether the model is meant for it, and prepare it."""
    seen, file = model.seen, case.image_files[0]
    facts = {} if known is None or seen is None else {one.name: one for one in seen.images}
    image = None
    if case.name in facts and seen is not None:  # measured when the run was begun
        verdict = compare(seen, facts[case.name], model.run_spec.plan)
    else:
        image = _read(model, case, options)
        verdict = model.judge(case.name, image)
    verdicts[case.name] = verdict
    if verdict.level == FAR and not options.anyway:
        raise InputError(
            f"{file}: {'; '.join(verdict.describe())}; check the image, or say --anyway"
        )
    with naming(file):
        if image is not None:
            return prepare(model, image)
        assert known is not None  # else nothing is measured
        return known(case)


def _read(model: TrainedModel, case: Case, options: PredictOptions) -> Image:
    dims, file = model.preparer.image_dims, case.image_files[0]
    image = load_case(
        replace(case, label_file=None),
        channels=len(model.spec.channel_names),
        reading=ReadOptions(
            replace_nonfinite=options.replace_nonfinite, resample_shear=options.resample_shear
        ),
    ).image
    if dims is not None and image.grid.ndim != dims:
        raise InputError(f"{file}: is {image.grid.ndim}D, the model is for {dims}D")
    return image
