"""Tiny folders in the form in which datasets are shipped."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.convert.more_trees import MORE, SHAPE, mask, volume


def picture(file: Path, array):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(file, quality=95)


def colours(seed=0):
    return np.random.default_rng(seed).integers(0, 255, (8, 9, 3))


def square(value=255):
    found = np.zeros((8, 9))
    found[2:5, 3:6] = value
    return found


def brats2018(at):
    for grade, case in (("HGG", "Brats18_A_1"), ("LGG", "Brats18_B_1")):
        for kind in ("flair", "t1", "t1ce", "t2"):
            volume(at / grade / case / f"{case}_{kind}.nii.gz")
        mask(at / grade / case / f"{case}_seg.nii.gz", 1, 2, 4)
    (at / "survival_data.csv").write_text("a,b\n")


def brats2020(at):
    for case in ("BraTS20_Training_001", "BraTS20_Training_355"):
        for kind in ("flair", "t1", "t1ce", "t2"):
            volume(at / "Train" / case / f"{case}_{kind}.nii.gz")
    mask(at / "Train" / "BraTS20_Training_001" / "BraTS20_Training_001_seg.nii.gz", 1, 2, 4)
    mask(at / "Train" / "BraTS20_Training_355" / "W39_1998.09.19_Segm.nii.gz", 1, 2, 4)


def brats2023(at):
    for time in ("000", "001"):
        case = f"BraTS-GLI-00001-{time}"
        for kind in ("t2f", "t1n", "t1c", "t2w"):
            volume(at / case / f"{case}-{kind}.nii.gz")
        mask(at / case / f"{case}-seg.nii.gz", 1, 2, 3)


def msd(at):
    for case in ("pancreas_001", "pancreas_002"):
        four = np.arange(2 * np.prod(SHAPE), dtype=np.int16).reshape(*SHAPE, 2)
        volume(at / "imagesTr" / f"{case}.nii.gz", four)
        volume(at / "imagesTr" / f"._{case}.nii.gz")
        mask(at / "labelsTr" / f"{case}.nii.gz", 1, 2)
    volume(at / "imagesTs" / "pancreas_003.nii.gz", four)
    facts = {"modality": {"0": "T2", "1": "ADC"}, "labels": {"0": "background", "1": "a", "2": "b"}}
    (at / "dataset.json").write_text(json.dumps(facts))


def nnunet_v1(at):
    for case in ("x_1", "x_2"):
        for k in range(2):
            volume(at / "imagesTr" / f"{case}_{k:04d}.nii.gz")
        mask(at / "labelsTr" / f"{case}.nii.gz", 1, 2)
    facts = {"modality": {"0": "T2", "1": "ADC"}, "labels": {"0": "background", "1": "a", "2": "b"}}
    (at / "dataset.json").write_text(json.dumps(facts))


def isic(at):
    for k in (1, 2):
        picture(at / "ISIC_Data" / f"ISIC_000000{k}.jpg", colours(k))
        picture(at / "ISIC_GroundTruth" / f"ISIC_000000{k}_segmentation.png", square())
        picture(at / "ISIC_Data" / f"ISIC_000000{k}_superpixels.png", colours(k))


def busi(at):
    for kind, n in (("benign", 1), ("normal", 1), ("malignant", 2)):
        grey = np.repeat(colours(n)[..., :1], 3, axis=2)
        picture(at / "Dataset_BUSI" / kind / f"{kind} ({n}).png", grey)
        picture(
            at / "Dataset_BUSI" / kind / f"{kind} ({n})_mask.png", square(255 * (kind != "normal"))
        )
    other = np.zeros((8, 9))
    other[6:, 7:] = 255
    picture(at / "Dataset_BUSI" / "malignant" / "malignant (2)_mask_1.png", other)


def wmh2017(at):
    for centre, case in (("Utrecht", "0"), ("Amsterdam/GE3T", "100")):
        for kind in ("FLAIR", "T1"):
            for source in ("orig", "pre"):
                volume(at / centre / case / source / f"{kind}.nii.gz")
        mask(at / centre / case / "wmh.nii.gz", 1, 2)


def lits(at):
    for batch, n in (("Training Batch 1", 0), ("Training Batch 2", 28)):
        volume(at / batch / f"volume-{n}.nii")
        mask(at / batch / f"segmentation-{n}.nii", 1, 2)


def kits23(at):
    for n in ("00000", "00001"):
        volume(at / f"case_{n}" / "imaging.nii.gz")
        mask(at / f"case_{n}" / "segmentation.nii.gz", 1, 2, 3)
    (at / "kits23.json").write_text("[]")


def acdc(at):
    for frame in ("01", "12"):
        volume(at / "patient001" / f"patient001_frame{frame}.nii.gz")
        mask(at / "patient001" / f"patient001_frame{frame}_gt.nii.gz", 1, 2, 3)
    volume(at / "patient001" / "patient001_4d.nii.gz")
    (at / "patient001" / "Info.cfg").write_text("ED: 1\n")


def mmwhs(at):
    for kind in ("ct", "mr"):
        volume(at / f"{kind}_train" / f"{kind}_train_1001_image.nii.gz")
        mask(at / f"{kind}_train" / f"{kind}_train_1001_label.nii.gz", 500, 600, 421)


def fuseg(at):
    for part in ("train", "validation"):
        picture(at / "wound" / part / "images" / "0011.png", colours(1))
        picture(at / "wound" / part / "labels" / "0011.png", square())
    picture(at / "wound" / "test" / "images" / "0012.png", colours(2))


def hc18(at):
    outline = np.zeros((8, 9))
    outline[1:7, 1:8] = 255
    outline[2:6, 2:7] = 0
    for name in ("001_HC", "001_2HC"):
        picture(at / "training_set" / f"{name}.png", colours(1)[..., 0])
        picture(at / "training_set" / f"{name}_Annotation.png", outline)


def kvasir_seg(at):
    for name in ("cju0", "cju1"):
        picture(at / "Kvasir-SEG" / "images" / f"{name}.jpg", colours(1))
        picture(at / "Kvasir-SEG" / "masks" / f"{name}.jpg", np.repeat(square()[..., None], 3, 2))
    (at / "Kvasir-SEG" / "kavsir_bboxes.json").write_text("{}")


def totalsegmentator(at):
    for case in ("s0001", "s0002"):
        volume(at / case / "ct.nii.gz")
        for k, organ in enumerate(("liver", "spleen")):
            mask(at / case / "segmentations" / f"{organ}.nii.gz", *([0] * k), 1)
    (at / "meta.csv").write_text("image_id;age\n")


def isles2022(at):
    for n in ("0001", "0002"):
        case = f"sub-strokecase{n}"
        for kind in ("dwi", "adc"):
            volume(at / case / "ses-0001" / "dwi" / f"{case}_ses-0001_{kind}.nii.gz")
        volume(at / case / "ses-0001" / "anat" / f"{case}_ses-0001_FLAIR.nii.gz")
        mask(at / "derivatives" / case / "ses-0001" / f"{case}_ses-0001_msk.nii.gz", 1)


def covid19_ct_seg(at):
    for name in ("coronacases_001", "radiopaedia_10_85902_1"):
        volume(at / "COVID-19-CT-Seg_20cases" / f"{name}.nii.gz")
        mask(at / "Lung_and_Infection_Mask" / f"{name}.nii.gz", 1, 2, 3)
        mask(at / "Lung_Mask" / f"{name}.nii.gz", 1, 2)


def bids(at):
    for case in ("01", "02"):
        volume(at / f"sub-{case}" / "anat" / f"sub-{case}_T1w.nii.gz")
        mask(at / "derivatives" / "x" / f"sub-{case}" / "anat" / f"sub-{case}_dseg.nii.gz", 1)
    (at / "participants.tsv").write_text("participant_id\n")


TREES = {
    maker.__name__: maker
    for maker in (
        acdc, bids, brats2018, brats2020, brats2023, busi, covid19_ct_seg, fuseg, hc18, isic,
        isles2022, kits23, kvasir_seg, lits, mmwhs, msd, nnunet_v1, totalsegmentator, wmh2017,
    )
} | MORE  # fmt: skip
