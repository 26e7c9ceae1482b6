"""Damaged and malformed files: who reads them without a word.

    python benchmarks/check_reading.py [DATASET] [--damages 1000] [--seed 0]

First the corpus of the tests, every file that must be refused and every awkward one that must be
read right, by segscope, nibabel, SimpleITK and MONAI, each on the formats of which it reads the
good file (MONAI reads NRRD and MetaImage with packages that are not installed here). Then real
.nii.gz files of the dataset, cut short at a random byte or with one random bit flipped: a reader is
silently wrong when it returns voxels other than those of the whole file. The promise is that
segscope never is.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the corpus is part of the tests

from segscope.data import find_cases, read_image, read_label  # noqa: E402
from segscope.errors import InputError  # noqa: E402
from tests.corpus import CORPUS, Entry, image_path, write_dataset  # noqa: E402

Reader = Callable[[Path], Any]


def by_nibabel(file: Path) -> Any:
    return np.asarray(nib.load(file).get_fdata())  # type: ignore[attr-defined]


def by_simpleitk(file: Path) -> Any:
    import SimpleITK as sitk  # noqa: N813

    if file.is_dir():
        series = sitk.ImageSeriesReader()
        series.SetFileNames(series.GetGDCMSeriesFileNames(str(file)))
        return sitk.GetArrayFromImage(series.Execute()).T
    return sitk.GetArrayFromImage(sitk.ReadImage(str(file))).T


def by_monai(file: Path) -> Any:
    from monai.transforms import LoadImage

    return np.asarray(LoadImage(image_only=True)(str(file)))


def ours(file: Path) -> Any:
    return read_image(file).array[0]


READERS: dict[str, Reader] = {
    "segscope": ours, "nibabel": by_nibabel, "SimpleITK": by_simpleitk, "MONAI": by_monai,
}  # fmt: skip


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Libraries in C write warnings past Python."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def read(reader: Reader, file: Path) -> Any:
    """What a reader returns; None where it refuses in whatever way."""
    try:
        with quiet():
            return reader(file)
    except InputError:
        return None
    except Exception:  # peers refuse by any kind of error
        return None


def corpus(folder: Path) -> None:
    """Count what each reader does with the tests' corpus."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in READERS}
    files = 0
    for number, entry in enumerate(CORPUS):
        if _needs_its_image(entry):
            continue  # wrong beside its image only
        data = write_dataset(folder / str(number), entry.ending, cases=2)
        file = image_path(data, entry)
        whole = read(by_simpleitk, file) if entry.name == "bomb" else read(ours, file)
        able = [name for name, reader in READERS.items() if read(reader, file) is not None]
        entry.write(file)
        files += 1
        for name, reader in READERS.items():
            if name not in able:
                continue  # a format that it does not read at all
            chosen = _label_reader(data) if name == "segscope" and entry.kind == "label" else reader
            found = read(chosen, file)
            if entry.refused:
                counts[name]["must be refused"] += 1
                counts[name]["was refused"] += found is None
            else:
                counts[name]["must be read"] += 1
                counts[name]["was read"] += found is not None and _alike(entry, found, whole)
    print(f"{files} malformed or awkward files")
    for name, count in counts.items():
        print(
            f"  {name:10s} refused {count['was refused']:3d} of {count['must be refused']:3d}, "
            f"read right {count['was read']:3d} of {count['must be read']:3d}"
        )


def _needs_its_image(entry: Entry) -> bool:
    return entry.kind == "label" and entry.name.startswith("another")


def _label_reader(data: Path) -> Reader:
    return lambda file: read_label(file, labels={"background": 0, "ball": 1}).array


def _alike(entry: Entry, found: Any, whole: Any) -> bool:
    values = np.squeeze(np.asarray(found))
    if entry.name == "constant":
        return not values.any()
    if entry.name == "16 bits":
        return values.size == np.squeeze(whole).size
    return values.shape == np.squeeze(whole).shape and np.allclose(
        values, np.squeeze(whole), rtol=1e-5
    )


def damages(dataset: Path, folder: Path, count: int, seed: int) -> None:
    """Damage real files at random; count who notices."""
    files = [case.image_files[0] for case in find_cases(dataset, channels=1)][:20]
    random = np.random.default_rng(seed)
    known: dict[Path, dict[str, Any]] = {
        file: {name: read(reader, file) for name, reader in READERS.items()} for file in files
    }
    counts: dict[str, Counter[str]] = {name: Counter() for name in READERS}
    for k in range(count):
        file = files[int(random.integers(len(files)))]
        data = bytearray(file.read_bytes())
        kind = ("cut short", "bit flipped")[k % 2]
        if k % 2:
            data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
        else:
            data = data[: int(random.integers(len(data)))]
        damaged = folder / "damaged.nii.gz"
        damaged.write_bytes(bytes(data))
        for name, reader in READERS.items():
            found = read(reader, damaged)
            whole = known[file][name]
            right = found is not None and found.shape == whole.shape and (found == whole).all()
            counts[name][
                f"{kind}: {'refused' if found is None else 'right' if right else 'WRONG'}"
            ] += 1
    print(f"{count} damages of {len(files)} real files")
    for name, found in counts.items():
        print(f"  {name:10s} " + ", ".join(f"{what} {n}" for what, n in sorted(found.items())))
    wrong = sum(n for what, n in counts["segscope"].items() if "WRONG" in what)
    if wrong:
        raise SystemExit(f"segscope was silently wrong {wrong} times")


def main() -> None:
    parser = argparse.ArgumentParser(description="damaged files through four readers")
    parser.add_argument("dataset", type=Path, nargs="?",
                        default=Path("../shared/data/hippocampus"))  # fmt: skip
    parser.add_argument("--damages", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        corpus(Path(name))
        damages(arguments.dataset, Path(name), arguments.damages, arguments.seed)


if __name__ == "__main__":
    main()
