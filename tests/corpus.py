"""Malformed and awkward files, at least one per kind of fault and format, to be put in a dataset.

Each entry writes one file over a good one, or beside it. ``refused`` entries must be refused by
whatever reads them; the others must be read as a person would expect, which its test checks.
"""

import gzip
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK
from PIL import Image as PillowImage
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, MRImageStorage, RLELossless

SHAPE = (12, 14, 10)
AFFINE = np.diag([1.0, 1.0, 1.5, 1.0])


@dataclass(frozen=True)
class Entry:
    """One file.

    Args:
        name: Of the fault.
        ending: Of the dataset that it is put in.
        write: Puts it where it is told, over the good file that is there.
        kind: ``image`` or ``label``.
        refused: Whether it must be.
    """

    name: str
    ending: str
    write: Callable[[Path], None]
    kind: str = "image"
    refused: bool = True

    def __str__(self) -> str:
        return f"{self.name} {self.kind}{self.ending}"


def volume(seed=0):
    """A bright ball on noise."""
    axes = np.meshgrid(*(np.arange(n) - n / 2 for n in SHAPE), indexing="ij")
    inside = sum(a**2 for a in axes) < 9
    noise = np.random.default_rng(seed).normal(0, 10, SHAPE)
    return (100 * inside + noise).astype(np.float32), inside.astype(np.uint8)


def _nifti(path, array, affine=AFFINE, **header):
    image = nib.Nifti1Image(array, affine)
    for key, value in header.items():
        image.header[key] = value
    nib.save(image, path)


def _raw(path: Path) -> bytearray:
    data = path.read_bytes()
    return bytearray(gzip.decompress(data) if path.name.endswith(".gz") else data)


def _put(path: Path, raw: bytes) -> None:
    path.write_bytes(gzip.compress(bytes(raw)) if path.name.endswith(".gz") else bytes(raw))


def _patched(offset: int, kind: str, *values) -> Callable[[Path], None]:
    """Other bytes in the header, all checksums right."""

    def write(path):
        raw, data = _raw(path), struct.pack(kind, *values)
        raw[offset : offset + len(data)] = data
        _put(path, raw)

    return write


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def write(path):
        path.write_bytes(change(path.read_bytes()))

    return write


def _flip(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[len(changed) // 2] ^= 16
    return bytes(changed)


def _array(change: Callable[[np.ndarray], np.ndarray], affine=AFFINE) -> Callable[[Path], None]:
    def write(path):
        _nifti(path, change(np.asarray(nib.load(path).dataobj)), affine)

    return write


def _some(value) -> Callable[[np.ndarray], np.ndarray]:
    def change(array):
        changed = array.astype(np.float32)
        changed[2, 3, 4] = value
        return changed

    return change


def _colour(path):
    colour = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(colour, AFFINE), path)


def _sheared(path):
    affine = AFFINE.copy()
    affine[0, 1] = 0.4
    _nifti(path, np.asarray(nib.load(path).dataobj), affine)


def _folder(path):
    path.unlink()
    path.mkdir()


def _big_endian(path):
    array = np.asarray(nib.load(path).dataobj)
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(array.dtype)
    nib.save(nib.Nifti1Image(array, AFFINE, header), path)


def _metres(path):
    image = nib.Nifti1Image(np.asarray(nib.load(path).dataobj), AFFINE)
    image.header.set_xyzt_units("meter")
    image.set_sform(np.diag([*np.diag(AFFINE)[:3] / 1000, 1]), 1)
    image.set_qform(np.diag([*np.diag(AFFINE)[:3] / 1000, 1]), 1)
    nib.save(image, path)


def _one_volume(path):
    _nifti(path, np.asarray(nib.load(path).dataobj)[..., None])


def _itk(change: Callable) -> Callable[[Path], None]:
    """Another image of SimpleITK in the place of a volume's."""

    def write(path):
        SimpleITK.WriteImage(change(SimpleITK.ReadImage(str(path))), str(path))

    return write


def _itk_voxel(value, kind=SimpleITK.sitkFloat32) -> Callable[[Path], None]:
    def change(image):
        image = SimpleITK.Cast(image, kind)
        image[2, 3, 4] = value
        return image

    return _itk(change)


def _packed(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Compressed, and then changed."""

    def write(path):
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(path)), str(path), useCompression=True)
        path.write_bytes(change(path.read_bytes()))

    return write


def _flip_late(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[-len(changed) // 3] ^= 16
    return bytes(changed)


def _moved(image):
    image.SetOrigin((0.4, 0, 0))
    return image


def _header(old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(data):
        assert old in data
        return data.replace(old, new, 1)

    return _bytes(change)


def _plane(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def write(path):
        with PillowImage.open(path) as opened:
            array = np.array(opened)
        PillowImage.fromarray(change(array)).save(path)

    return write


def _one_nan(array):
    changed = array.astype(np.float32)
    changed[3, 4] = np.nan
    return changed


def _colours(array):
    return np.stack([array, array + 1, array], -1)


def _picture(mode: str, **options) -> Callable[[Path], None]:
    def write(path):
        with PillowImage.open(path) as opened:
            picture = opened.convert(mode)
        if mode in ("RGBA", "LA"):
            picture.putalpha(PillowImage.new("L", picture.size, 90))
        picture.save(path, **options)

    return write


def _stack(path):
    with PillowImage.open(path) as opened:
        page = opened.convert("L")
    page.save(path, save_all=True, append_images=[page])


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _negative(array):
    return array.astype(np.int16) - 1


def _plane_labels(value) -> Callable[[Path], None]:
    def write(path):
        array = np.array(PillowImage.open(path))
        array[3, 4] = value
        PillowImage.fromarray(array).save(path)

    return write


NIFTI = [
    Entry("truncated", ".nii.gz", _bytes(_half)),
    Entry("short by some bytes", ".nii.gz", _bytes(lambda d: d[:-12])),
    Entry("bit flipped", ".nii.gz", _bytes(_flip)),
    Entry("wrong checksum", ".nii.gz", _bytes(lambda d: d[:-8] + b"\1\2\3\4" + d[-4:])),
    Entry("trailing garbage", ".nii.gz", _bytes(lambda d: d + b"garbage")),
    Entry("not gzip", ".nii.gz", _bytes(lambda d: gzip.decompress(d))),
    Entry("empty", ".nii.gz", _bytes(lambda d: b"")),
    Entry("text", ".nii.gz", _bytes(lambda d: b"this is text")),
    Entry("a folder", ".nii.gz", _folder),
    Entry("bomb", ".nii.gz", _bytes(lambda d: gzip.compress(b"\0" * 200_000_000))),
    Entry("huge side", ".nii.gz", _patched(42, "<h", 32767)),
    Entry("negative side", ".nii.gz", _patched(42, "<h", -3)),
    Entry("nine dimensions", ".nii.gz", _patched(40, "<h", 9)),
    Entry("unknown datatype", ".nii.gz", _patched(70, "<h", 9999)),
    Entry("far offset", ".nii.gz", _patched(108, "<f", 65536.0)),
    Entry("low offset", ".nii.gz", _patched(108, "<f", 12.0)),
    Entry("infinite slope", ".nii.gz", _patched(112, "<f", float("inf"))),
    Entry("affine of NaN", ".nii.gz", _patched(280, "<f", float("nan"))),
    Entry("affine of zeros", ".nii.gz", _patched(280, "<4f", 0, 0, 0, 0)),
    Entry("NaN voxel", ".nii.gz", _array(_some(np.nan))),
    Entry("infinite voxel", ".nii.gz", _array(_some(np.inf))),
    Entry("several volumes", ".nii.gz", _array(lambda a: np.stack([a, a], -1))),
    Entry("colour", ".nii.gz", _colour),
    Entry("complex", ".nii.gz", _array(lambda a: a.astype(np.complex64))),
    Entry("sheared", ".nii.gz", _sheared),
    Entry("truncated, uncompressed", ".nii", _bytes(_half)),
    Entry("longer than announced", ".nii", _bytes(lambda d: d + b"\0\0")),
    Entry("big endian", ".nii.gz", _big_endian, refused=False),
    Entry("metres", ".nii.gz", _metres, refused=False),
    Entry("one volume in four dimensions", ".nii.gz", _one_volume, refused=False),
    Entry("constant", ".nii.gz", _array(np.zeros_like), refused=False),
    Entry("64-bit floats", ".nii.gz", _array(lambda a: a.astype(np.float64)), refused=False),
]
LABELS = [
    Entry("truncated", ".nii.gz", _bytes(_half), "label"),
    Entry("bit flipped", ".nii.gz", _bytes(_flip), "label"),
    Entry("fractions", ".nii.gz", _array(_some(0.5)), "label"),
    Entry("negative", ".nii.gz", _array(_negative), "label"),
    Entry("undeclared 255", ".nii.gz", _array(_some(255)), "label"),
    Entry("NaN", ".nii.gz", _array(_some(np.nan)), "label"),
    Entry("another shape", ".nii.gz", _array(lambda a: a[:-1]), "label"),
    Entry("another spacing", ".nii.gz", _array(lambda a: a, np.diag([1, 1, 2.0, 1])), "label"),
    Entry("another place", ".nii.gz",
          _array(lambda a: a, AFFINE + np.eye(4, k=3) * 0.4), "label"),
    Entry("floats of whole numbers", ".nii.gz",
          _array(lambda a: a.astype(np.float32)), "label", refused=False),
]  # fmt: skip
ITK = [
    entry
    for ending, header in {
        ".nrrd": {
            "zero spacing": (b"(1,0,0)", b"(0,0,0)"),
            "spacing of NaN": (b"(1,0,0)", b"(nan,0,0)"),
            "huge side": (b"sizes: 12", b"sizes: 32767"),
            "negative side": (b"sizes: 12", b"sizes: -12"),
            "unknown type": (b"type: float", b"type: block"),
            "unknown encoding": (b"encoding: raw", b"encoding: zst"),
            "voxels elsewhere": (b"encoding: raw", b"data file: other.raw\nencoding: raw"),
        },
        ".mha": {
            "zero spacing": (b"ElementSpacing = 1 ", b"ElementSpacing = 0 "),
            "spacing of NaN": (b"ElementSpacing = 1 ", b"ElementSpacing = nan "),
            "huge side": (b"DimSize = 12", b"DimSize = 32767"),
            "negative side": (b"DimSize = 12", b"DimSize = -12"),
            "unknown type": (b"MET_FLOAT", b"MET_STRING"),
            "channels of text": (b"ElementType", b"ElementNumberOfChannels = x\nElementType"),
            "voxels elsewhere": (b"= LOCAL", b"= other.raw"),
        },
    }.items()
    for entry in [
        Entry("truncated", ending, _bytes(_half)),
        Entry("short by some bytes", ending, _bytes(lambda d: d[:-12])),
        Entry("trailing garbage", ending, _bytes(lambda d: d + b"garbage")),
        Entry("compressed, with garbage", ending, _packed(lambda d: d + b"garbage")),
        Entry("compressed, truncated", ending, _packed(lambda d: d[:-20])),
        Entry("compressed, bit flipped", ending, _packed(_flip_late)),
        Entry("empty", ending, _bytes(lambda d: b"")),
        Entry("text", ending, _bytes(lambda d: b"this is text")),
        Entry("a folder", ending, _folder),
        *(Entry(name, ending, _header(*change)) for name, change in header.items()),
        Entry("NaN voxel", ending, _itk_voxel(float("nan"))),
        Entry("infinite voxel", ending, _itk_voxel(float("inf"))),
        Entry("several volumes", ending, _itk(lambda i: SimpleITK.JoinSeries([i, i]))),
        Entry("colour", ending, _itk(lambda i: SimpleITK.Compose(i, i, i))),
        Entry("sheared", ending, _header(
            *((b"(0,1,0)", b"(0.4,1,0)") if ending == ".nrrd"
              else (b"TransformMatrix = 1 0 0 0 1", b"TransformMatrix = 1 0 0 0.4 1"))
        )),
        Entry("fractions", ending, _itk_voxel(0.5), "label"),
        Entry("negative", ending, _itk_voxel(-1, SimpleITK.sitkInt16), "label"),
        Entry("undeclared 255", ending, _itk_voxel(255, SimpleITK.sitkInt16), "label"),
        Entry("NaN", ending, _itk_voxel(float("nan")), "label"),
        Entry("truncated", ending, _bytes(_half), "label"),
        Entry("another shape", ending, _itk(lambda i: i[:-1]), "label"),
        Entry("another place", ending, _itk(_moved), "label"),
        Entry("one volume in four dimensions", ending,
              _itk(lambda i: SimpleITK.JoinSeries([i])), refused=False),
        Entry("compressed", ending, _packed(lambda d: d), refused=False),
        Entry("64-bit floats", ending,
              _itk(lambda i: SimpleITK.Cast(i, SimpleITK.sitkFloat64)), refused=False),
        Entry("constant", ending, _itk(lambda i: i * 0), refused=False),
    ]
]  # fmt: skip
PLANES = [
    entry
    for ending in (".png", ".tif", ".jpg")
    for entry in [
        Entry("truncated", ending, _bytes(_half)),
        Entry("empty", ending, _bytes(lambda d: b"")),
        Entry("text", ending, _bytes(lambda d: b"this is text")),
        Entry("a folder", ending, _folder),
    ]
]
PLANES += [
    entry
    for ending in (".png", ".tif")
    for entry in [
        Entry("truncated", ending, _bytes(_half), "label"),
        Entry("undeclared", ending, _plane_labels(7), "label"),
        Entry("another shape", ending, _plane(lambda a: a[:-2]), "label"),
        Entry("colour", ending, _plane(_colours), "label"),
        Entry("16 bits", ending, _picture("I;16"), refused=False),
        Entry("constant", ending, _plane(np.zeros_like), refused=False),
    ]
]
PLANES += [
    Entry("bit flipped", ".png", _bytes(_flip)),
    Entry("transparent", ".png", _picture("LA")),
    Entry("several pages", ".tif", _stack),
    Entry("NaN pixel", ".tif", _plane(_one_nan)),
]


def write_series(folder: Path, array: np.ndarray) -> None:
    """One slice per file, in an order that is not their names'; 1 x 1 mm, 1.5 mm apart."""
    folder.mkdir()
    stored, series = np.round(array).astype(np.int16), pydicom.uid.generate_uid()
    frame, study = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
    for k in range(stored.shape[2]):
        one = pydicom.Dataset()
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID, one.Modality = MRImageStorage, "MR"
        one.SOPInstanceUID = pydicom.uid.generate_uid()
        one.SeriesInstanceUID, one.StudyInstanceUID = series, study
        one.FrameOfReferenceUID, one.InstanceNumber = frame, k + 1
        one.PatientID, one.PatientName = "phantom", "phantom"
        one.ImagePositionPatient = [0, 0, 1.5 * k]
        one.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]  # i to the right, j to the front
        one.PixelSpacing, one.SliceThickness = [1, 1], 1.5
        one.set_pixel_data(np.ascontiguousarray(stored[:, :, k].T), "MONOCHROME2", 16)
        one.save_as(folder / f"{(k * 7) % stored.shape[2]:03d}.dcm", enforce_file_format=True)


def _slices(folder: Path) -> list[Path]:
    """In the order of their positions."""
    return sorted(folder.iterdir(), key=lambda f: float(pydicom.dcmread(f).ImagePositionPatient[2]))


def _slice(number: int | None, change: Callable[[pydicom.Dataset], object]) -> Callable:
    """Change one slice, or all."""

    def write(folder):
        files = _slices(folder)
        for file in files if number is None else [files[number]]:
            one = pydicom.dcmread(file)
            change(one)
            one.save_as(file)

    return write


def _file(number: int, change: Callable[[bytes], bytes | None]) -> Callable[[Path], None]:
    """Other bytes in the place of one slice's; none at all takes it away."""

    def write(folder):
        file = _slices(folder)[number]
        data = change(file.read_bytes())
        file.unlink()
        if data is not None:
            file.write_bytes(data)

    return write


def _set(**values) -> Callable[[pydicom.Dataset], None]:
    def change(one):
        for key, value in values.items():
            setattr(one, key, value)

    return change


def _tilt(one):
    x, y, z = one.ImagePositionPatient
    one.ImagePositionPatient = [x, y + 0.4 * float(z), z]


def _rescale(one):
    stored = (one.pixel_array + 1000) * 2
    one.set_pixel_data(stored.astype(np.int16), "MONOCHROME2", 16)
    one.RescaleSlope, one.RescaleIntercept = 0.5, -1000


def _undecodable(one):
    one.compress(RLELossless)
    one.file_meta.TransferSyntaxUID = JPEGLSLossless


def _with_company(folder):
    for name in ("readme.txt", "._001.dcm", "Thumbs.db"):
        (folder / name).write_bytes(b"no image")


def _all_empty(folder):
    for file in folder.iterdir():
        file.write_bytes(b"")


def _only_one(folder):
    for file in _slices(folder)[1:]:
        file.unlink()


def _two_series(folder):
    for file in _slices(folder):
        one = pydicom.dcmread(file)
        one.SeriesInstanceUID = "1.2.3"
        one.save_as(folder / f"other_{file.name}")


SERIES = [
    Entry("slice missing", ".dcm", _file(4, lambda d: None)),
    Entry("slice empty", ".dcm", _file(-1, lambda d: b"")),
    Entry("slice of text", ".dcm", _file(0, lambda d: b"this is text")),
    Entry("slice without its magic", ".dcm", _file(-1, lambda d: bytes(132) + d[132:])),
    Entry("slice truncated", ".dcm", _file(3, _half)),
    Entry("slice short by some bytes", ".dcm", _file(3, lambda d: d[:-12])),
    Entry("slices all empty", ".dcm", _all_empty),
    Entry("one slice alone", ".dcm", _only_one),
    Entry("two slices in one place", ".dcm",
          _slice(4, lambda one: _set(ImagePositionPatient=[0, 0, 4.5])(one))),
    Entry("two series", ".dcm", _two_series),
    Entry("two orientations", ".dcm", _slice(2, _set(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]))),
    Entry("two spacings", ".dcm", _slice(2, _set(PixelSpacing=[1, 2]))),
    Entry("spacing of zero", ".dcm", _slice(None, _set(PixelSpacing=[0, 1]))),
    Entry("no spacing", ".dcm", _slice(None, lambda one: one.pop("PixelSpacing"))),
    Entry("no orientation", ".dcm", _slice(None, lambda one: one.pop("ImageOrientationPatient"))),
    Entry("position of two numbers", ".dcm", _slice(3, _set(ImagePositionPatient=[0, 0]))),
    Entry("colour", ".dcm", _slice(None, _set(SamplesPerPixel=3))),
    Entry("slope of zero", ".dcm", _slice(None, _set(RescaleSlope=0, RescaleIntercept=0))),
    Entry("gantry tilted", ".dcm", _slice(None, _tilt)),
    Entry("undecodable", ".dcm", _slice(None, _undecodable)),
    Entry("run lengths", ".dcm", _slice(None, lambda one: one.compress(RLELossless)),
          refused=False),
    Entry("rescaled", ".dcm", _slice(None, _rescale), refused=False),
    Entry("wrong thickness and numbers", ".dcm",
          _slice(None, _set(SliceThickness=9, InstanceNumber=1)), refused=False),
    Entry("other files beside", ".dcm", _with_company, refused=False),
]  # fmt: skip
CORPUS = [*NIFTI, *LABELS, *ITK, *PLANES, *SERIES]


def write_dataset(folder: Path, ending: str, cases: int = 4) -> Path:
    """A good dataset in any format: balls in volumes, discs in pictures.

    DICOM series are a folder each, in ``imagesTr`` alone: there are no labels in that format.
    """
    if ending == ".dcm":
        (folder / "imagesTr").mkdir(parents=True)
        for k in range(cases):
            write_series(folder / "imagesTr" / f"c{k}", volume(k)[0])
        return folder
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    plane = ending in (".png", ".tif", ".jpg")
    for k in range(cases):
        image, label = volume(k)
        if plane:
            image, label = (np.kron(a[..., 5], np.ones((3, 3))) for a in (image, label))
            image = np.clip(image + 80, 0, 255)
        for part, array, end in (("imagesTr", image, "_0000"), ("labelsTr", label, "")):
            known = ".png" if ending == ".jpg" and part == "labelsTr" else ending
            _save(folder / part / f"c{k}{end}{known}", array, plane)
    names = "background", "ball"
    facts = {
        "channel_names": {"0": "MR"},
        "labels": {name: k for k, name in enumerate(names)},
        "numTraining": cases,
        "file_ending": ending,
    }
    (folder / "dataset.json").write_text(json.dumps(facts))
    kinds = ["normal", "abnormal"]
    rows = [f"c{k},{kinds[k % 2]}" for k in range(cases)]
    (folder / "cases.csv").write_text("\n".join(["case,class", *rows]) + "\n")
    return folder


def image_path(data: Path, entry: Entry) -> Path:
    """Where an entry's image or label lies in a dataset."""
    if entry.ending == ".dcm":
        return data / "imagesTr" / "c1"
    part, end = ("imagesTr", "_0000") if entry.kind == "image" else ("labelsTr", "")
    return data / part / f"c1{end}{entry.ending}"


def _save(path: Path, array: np.ndarray, plane: bool) -> None:
    if plane:
        PillowImage.fromarray(np.round(array).astype(np.uint8)).save(path)
    elif path.name.endswith((".nii", ".nii.gz")):
        _nifti(path, array)
    else:
        written = SimpleITK.GetImageFromArray(array.transpose())
        written.SetSpacing((1.0, 1.0, 1.5))
        SimpleITK.WriteImage(written, str(path))
