"""Files of a dataset of small volumes, and what a check says of them."""

import nibabel as nib
import numpy as np

AFFINE = np.diag([1.0, 1.0, 1.5, 1.0])


SHAPE = (12, 14, 10)


def image(folder, name):
    return folder / "imagesTr" / f"{name}_0000.nii.gz"


def label(folder, name):
    return folder / "labelsTr" / f"{name}.nii.gz"


def store(file, array, affine=AFFINE):
    nib.save(nib.Nifti1Image(array, affine), file)


def said(items, name):
    return [f"{item.fault}; {item.remedy}" for item in items if item.case == name]
