"""A run's network as one file: ``segscope export RUN -o model.segscope``, readable anywhere.

A zip of ``manifest.json`` (hashes, versions), ``model.json`` (network, plan, labels), the weights
as safetensors and ``fingerprint.json`` (what images it is meant for, without names of cases): no
pickle, no image, no path. Nothing in it is compressed, so that it cannot be larger than it looks;
it is unpacked to a temporary folder that is removed.
"""

import json
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segscope import __version__
from segscope.data import atomic_path, sha256_of, write_bytes
from segscope.errors import InputError, WorkError
from segscope.images import Fingerprint
from segscope.inference.run_files import FINGERPRINT, MANIFEST, check_run_file, read_fingerprint
from segscope.inference.run_weights import weights_file
from segscope.inference.spec import MODEL, read_spec
from segscope.paths import is_file, opened

ENDING = ".segscope"

_WEIGHTS = "weights_best.safetensors"
_NAMES = (MANIFEST, MODEL, _WEIGHTS, FINGERPRINT)
_NEEDED = (MANIFEST, MODEL, _WEIGHTS)
_SMALL_BYTES = 256 << 20
_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every entry: equal networks are equal files."""


def is_run_file(path: Path) -> bool:
    """Whether a path is a network in one file, by its ending.

    Example:
        >>> is_run_file(Path("runs/liver"))
        False
    """
    return Path(path).name.lower().endswith(ENDING) and is_file(path)


def write_run_file(run: Path, file: Path, *, weights: str = "best") -> Path:
    """Write a run's network into one file, whole or not at all.

    Args:
        run: Folder of the run.
        file: To write, ``NAME.segscope``.
        weights: ``best``, ``last`` or a snapshot; the file holds these alone, as its best ones.

    Raises:
        InputError: Not a run, or one whose files were changed or whose network needs masks.
        WorkError: The file system refused.
    """
    run, file = Path(run), Path(file)
    if not file.name.lower().endswith(ENDING):
        raise InputError(f"-o {file}: name a file that ends in {ENDING}")
    spec, source = read_spec(run), weights_file(run, weights)
    if spec.mask is not None:
        raise InputError(
            f"{run}: its network is shown masks, and what makes them (prior/) holds training data, "
            "which such a file never does; hand on the folder"
        )
    for name in (MODEL, source.name):
        check_run_file(run, name)
    texts = {MODEL: (run / MODEL).read_bytes()}
    seen = read_fingerprint(run)
    if seen is not None:
        texts[FINGERPRINT] = _nameless(seen).model_dump_json(indent=1).encode()
    hashes = {name: sha256_of(text) for name, text in texts.items()}
    facts = {"format": 1, "segscope": __version__, "files": hashes | {_WEIGHTS: sha256_of(source)}}
    texts[MANIFEST] = json.dumps(facts, indent=1).encode()
    with atomic_path(file) as temporary, zipfile.ZipFile(temporary, "w") as packed:
        for name in _NAMES:
            if name in texts:
                packed.writestr(zipfile.ZipInfo(name, _TIME), texts[name])
        packed.writestr(zipfile.ZipInfo(_WEIGHTS, _TIME), source.read_bytes())
    return file


def _nameless(seen: Fingerprint) -> Fingerprint:
    """Put numbers in the place of the cases' names, and leave the dataset's out."""
    number = {name: f"case{k:04d}" for k, name in enumerate(seen.cases, 1)}
    images = tuple(
        one.model_copy(update={"name": number.get(one.name, f"image{k:04d}")})
        for k, one in enumerate(seen.images, 1)
    )
    empty = tuple(number.get(name, "") for name in seen.cases_without_foreground)
    changes = {"dataset": "", "cases": tuple(number.values()), "images": images}
    return seen.model_copy(update={**changes, "cases_without_foreground": empty})


@contextmanager
def run_folder(run: Path) -> Iterator[Path]:
    """Yield a run's folder: as it is, or what a file holds, for as long as it is worked with.

    Raises:
        InputError: The file is damaged, was changed, or holds what no such file does.
    """
    run = Path(run)
    if not is_run_file(run):
        yield run
        return
    with tempfile.TemporaryDirectory(prefix="segscope_") as name:
        folder = Path(name)
        try:
            _unpack(run, folder)
            yield folder
        except (InputError, WorkError) as error:  # nobody knows the temporary folder
            error.args = tuple(str(part).replace(f"{folder}/", f"{run}: ").replace(name, str(run))
                               for part in error.args)  # fmt: skip
            raise


def _unpack(file: Path, folder: Path) -> None:
    with opened(file) as stream:
        try:
            with zipfile.ZipFile(stream) as packed:
                for entry in _checked(file, packed.infolist()):
                    # its name is one of ours, and it is no larger than the file that holds it
                    write_bytes(folder / entry.filename, packed.read(entry))
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise InputError(f"{file}: is damaged, or no model of segscope ({error}); copy it again"
                             ) from None  # fmt: skip
    _check_hashes(file, folder)


def _checked(file: Path, entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Refuse what segscope never writes: other names, links, compressed or encrypted entries."""
    names = [entry.filename for entry in entries]
    whole = file.stat().st_size
    faults = [f"has no {name}" for name in _NEEDED if name not in names]
    faults += [f"has {name} twice" for name in _NAMES if names.count(name) > 1]
    for entry in entries:
        name, kind = entry.filename, entry.external_attr >> 16
        if name not in _NAMES:
            faults.append(f"holds {name!r}, which is no part of a model")
        elif kind and not stat.S_ISREG(kind) and stat.S_IFMT(kind):
            faults.append(f"{name} is no regular file")
        elif entry.flag_bits & 1:
            faults.append(f"{name} is encrypted")
        elif entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            faults.append(f"{name} is compressed, which segscope never does")
        elif entry.file_size > (whole if name == _WEIGHTS else min(whole, _SMALL_BYTES)):
            faults.append(f"{name} says that it is larger than the file")
    if not faults and sum(entry.file_size for entry in entries) > whole:
        faults.append("its parts lie on each other")
    if faults:
        raise InputError(f"{file}: is not a model that segscope exported:", faults[:10])
    return entries


def _check_hashes(file: Path, folder: Path) -> None:
    """Refuse parts that are not those of the manifest."""
    try:
        facts: Any = json.loads((folder / MANIFEST).read_text("utf-8"))
        known = dict(facts["files"])
        right = facts["format"] == 1
    except (ValueError, KeyError, TypeError, RecursionError):
        right, known = False, {}
    there = {one.name for one in folder.iterdir()} - {MANIFEST}
    if not right or set(known) != there:
        raise InputError(
            f"{file}: its {MANIFEST} is not one of this version of segscope; export the run again"
        )
    for name in sorted(there):
        if sha256_of(folder / name) != known[name]:
            raise InputError(
                f"{file}: its {name} was changed since it was exported (SHA-256 differs); export "
                "the run again"
            )
