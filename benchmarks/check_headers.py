"""Changed headers of every format: does an independent reader see what we read?

    python benchmarks/check_headers.py [--count 2000] [--seed 1] [--format nifti] ...

Good files with a field, tag or chunk of their header changed. Where segscope reads one, an
independent reader must give the same voxels at the same places, or segscope's notes say why not;
where it does not read one, it must refuse it in one line. The independent readers: nibabel;
SimpleITK in a process of its own, which some files kill; Pillow, tifffile and imagecodecs; own
arithmetic on a DICOM series' tags. The promise is no silent difference and no other exception.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # what changes headers is part of the tests

from segscope.data import read_image  # noqa: E402
from segscope.errors import InputError  # noqa: E402
from tests import fuzz_dicom, fuzz_itk, fuzz_nifti, fuzz_planes  # noqa: E402

Verdicts = Iterator[tuple[str, str]]
"""Name of the change, and ``read``, ``refused`` or what was wrong."""


def of_files(module: object) -> Callable[[int, int, Path], Verdicts]:
    """For modules whose ``compare`` takes a file."""

    def judge(seed: int, count: int, folder: Path) -> Verdicts:
        for name, ending, data in module.mutations(seed, count):  # type: ignore[attr-defined]
            path = folder / f"x{ending}"
            path.write_bytes(data)
            yield name, module.compare(path) or outcome(path)  # type: ignore[attr-defined]
            path.unlink()

    return judge


def of_itk(ending: str) -> Callable[[int, int, Path], Verdicts]:
    """NRRD and MetaImage, many files to a child of SimpleITK."""

    def judge(seed: int, count: int, folder: Path) -> Verdicts:
        for one in fuzz_itk.compare(fuzz_itk.mutations(seed, count, ending), folder):
            kept = one.verdict == "refused"
            wrong = f"{one.verdict}: {one.what}" if one.is_breach else "read"
            yield one.name, "refused" if kept else wrong

    return judge


def of_dicom(seed: int, count: int, folder: Path) -> Verdicts:
    """Series of a few slices."""
    for k, (name, write) in enumerate(fuzz_dicom.mutations(seed, count)):
        series = folder / f"{k}"
        series.mkdir()
        write(series)
        yield name, fuzz_dicom.compare(series) or outcome(series)


def outcome(path: Path) -> str:
    """Whether we read a file or refused it."""
    try:
        read_image(path)
    except InputError:
        return "refused"
    return "read"


FORMATS: dict[str, Callable[[int, int, Path], Verdicts]] = {
    "nifti": of_files(fuzz_nifti),
    "nrrd": of_itk(".nrrd"),
    "mha": of_itk(".mha"),
    "planes": of_files(fuzz_planes),
    "dicom": of_dicom,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="changed headers beside independent readers")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", nargs="*", choices=list(FORMATS), default=list(FORMATS))
    arguments = parser.parse_args()
    wrong = 0
    for kind in arguments.format:
        begun, counts, first = time.monotonic(), Counter[str](), ""
        with tempfile.TemporaryDirectory() as name:
            for said, verdict in FORMATS[kind](arguments.seed, arguments.count, Path(name)):
                known = verdict if verdict in ("read", "refused") else "WRONG"
                counts[known] += 1
                if known == "WRONG" and not first:
                    first = f"{said}: {verdict}"
        took = time.monotonic() - begun
        print(
            f"{kind:8s} {counts.total()} changed: read as the other reader or said "
            f"{counts['read']}, refused {counts['refused']}, wrong {counts['WRONG']} ({took:.0f} s)"
        )
        if first:
            print(f"  the first: {first[:300]}")
        wrong += counts["WRONG"]
    if wrong:
        raise SystemExit(f"{wrong} silent differences or other exceptions")


if __name__ == "__main__":
    main()
