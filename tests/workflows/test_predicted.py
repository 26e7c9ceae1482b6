"""Sizes, pictures and a page of predictions, from the files alone."""

import csv
import json
import os

import nibabel as nib
import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.errors import InputError
from segscope.images import Case
from segscope.workflows.predicted import check_described, describe_predictions

LABELS = {"background": 0, "ball": 1, "core": 2}


def volume(folder, name, *, spacing=(0.5, 2.0, 3.0)):
    """An image, and a label map as another program would have predicted it."""
    (folder / "in").mkdir(exist_ok=True)
    (folder / "out").mkdir(exist_ok=True)
    label = np.zeros((9, 8, 7), np.uint8)
    label[1:3, 1:3, 1:3] = 1
    label[7, 7, 6] = 1
    affine = np.diag([*spacing, 1.0])
    image = label.astype(np.float32) * 40
    nib.save(nib.Nifti1Image(image, affine), folder / "in" / f"{name}.nii.gz")
    nib.save(nib.Nifti1Image(label, affine), folder / "out" / f"{name}.nii.gz")
    return Case(name, (folder / "in" / f"{name}.nii.gz",))


def photograph(folder, name):
    (folder / "in").mkdir(exist_ok=True)
    (folder / "out").mkdir(exist_ok=True)
    label = np.zeros((12, 10), np.uint8)
    label[2:5, 2:6] = 1
    PillowImage.fromarray(np.full((12, 10, 3), 90, np.uint8)).save(folder / "in" / f"{name}.jpg")
    PillowImage.fromarray(label).save(folder / "out" / f"{name}.png")
    return Case(name, (folder / "in" / f"{name}.jpg",))


def table(folder):
    text = (folder / "out" / "statistics.csv").read_text()
    return list(csv.DictReader(text.splitlines()))


def test_volumes_are_said_in_millilitres_with_their_pieces(tmp_path):
    found = describe_predictions([volume(tmp_path, "a")], tmp_path / "out", LABELS)
    ball, core = table(tmp_path)
    assert ball == {
        "case": "a", "label": "ball", "value": "1", "voxels": "9", "components": "2",
        "largest_voxels": "8", "volume_ml": "0.027", "largest_volume_ml": "0.024",
    }  # fmt: skip
    assert (core["voxels"], core["components"], core["volume_ml"]) == ("0", "0", "0.0")
    (preview,) = (tmp_path / "out" / "previews").iterdir()
    assert preview.name == "a.png"
    with PillowImage.open(preview) as picture:
        assert picture.format == "PNG"
    assert found.to_dict() == {
        "statistics": str(tmp_path / "out" / "statistics.csv"),
        "previews": str(tmp_path / "out" / "previews"),
    }


def test_photographs_and_unknown_spacings_are_counted_in_voxels(tmp_path):
    cases = [photograph(tmp_path, "p"), volume(tmp_path, "v")]
    notes = {"v": ("its header gives no spacing; 1 mm is assumed",)}
    found = describe_predictions(cases, tmp_path / "out", LABELS, notes=notes)
    assert [one.said("ball") for one in found.cases] == ["12 pixels", "9 voxels"]
    assert "volume_ml" not in table(tmp_path)[0]


def test_a_page_has_everything_and_needs_nothing(tmp_path):
    cases = [volume(tmp_path, f"c{k}") for k in range(3)]
    notes = {"c1": ("<b>odd</b>",)}
    found = describe_predictions(cases, tmp_path / "out", LABELS, notes=notes, page=True)
    text = found.page.read_text()
    assert text.count("data:image/jpeg;base64,") == 3
    assert "0.027 ml" in text
    assert "&lt;b&gt;odd" in text
    assert text.count("<script") == 1  # sorts and filters tables
    assert "<script src" not in text
    assert "http" not in text
    # remarks come first
    assert text.index("<figcaption>c1") < text.index("<figcaption>c0")


def test_what_was_there_already_is_measured_and_not_drawn_again(tmp_path):
    case = volume(tmp_path, "a")
    describe_predictions([case], tmp_path / "out", LABELS)
    preview = tmp_path / "out" / "previews" / "a.png"
    preview.write_bytes(b"kept")
    (tmp_path / "out" / "statistics.csv").unlink()
    describe_predictions([case], tmp_path / "out", LABELS)
    assert (preview.read_bytes(), len(table(tmp_path))) == (b"kept", 2)
    os.utime(tmp_path / "out" / "a.nii.gz", ns=(preview.stat().st_mtime_ns + 1,) * 2)
    describe_predictions([case], tmp_path / "out", LABELS)  # the label map is a newer one
    assert preview.read_bytes() != b"kept"


def test_cases_of_earlier_calls_stay_as_long_as_their_files_do(tmp_path):
    first, second = volume(tmp_path, "a"), volume(tmp_path, "=b")
    out = tmp_path / "out"
    made = {"made_by": {}, "inputs": [], "outputs": {"=b.nii.gz": "x"}}
    (out / "manifest.json").write_text(json.dumps({"format": 1, "cases": {"=b": made}}))
    describe_predictions([second], out, LABELS)
    describe_predictions([first], out, LABELS)
    assert [row["case"] for row in table(tmp_path)] == ["'=b", "'=b", "a", "a"]
    (out / "=b.nii.gz").unlink()
    describe_predictions([first], out, LABELS)
    assert [row["case"] for row in table(tmp_path)] == ["a", "a"]


@pytest.mark.parametrize(
    ("count", "asked", "drawn"),
    [(3, None, 0), (2, None, 2), (3, True, 3), (2, False, 0)],
    ids=["many", "few", "asked", "refused"],
)
def test_few_cases_are_drawn_unasked(tmp_path, monkeypatch, count, asked, drawn):
    monkeypatch.setattr("segscope.workflows.predicted._FEW", 2)
    cases = [photograph(tmp_path, f"p{k}") for k in range(count)]
    describe_predictions(cases, tmp_path / "out", LABELS, previews=asked)
    assert len(list((tmp_path / "out").glob("previews/*.png"))) == drawn
    assert len(table(tmp_path)) == 2 * count


def test_a_case_without_a_label_map_is_left_out(tmp_path):
    cases = [photograph(tmp_path, "p"), Case("gone", (tmp_path / "gone.jpg",))]
    assert [c.case for c in describe_predictions(cases, tmp_path / "out", LABELS).cases] == ["p"]


def test_another_table_of_this_name_is_not_replaced(tmp_path):
    check_described(tmp_path)
    (tmp_path / "statistics.csv").write_text("patient,age\n")
    with pytest.raises(InputError, match="would be replaced"):
        check_described(tmp_path)
