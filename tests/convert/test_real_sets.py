"""Real images with expert masks, laid out as their makers ship them, come back voxel for voxel."""

import csv
import json
import shutil

import nibabel as nib
import numpy as np
import SimpleITK
from PIL import Image
from scipy import ndimage

from segscope.convert import convert, read_layout
from segscope.convert.layout import make_layout
from segscope.data import open_dataset, read_image, read_label

SOME = 4


def table(folder):
    with (folder / "cases.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def saved(array, file, *, colours=False):
    file.parent.mkdir(parents=True, exist_ok=True)
    found = np.asarray(array, np.uint8)
    Image.fromarray(np.repeat(found[..., None], 3, 2) if colours else found).save(file)


def mask_of(folder, name):
    return np.asarray(Image.open(folder / "labelsTr" / f"{name}.png"))


def copied(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def same(made, truth, names):
    """Image and label of cases ``{made: truth's}`` in two datasets of pictures."""
    for new, old in names.items():
        for part, ending in (("imagesTr", "_0000.png"), ("labelsTr", ".png")):
            one, other = made / part / f"{new}{ending}", truth / part / f"{old}{ending}"
            np.testing.assert_array_equal(read_image(one).array, read_image(other).array)


def test_busi(tmp_path, shared_data):
    """Grey stored in colours, masks of 255; a mask of two parts in two files."""
    real, names = shared_data / "busi_breast_us", {}
    for number, row in enumerate(table(real)[:: 107 // SOME], 1):
        kind, name = row["class_name"], row["case"]
        at = tmp_path / "s" / "Dataset_BUSI_with_GT" / kind / f"{kind} ({number})"
        grey = np.asarray(Image.open(real / "imagesTr" / f"{name}_0000.png"))
        saved(grey, at.with_name(f"{at.name}.png"), colours=True)
        mask = mask_of(real, name)
        half = mask.shape[0] // 2
        for k, rows in enumerate((slice(half), slice(half, None))):
            part = np.zeros_like(mask)
            part[rows] = mask[rows] * 255
            saved(part, at.with_name(f"{at.name}_mask{f'_{k}' * (k > 0)}.png"))
        names[f"busi_{kind}_{number}"] = name
    done = convert(tmp_path / "s", tmp_path / "out", read_layout("busi"))
    assert done.training == len(names) >= SOME
    same(tmp_path / "out", real, names)


def test_hc18(tmp_path, shared_data):
    """Heads are drawn as outlines: of a filled mask, the pixels that are not deep inside."""
    real, names = shared_data / "hc18_fetal_head", {}
    for number, row in enumerate(table(real)[:SOME]):
        at = tmp_path / "s" / "training_set" / f"{number:03d}_HC.png"
        copied(real / "imagesTr" / f"{row['case']}_0000.png", at)
        mask = mask_of(real, row["case"]) > 0
        outline = mask & ~ndimage.binary_erosion(mask)
        saved(outline * 255, at.with_name(f"{number:03d}_HC_Annotation.png"))
        names[f"hc18_{number:03d}_HC"] = row["case"]
    done = convert(tmp_path / "s", tmp_path / "out", read_layout("hc18"))
    assert done.subjects == SOME
    same(tmp_path / "out", real, names)


def test_fuseg(tmp_path, shared_data):
    real, names = shared_data / "fuseg_foot_ulcer", {}
    for number, row in enumerate(table(real)[:SOME]):
        part = ("train", "validation")[number % 2]
        at = tmp_path / "s" / "wound" / part
        copied(real / "imagesTr" / f"{row['case']}_0000.png", at / "images" / f"{number:04d}.png")
        saved(mask_of(real, row["case"]) * 255, at / "labels" / f"{number:04d}.png")
        names[f"{part}_{number:04d}"] = row["case"]
    convert(tmp_path / "s", tmp_path / "out", read_layout("fuseg"))
    same(tmp_path / "out", real, names)


def test_sunnybrook(tmp_path, shared_data):
    """Pictures in colours that are grey, in a folder for images and one for labels."""
    real, names = shared_data / "sunnybrook_lv", {}
    for row in table(real)[:: 255 // SOME]:
        grey = np.asarray(Image.open(real / "imagesTr" / f"{row['case']}_0000.png"))
        saved(grey, tmp_path / "s" / "Images" / f"{row['case']}.png", colours=True)
        saved(mask_of(real, row["case"]) * 255, tmp_path / "s" / "Labels" / f"{row['case']}.png")
        names[row["case"]] = row["case"]
    facts = {"name": "own", "case": "Images/{case}.png", "channels": {"MR": "Images/{case}.png"},
             "label": "Labels/{case}.png", "labels": {"lv_cavity": 255}}  # fmt: skip
    layout = make_layout(facts, "own")
    convert(tmp_path / "s", tmp_path / "out", layout)
    same(tmp_path / "out", real, names)


def test_hippocampus_with_its_persons(tmp_path, shared_data):
    real = shared_data / "hippocampus"
    rows = table(real)[:8]
    for row in rows:
        copied(real / "imagesTr" / f"{row['case']}_0000.nii.gz",
               tmp_path / "s" / "imagesTr" / f"{row['case']}.nii.gz")  # fmt: skip
        copied(real / "labelsTr" / f"{row['case']}.nii.gz",
               tmp_path / "s" / "labelsTr" / f"{row['case']}.nii.gz")  # fmt: skip
    facts = json.loads((real / "dataset.json").read_text())
    (tmp_path / "s" / "dataset.json").write_text(json.dumps({
        "modality": {"0": "MRI"}, "labels": {str(v): n for n, v in facts["labels"].items()},
    }))  # fmt: skip
    done = convert(tmp_path / "s", tmp_path / "out", read_layout("msd_hippocampus"))
    assert done.rewritten == ()
    persons = {}
    for case, row in zip(open_dataset(tmp_path / "out").training, rows, strict=True):
        name = f"{row['case']}.nii.gz"
        assert case.label_file.read_bytes() == (real / "labelsTr" / name).read_bytes()
        persons.setdefault(case.group, set()).add(row["probable_subject"])
    assert all(len(known) == 1 for known in persons.values())
    assert len(persons) == len({row["probable_subject"] for row in rows})


def test_brats_2013(tmp_path, shared_data):
    """Sequences in folders of their own, as MetaImage."""
    real = shared_data / "brats2013_glioma"
    names = [row["case"] for row in table(real)[:2]]
    for name, grade in zip(names, ("HG", "LG"), strict=True):
        at = tmp_path / "s" / "Image_Data" / grade / "0001"
        for k, kind in enumerate(("MR_Flair.684", "MR_T1c.686", "MR_T1.685", "MR_T2.687")):
            file = real / "imagesTr" / f"{name}_000{k % 2}.nii.gz"
            itk(file, at / f"VSD.Brain.XX.O.{kind}" / f"VSD.Brain.XX.O.{kind}.mha")
        truth = "VSD.Brain_3more.XX.XX.OT"
        itk(real / "labelsTr" / f"{name}.nii.gz", at / truth / f"{truth}.6560.mha")
    convert(tmp_path / "s", tmp_path / "out", read_layout("brats2013"))
    for case, name in zip(open_dataset(tmp_path / "out").training, names, strict=True):
        for k, channel in enumerate((0, 2)):  # FLAIR and T1c
            truth = read_image(real / "imagesTr" / f"{name}_000{k}.nii.gz")
            found = read_image(case.image_files[channel])
            np.testing.assert_allclose(found.array, truth.array, rtol=1e-6)
            assert found.grid.matches(truth.grid)
        truth = read_label(real / "labelsTr" / f"{name}.nii.gz")
        np.testing.assert_array_equal(read_label(case.label_file).array, truth.array)


def itk(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(SimpleITK.ReadImage(str(source)), str(target))


def test_isles_2022(tmp_path, shared_data):
    """FLAIR lies on a grid of its own, and is left out."""
    real = shared_data / "single_case_samples" / "mr_stroke_isles22"
    case = "sub-strokecase0009"
    for kind, folder in (("dwi", "dwi"), ("adc", "dwi"), ("flair", "anat")):
        file = next(f for f in real.glob("*.nii.gz") if kind in f.name.lower())
        shown = kind.upper() if kind == "flair" else kind
        at = tmp_path / "s" / case / "ses-0001" / folder
        copied(file, at / f"{case}_ses-0001_{shown}.nii.gz")
    truth = next(f for f in real.glob("*.nii.gz") if "msk" in f.name or "label" in f.name)
    at = tmp_path / "s" / "derivatives" / case / "ses-0001"
    copied(truth, at / f"{case}_ses-0001_msk.nii.gz")
    done = convert(tmp_path / "s", tmp_path / "out", read_layout("isles2022"))
    assert (done.training, done.channels, done.rewritten) == (1, ("DWI", "ADC"), ())
    made = tmp_path / "out" / "labelsTr" / "strokecase0009.nii.gz"
    assert made.read_bytes() == truth.read_bytes()
    assert read_label(made).array.sum() == 523


def test_a_ct_series_with_a_dicom_seg(tmp_path, shared_data):
    real = shared_data / "dicom_samples" / "ct_3slice_with_dicom_seg"
    shutil.copytree(real / "ct", tmp_path / "s" / "p1" / "CT")
    copied(real / "seg" / "liver.dcm", tmp_path / "s" / "p1" / "SEG" / "liver.dcm")
    done = convert(tmp_path / "s", tmp_path / "out", read_layout("dicom_seg"))
    assert done.labels == {"background": 0, "Liver": 1}
    label = read_label(tmp_path / "out" / "labelsTr" / "p1.nii.gz")
    truth = read_label(real / "seg" / "liver_seg.nrrd")
    np.testing.assert_array_equal(label.array, truth.array > 0)
    image = read_image(tmp_path / "out" / "imagesTr" / "p1_0000.nii.gz")
    assert label.grid.matches(image.grid)
    np.testing.assert_array_equal(image.array, read_image(real / "ct").array)


def test_a_ct_series_whose_labels_run_the_other_way(tmp_path, shared_data):
    """Another library turns the labels to the series' axes."""
    real = shared_data / "dicom_samples" / "ct_abdomen_jpeg2000"
    shutil.copytree(real / "ct", tmp_path / "s" / "p1" / "study" / "series")
    stored = nib.load(real / "totalsegmentator_reference_seg.nii.gz")
    series = read_image(real / "ct").grid
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(stored.affine), nib.io_orientation(series.affine)
    )
    turned = stored.as_reoriented(turn)
    (tmp_path / "s" / "labels").mkdir()
    nib.save(stored, tmp_path / "s" / "labels" / "p1.nii.gz")
    values = [int(v) for v in np.unique(np.asarray(stored.dataobj)) if v]
    facts = {"name": "own", "case": "{case}/{_study}/{_series}/", "label": "labels/{case}.nii.gz",
             "labels": {f"class_{v}": v for v in values}}  # fmt: skip
    done = convert(tmp_path / "s", tmp_path / "out", make_layout(facts, "own"))
    found = read_label(tmp_path / "out" / "labelsTr" / "p1.nii.gz").array
    expected = np.searchsorted([0, *values], np.asarray(turned.dataobj))
    np.testing.assert_array_equal(found, expected)
    assert any("turned to the axes" in note for note in done.rewritten)
