"""Folders of predictions and truths, scored."""

import nibabel as nib
import numpy as np

from segscope.data import image_ending, read_label
from segscope.metrics import LabelReader, evaluate_folders

LABELS = {"background": 0, "lesion": 1}


SHAPE = (12, 12, 8)


def write(file, array, affine=None):
    nib.save(nib.Nifti1Image(array.astype(np.uint8), np.eye(4) if affine is None else affine), file)


def score(predictions, truth, **options):
    return evaluate_folders(
        predictions, truth, read=LabelReader(read_label, image_ending), **options
    )


def evaluate(folders, kind, **options):
    options = {"labels": LABELS, **options}
    return score(folders / kind, folders / "truth", **options)
