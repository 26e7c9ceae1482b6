"""Tiny DICOM series with segmentations of them, and downloads that are made of such."""

from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pack_bits
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

FRAME = "1.2.3.4"
SHAPE = (6, 5, 4)  # i along a row, j down, k up
SPACING = (2.0, 1.5, 3.0)
ORIGIN = np.array([-10.0, 20.0, 5.0])  # left, posterior, up
CT = "1.2.840.10008.5.1.4.1.1.2"


def _file(place: Path, data: Dataset, kind: str, modality: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    data.SOPClassUID, data.SOPInstanceUID = kind, generate_uid(entropy_srcs=[str(place)])
    data.Modality, data.PatientID, data.StudyInstanceUID = modality, "p", "1.2.3"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta = meta
    data.save_as(place, enforce_file_format=True)


def voxels(seed=0):
    """Tissue in the lower slices, air (-1000) in the upper half of the last."""
    found = np.random.default_rng(seed).integers(0, 200, SHAPE).astype(np.int16)
    found[..., -1] = -1000
    return found


def series(
    folder: Path, array=None, *, own_uids=False, frame=FRAME, down=False, names="{:03d}.dcm"
):
    """A CT series; ``down`` numbers its files from the top."""
    array = voxels() if array is None else array
    for k in range(array.shape[2]):
        one = Dataset()
        one.SeriesInstanceUID = f"1.2.3.5.{k}" if own_uids else "1.2.3.5"
        if frame:
            one.FrameOfReferenceUID = frame
        one.ImagePositionPatient = [*ORIGIN[:2], float(ORIGIN[2] + SPACING[2] * k)]
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.PixelSpacing, one.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
        number = array.shape[2] - k if down else k + 1
        one.InstanceNumber = number
        pixels(one, array[..., k].T)
        _file(folder / names.format(number), one, CT, "CT")
    return folder


def pixels(one, array):
    one.Rows, one.Columns = array.shape
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated = one.BitsStored = 8 * array.dtype.itemsize
    one.HighBit = one.BitsStored - 1
    one.PixelRepresentation = int(array.dtype.kind == "i")
    one.PixelData = array.tobytes() + b"\0" * (array.nbytes % 2)


def picture(place: Path, array):
    """One plane, as mammograms are."""
    one = Dataset()
    one.SeriesInstanceUID = "1.2.3.6"
    pixels(one, array)
    _file(place, one, "1.2.840.10008.5.1.4.1.1.7", "MG")


def seg(place: Path, masks, kind="BINARY", *, frame=FRAME, shift=0.0, largest=200):
    """A DICOM SEG of ``{name: mask (i, j, k)}``; a label map of values ``1, 2 ...``."""
    one = Dataset()
    one.SegmentationType, one.SeriesInstanceUID = kind, "1.2.3.7"
    if frame:
        one.FrameOfReferenceUID = frame
    one.SegmentSequence, groups, planes = Sequence(), Sequence(), []
    for number, name in enumerate(masks, 1):
        item = Dataset()
        item.SegmentNumber, item.SegmentLabel = number, name
        one.SegmentSequence.append(item)
    stacks = list(masks.values())
    if kind == "LABELMAP":
        stacks = [sum(mask.astype(np.uint8) * k for k, mask in enumerate(stacks, 1))]
    for number, mask in enumerate(stacks, 1):
        for k in np.flatnonzero(mask.any(axis=(0, 1))):
            groups.append(_group(k, shift, 0 if kind == "LABELMAP" else number))
            planes.append(mask[..., k].T)
    one.SharedFunctionalGroupsSequence = Sequence([_shared()])
    one.PerFrameFunctionalGroupsSequence, one.NumberOfFrames = groups, len(planes)
    stack = np.stack(planes).astype(np.uint8)
    if kind == "BINARY":
        pixels(one, stack[0])
        one.BitsAllocated = one.BitsStored = 1
        one.HighBit, one.PixelData = 0, pack_bits(stack.ravel())
    else:
        pixels(one, stack[0])
        one.PixelData = stack.tobytes() + b"\0" * (stack.nbytes % 2)
        if kind == "FRACTIONAL":
            one.MaximumFractionalValue = largest
    _file(place, one, "1.2.840.10008.5.1.4.1.1.66.4", "SEG")


def _shared():
    shared, turn, size = Dataset(), Dataset(), Dataset()
    turn.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    size.PixelSpacing, size.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
    shared.PlaneOrientationSequence = Sequence([turn])
    shared.PixelMeasuresSequence = Sequence([size])
    return shared


def _group(k, shift, number):
    group, place, own = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = [*ORIGIN[:2], float(ORIGIN[2] + SPACING[2] * k + shift)]
    group.PlanePositionSequence = Sequence([place])
    if number:
        own.ReferencedSegmentNumber = number
        group.SegmentIdentificationSequence = Sequence([own])
    return group


def rtstruct(place: Path, regions, *, frame=FRAME, kind="CLOSED_PLANAR"):
    """An RTSTRUCT of ``{name: [(k, corners (n, 2) as voxel indices i, j), ...]}``."""
    one = Dataset()
    one.SeriesInstanceUID = "1.2.3.8"
    one.StructureSetROISequence, one.ROIContourSequence = Sequence(), Sequence()
    for number, (name, contours) in enumerate(regions.items(), 1):
        region, drawn = Dataset(), Dataset()
        region.ROINumber, region.ROIName = number, name
        if frame:
            region.ReferencedFrameOfReferenceUID = frame
        drawn.ReferencedROINumber, drawn.ContourSequence = number, Sequence()
        for k, corners in contours:
            contour = Dataset()
            corners = np.asarray(corners, float)
            points = np.column_stack([corners, np.full(len(corners), k)]) * SPACING + ORIGIN
            contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(points)
            contour.ContourData = [f"{v:.6g}" for v in points.ravel()]
            drawn.ContourSequence.append(contour)
        one.StructureSetROISequence.append(region)
        one.ROIContourSequence.append(drawn)
    _file(place, one, "1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT")


def box(i, j, k):
    """A mask of whole boxes."""
    found = np.zeros(SHAPE, bool)
    found[slice(*i), slice(*j), slice(*k)] = True
    return found


def grey(place: Path, array):
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(place)


def dicom_seg(at):
    for case in ("p1", "p2"):
        series(at / case / "CT")
        seg(at / case / "SEG" / "1.dcm", {"liver": box((1, 3), (1, 4), (0, 2))})


def dicom_rtstruct(at):
    for case in ("p1", "p2"):
        series(at / case / "CT")
        rtstruct(at / case / "RTSTRUCT" / "rs.dcm",
                 {"Brain": [(1, [(0.5, 0.5), (3.5, 0.5), (3.5, 2.5), (0.5, 2.5)])]})  # fmt: skip


def _chaos(at, kind, value, *, phases=("",), stems=False):
    for case in ("1", "2"):
        for phase in phases:
            folder = at / "Train_Sets" / kind.format(case) / "DICOM_anon" / phase
            series(folder, own_uids=True, names="IMG-0004-{:05d}.dcm" if stems else "i{:04d}.dcm")
        for k in range(SHAPE[2]):
            name = f"IMG-0004-{k + 1:05d}.png" if stems else f"liver_GT_{k:03d}.png"
            ground = at / "Train_Sets" / kind.format(case) / "Ground" / name
            plane = np.zeros(SHAPE[:2])
            plane[1:3, 2] = value * (k < 2)
            grey(ground, plane.T)


def chaos_ct(at):
    _chaos(at, "CT/{}", 255)


def chaos_t1dual(at):
    _chaos(at, "MR/{}/T1DUAL", 63, phases=("InPhase", "OutPhase"), stems=True)


def chaos_t2spir(at):
    _chaos(at, "MR/{}/T2SPIR", 252, stems=True)
