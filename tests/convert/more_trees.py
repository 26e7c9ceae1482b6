"""More downloads in the form in which they are shipped: archives of DICOM, lists and volumes."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK

from tests.convert import dicom_trees as dicom

SHAPE = (5, 6, 4)
NAMES = "patient_id,left or right breast,image view,abnormality id,pathology"


def volume(file: Path, array=None, affine=None):
    file.parent.mkdir(parents=True, exist_ok=True)
    array = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE) if array is None else array
    nib.save(nib.Nifti1Image(array, np.diag([1, 2, 3, 1.0]) if affine is None else affine), file)


def mask(file: Path, *values):
    array = np.zeros(SHAPE, np.uint8 if max(values) < 256 else np.int16)
    for k, value in enumerate(values):
        array[k + 1, 1:3, 1:3] = value
    volume(file, array)


def _amos(at):
    for part, n in (("Tr", "0001"), ("Va", "0008"), ("Tr", "0507"), ("Va", "0541")):
        volume(at / "amos22" / f"images{part}" / f"amos_{n}.nii.gz")
        mask(at / "amos22" / f"labels{part}" / f"amos_{n}.nii.gz", 1, 15)
    (at / "amos22" / "dataset.json").write_text("{}")


def amos_ct(at):
    _amos(at)


def amos_mr(at):
    _amos(at)


def brats2013(at):
    for grade in ("HG", "LG"):
        case = at / "BRATS-2" / "Image_Data" / grade / "0001"
        for number, kind in enumerate(("O.MR_Flair", "O.MR_T1", "O.MR_T1c", "O.MR_T2", "OT")):
            name = f"VSD.Brain{'_3more' * (kind == 'OT')}.XX.{'XX.' * (kind == 'OT')}{kind}"
            values = np.zeros(SHAPE, np.int16)
            values[1:, 1, 1] = 1, 2, 3, 4
            file = case / (name if kind == "OT" else f"{name}.{number}") / f"{name}.{number}.mha"
            file.parent.mkdir(parents=True)
            SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(file))


def covid19_ct_slices(at):
    values = np.zeros(SHAPE, np.float32)
    values[1, 1, :2], values[2, 2, 1], values[3, 3, 0] = 1, 2, 3
    volume(at / "tr_im.nii.gz", (np.arange(values.size).reshape(SHAPE) - 1000.5).astype(np.float32))
    volume(at / "tr_mask.nii.gz", values)
    volume(at / "val_im.nii.gz")


def msd_hippocampus(at):
    for n in ("001", "002"):
        volume(at / "imagesTr" / f"hippocampus_{n}.nii.gz")
        mask(at / "labelsTr" / f"hippocampus_{n}.nii.gz", 1, 2)
    labels = {"0": "background", "1": "Anterior", "2": "Posterior"}
    facts = {"modality": {"0": "MRI"}, "labels": labels}
    (at / "dataset.json").write_text(json.dumps(facts))


def nih_pancreas(at):
    """The label runs down along y where the series runs up, in the same places."""
    for n in ("0001", "0002"):
        folder = at / "Pancreas-CT" / f"PANCREAS_{n}" / "11-24-2015" / "Pancreas-1"
        dicom.series(folder)
        label = dicom.box((1, 3), (0, 2), (1, 3)).astype(np.uint8)
        affine = np.diag([-dicom.SPACING[0], dicom.SPACING[1], dicom.SPACING[2], 1])
        last = -(dicom.ORIGIN[1] + (dicom.SHAPE[1] - 1) * dicom.SPACING[1])
        affine[:3, 3] = -dicom.ORIGIN[0], last, dicom.ORIGIN[2]
        volume(at / "labels" / f"label{n}.nii.gz", label[:, ::-1], affine)


def _cbis(at, kind, mark):
    rows = [NAMES]
    for patient in ("P_00001", "P_00002"):
        name = f"{kind}-Training_{patient}_LEFT_CC"
        image = np.random.default_rng(0).integers(0, 4000, (12, 10)).astype(np.uint16)
        dicom.picture(at / "CBIS-DDSM" / name / "date" / "full" / "1-1.dcm", image)
        for number in (1, 2):
            drawn = np.zeros((12, 10), np.uint8)
            drawn[2 * number : 2 * number + 2, 3:5] = mark
            folder = at / "CBIS-DDSM" / f"{name}_{number}" / "date" / "roi"
            swapped = number == 2
            dicom.picture(folder / f"1-{1 + swapped}.dcm", drawn)
            dicom.picture(folder / f"1-{2 - swapped}.dcm", image[:5, :5])
            rows.append(f"{patient},LEFT,CC,{number},{'BENIGN' if swapped else 'MALIGNANT'}")
    at.joinpath("CBIS-DDSM", f"{kind.lower()}_case_description_train_set.csv").write_text(
        "\n".join(rows) + "\n"
    )


def cbis_ddsm_mass(at):
    _cbis(at, "Mass", 255)


def cbis_ddsm_calc(at):
    _cbis(at, "Calc", 255)


OVERLAY = """TOTAL_ABNORMALITIES 1
ABNORMALITY 1
LESION_TYPE MASS SHAPE OVAL MARGINS ILL_DEFINED
ASSESSMENT 4
SUBTLETY 3
PATHOLOGY MALIGNANT
TOTAL_OUTLINES 1
BOUNDARY
3 2 2 2 2 4 4 6 6 6 0 0  #
"""
"""From column 3, row 2: three steps to the right, two down, three to the left, two up."""


def ddsm(at):
    folder = at / "cases" / "cancers" / "cancer_01" / "case1141"
    for view in ("LEFT_CC", "RIGHT_CC"):
        dicom.grey(folder / f"A_1141_1.{view}.png", np.arange(90).reshape(9, 10))
    (folder / "A_1141_1.LEFT_CC.OVERLAY").write_text(OVERLAY)
    (folder / "A-1141-1.ics").write_text(
        "ics_version 1.0\nfilename A-1141-1\n"
        "LEFT_CC LINES 9 PIXELS_PER_LINE 10 BITS_PER_PIXEL 12 RESOLUTION 50 OVERLAY\n"
        "RIGHT_CC LINES 9 PIXELS_PER_LINE 10 BITS_PER_PIXEL 12 RESOLUTION 50 NON_OVERLAY\n"
    )


MORE = {
    maker.__name__: maker
    for maker in (
        amos_ct, amos_mr, brats2013, cbis_ddsm_calc, cbis_ddsm_mass, covid19_ct_slices, ddsm,
        msd_hippocampus, nih_pancreas, dicom.chaos_ct, dicom.chaos_t1dual, dicom.chaos_t2spir,
        dicom.dicom_rtstruct, dicom.dicom_seg,
    )
}  # fmt: skip
