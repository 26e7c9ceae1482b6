"""Prediction by several processes or machines: each takes pieces of the cases.

Whoever predicts a case does so into a folder of its own, with a manifest, so that a case that was
finished when its process was killed is not done again; who began the work takes the files over.
"""

import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from segscope.data import atomic_path, write_bytes
from segscope.errors import Failures, InputError
from segscope.images import Case
from segscope.inference import (
    NotMeantError,
    OpenOptions,
    SomeFailedError,
    TrainedModel,
    Verdict,
    open_model,
    predict_cases,
)
from segscope.inference.cases import Made, Make, targets
from segscope.inference.manifest import Manifest, weights_hash
from segscope.inference.watching import Watch
from segscope.jobs import Crew, run_pieces
from segscope.predict_options import PredictOptions

_PARTS = ".parts"


@dataclass(frozen=True)
class Model:
    """How a process gets the model."""

    path: Path
    options: OpenOptions
    trust: str = "off"

    def load(self) -> TrainedModel:
        """Load it."""
        return open_model(self.path, self.options)

    def watch(self, model: TrainedModel, *, mirror: bool | None) -> Watch | None:
        """Who looks on while the loaded model predicts; None with ``off``, and for other tools'."""
        if self.trust == "off" or model.parts is not None:
            return None
        from segscope.trust.watch import open_watch  # a plain prediction does not load it

        return open_watch(model, self.path, self.trust, level=self.options.level, mirror=mirror)


@dataclass(frozen=True)
class Part:
    """What became of one case in another process.

    Args:
        name: Of the case.
        entry: Of its manifest; empty where the case failed.
        verdict: On it, where it came so far.
        files: Content of its files, where they do not lie in a folder that both see.
        reason: Why it failed.
        traces: Of defects.
    """

    name: str
    entry: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None
    files: tuple[bytes, ...] = ()
    reason: str = ""
    traces: tuple[str, ...] = ()


def shared_by(
    crew: Crew,
    model: Model,
    folder: Path,
    options: PredictOptions,
    *,
    say: Callable[[str], None] | None = None,
) -> Make:
    """Let a crew predict for `predict_cases`.

    Args:
        crew: Who does it.
        model: To predict with.
        folder: Of the predictions.
        options: As of `predict_cases`.
        say: Receives a line per piece.
    """
    parts = folder / _PARTS

    def make(
        cases: Sequence[Case], failures: Failures, verdicts: dict[str, Verdict]
    ) -> Iterator[Made]:
        common = (model, str(parts) if crew.one_disk else None, options)
        found = run_pieces(crew, predict_piece, common, cases, doing="predicting", say=say)
        for piece, done in found:
            if done.error:  # it died, or could not write
                reasons = {case.name: done.error for case in piece}
                failures.take(reasons, bad_input=False)
                continue
            for case, part in zip(piece, done.value, strict=True):
                if part.verdict is not None:
                    verdicts[case.name] = part.verdict
                if part.reason:
                    reasons = {case.name: part.reason}
                    failures.take(reasons, bad_input=False, traces=part.traces)
                    continue
                own = targets(case, parts / case.name, options)
                put = partial(_take, own, part.files)
                notes, by = tuple(part.entry["notes"]), part.entry["made_with"]
                yield Made(case.name, notes, put, by, part.entry.get("facts", {}))
        shutil.rmtree(parts, ignore_errors=True)

    return make


def _take(own: Sequence[Path], contents: Sequence[bytes], files: Sequence[Path]) -> None:
    """Take a case's files over."""
    if contents:
        for file, content in zip(files, contents, strict=True):
            write_bytes(file, content)
        return
    for source, file in zip(own, files, strict=True):
        with atomic_path(file) as temporary:
            source.replace(temporary)


def predict_piece(
    model: Model, parts: str | None, options: PredictOptions, piece: Sequence[Case]
) -> list[Part]:
    """Predict some cases, each into a folder of its own.

    Args:
        model: Loaded once by each process.
        parts: Folder of these folders; None where only what is returned is seen by others.
        options: As of `predict_cases`.
        piece: The cases.
    """
    by = _loaded(model, mirror=options.mirror)
    if parts is not None:
        return [_predict_case(by, case, Path(parts) / case.name, options) for case in piece]
    with TemporaryDirectory() as folder:
        return [_brought(by, case, Path(folder) / case.name, options) for case in piece]


@dataclass(frozen=True)
class _Loaded:
    """A model, and who looks on."""

    model: TrainedModel
    watch: Watch | None


@lru_cache(maxsize=1)
def _loaded(model: Model, *, mirror: bool | None) -> _Loaded:
    loaded = model.load()
    return _Loaded(loaded, model.watch(loaded, mirror=mirror))


def _brought(by: _Loaded, case: Case, folder: Path, options: PredictOptions) -> Part:
    part = _predict_case(by, case, folder, options)
    if part.reason:
        return part
    files = targets(case, folder, options)
    return replace(part, files=tuple(file.read_bytes() for file in files))


def _predict_case(by: _Loaded, case: Case, folder: Path, options: PredictOptions) -> Part:
    try:
        _predicted(by, case, folder, options)
    except (SomeFailedError, NotMeantError) as error:
        cause = error.__cause__
        defects = cause.exceptions if isinstance(cause, ExceptionGroup) else ()
        return Part(
            case.name,
            verdict=error.done.verdicts.get(case.name),
            reason=error.done.failed[case.name],
            traces=tuple("".join(traceback.format_exception(defect)) for defect in defects),
        )
    entry = Manifest(folder, by.model, options, weights_hash(by.model)).entry(case.name)
    return Part(case.name, entry, Verdict.from_dict(entry["verdict"]))


def _predicted(by: _Loaded, case: Case, folder: Path, options: PredictOptions) -> None:
    """Take what a stopped process finished in the same way; else begin in an empty folder."""
    try:
        predict_cases(by.model, [case], folder, watch=by.watch, **asdict(options))
    except NotMeantError:
        raise
    except InputError:  # what lies there was made otherwise
        shutil.rmtree(folder, ignore_errors=True)
        predict_cases(by.model, [case], folder, watch=by.watch, **asdict(options))
