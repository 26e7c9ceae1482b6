"""Seeded damage of NIfTI headers, and nibabel as the independent reader beside ours.

python -m tests.fuzz_nifti [COUNT] [SEED]
"""

import gzip
import itertools
import logging
import struct
import sys
import tempfile
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np

from segscope.data import read_image
from segscope.errors import InputError

logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)  # it logs every oddity

ODD = {
    "h": (0, 1, 2, 3, 4, 7, 8, 16, 32, 64, 127, 128, 255, 256, 512, 1002, 1006, 2003, 32767, -1,
          -3, -32768),
    "B": (0, 1, 2, 3, 4, 5, 8, 10, 16, 56, 58, 63, 64, 66, 67, 123, 127, 128, 255),
    "i": (0, 1, 2, 3, 4, 16, 348, 540, 1002, 65536, 2**31 - 1, -1, -(2**31)),
    "q": (0, 1, 2, 3, 4, 7, 352, 543, 544, 545, 2**31, 2**40, 2**63 - 1, -1, -(2**63)),
    "f": (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 347.0, 351.0, 352.0, 352.5, 368.0, 1e-6, 1e-30,
          1e-44, 1e9, 1e30, 3e38, -3e38, float("nan"), float("inf"), -float("inf")),
    "s": (b"", b"\0\0\0\0", b"n+1\0", b"n+2\0", b"ni1\0", b"ni2\0", b"n+1x", b"n+3\0", b"\1\0\0\0",
          b"\1\2\0\0", b"\r\n\x1a\n", b"\n\n\x1a\n", b"\xff" * 80),
}  # fmt: skip
ODD["d"] = (*ODD["f"], 1e200, 1e308, -1e308)
ODD["b"] = (0, 10, 13, 26, 127, -1, -128)
LETTERS = {"S": "s", "u1": "B", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "f4": "f", "f8": "d"}
AFFINES = {
    "upright": np.array([[1, 0, 0, 5], [0, 1.5, 0, 6], [0, 0, 2, 7], [0, 0, 0, 1.0]]),
    "turned": np.array(
        [[0, 0.9, 0.5, 1], [-1.2, 0, 0, 2], [0, 0.6, -0.75, 3], [0, 0, 0, 1.0]]
    ),
}  # fmt: skip
CODES = ((0, 0), (1, 0), (0, 1), (1, 2))


def whole(version, order, affine, codes, dtype="i2", packed=False):
    """A good file: 4 x 3 x 5 voxels."""
    kind = nib.Nifti1Image if version == 1 else nib.Nifti2Image
    array = np.arange(60, dtype=dtype).reshape(4, 3, 5)
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.dtype(dtype))
    header.set_xyzt_units("mm", "sec")
    image = kind(array, AFFINES[affine], header)
    image.set_qform(AFFINES[affine], codes[0])
    image.set_sform(AFFINES[affine], codes[1])
    data = image.to_bytes()
    return gzip.compress(data, mtime=0) if packed else data


def fields(version):
    """Name, number type and place of every number of a header, from nibabel's own table."""
    dtype = (nib.Nifti1Header if version == 1 else nib.Nifti2Header).template_dtype
    for name in dtype.names:
        part, offset = dtype.fields[name][:2]
        kind = part.base
        letter = LETTERS[f"{kind.kind}{kind.itemsize if kind.kind != 'S' else ''}"]
        for k in range(part.itemsize // kind.itemsize):
            yield name, letter, offset + k * kind.itemsize, kind.itemsize
    yield "extension", "s", 348 if version == 1 else 540, 4


def mutations(seed, count):
    """Yield ``(name, ending, bytes)``: good files with one or two fields of the header changed."""
    random = np.random.default_rng(seed)
    kinds = list(itertools.product((1, 2), "<>", AFFINES, CODES, ("i2", "f4", "u1")))
    for number in range(count):
        version, order, affine, codes, dtype = kinds[int(random.integers(len(kinds)))]
        data = bytearray(whole(version, order, affine, codes, dtype))
        places = list(fields(version))
        said = []
        for _ in range(1 + int(random.random() < 0.3)):
            name, letter, offset, size = places[int(random.integers(len(places)))]
            if random.random() < 0.25:  # any bytes at all
                value = random.bytes(min(size, 16))
                data[offset : offset + len(value)] = value
            else:
                value = ODD[letter][int(random.integers(len(ODD[letter])))]
                packed = value[:size] if letter == "s" else struct.pack(order + letter, value)
                data[offset : offset + len(packed)] = packed
            said.append(f"{name} at {offset} = {value!r}")
        yield f"{number}: NIfTI-{version} {order} {codes} {', '.join(said)}", ".nii", bytes(data)


def compare(path):
    """None where ours refuses, or reads what nibabel reads; else what differs."""
    try:
        ours = read_image(path)
    except InputError as error:
        if not str(error).startswith(f"{path}: ") or "\n" in str(error) or "; " not in str(error):
            return f"refused without file, fault and remedy: {error}"
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            theirs = nib.load(path)
            values = np.asarray(theirs.dataobj, np.float64).reshape(ours.grid.shape)
            affine = np.array(theirs.affine, np.float64)
        except Exception as error:
            if any("is 1" in n or "negative voxel sizes" in n or "extension" in n
                   for n in ours.notes):  # fmt: skip
                return None
            return f"read, but nibabel fails: {type(error).__name__}: {error}"
    said = " ".join(ours.notes)
    scale = 1000.0 if "meter to mm" in said else 0.001 if "micron to mm" in said else 1.0
    affine[:3] *= scale
    tiny = 1e-7 * float(np.abs(values).max(initial=0.0))  # of float32, where 0 becomes 1e-44
    if not np.allclose(ours.array[0].astype(np.float64), values, rtol=1e-6, atol=tiny):
        return f"other voxels, notes: {ours.notes}"
    if not np.allclose(ours.grid.affine, affine, rtol=1e-5, atol=1e-6 * scale):
        return f"other affine {ours.grid.affine.tolist()} for {affine.tolist()}: {ours.notes}"
    return None


def run(count, seed=0):
    """Compare; return what differs, by the mutation's name."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, ending, data) in enumerate(mutations(seed, count)):
            path = Path(folder) / f"{number}{ending}"
            path.write_bytes(data)
            try:
                said = compare(path)
            except Exception as error:  # what is no InputError would be called a defect
                said = f"{type(error).__name__}: {error}"
            if said is not None:
                found[name] = said
            path.unlink()
    return found


if __name__ == "__main__":
    wanted, seed = (int(word) for word in [*sys.argv[1:], "3000", "0"][:2])
    differences = run(wanted, seed)
    for name, said in differences.items():
        print(f"{name}\n    {said}")
    print(f"{len(differences)} of {wanted} differ")
