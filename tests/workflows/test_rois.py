"""Regions of interest by hand: boxes, padding, mirrored places, normal images, volumes."""

import csv
import json

import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.cli.main import main
from segscope.data import open_dataset, read_image, read_label
from segscope.errors import InputError
from segscope.workflows.rois import RoiOptions, extract_rois
from tests.synthetic import write_volume_dataset


def write(folder, cases, columns=None):
    """An 8-bit dataset of (image, mask) by name, with ``cases.csv`` of more columns if given."""
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for name, (image, mask) in cases.items():
        PillowImage.fromarray(image.astype(np.uint8)).save(folder / "imagesTr" / f"{name}_0000.png")
        PillowImage.fromarray(mask.astype(np.uint8)).save(folder / "labelsTr" / f"{name}.png")
    if columns:
        rows = [",".join(["case", *columns])]
        rows += [",".join([name, *(columns[c][name] for c in columns)]) for name in cases]
        (folder / "cases.csv").write_text("\n".join(rows) + "\n")
    facts = {"channel_names": {"0": "grey"}, "labels": {"background": 0, "lesion": 1},
             "numTraining": len(cases), "file_ending": ".png"}  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(facts))
    return open_dataset(folder)


def picture(*boxes, shape=(60, 80)):
    """Every pixel has its own value, as far as 8 bits go; lesions in the boxes."""
    rows, columns = np.indices(shape)
    mask = np.zeros(shape, np.uint8)
    for r0, r1, c0, c1 in boxes:
        mask[r0:r1, c0:c1] = 1
    return (rows * 3 + columns) % 251, mask


def table(folder):
    return {r["case"]: r for r in csv.DictReader((folder / "cases.csv").read_text().splitlines())}


def test_a_region_is_the_lesions_box_widened_by_its_own_shares(tmp_path):
    image, mask = picture((20, 30, 30, 50))
    data = write(tmp_path / "data", {"a": (image, mask)})
    options = RoiOptions(normals="none", padding=(0.1, 0.3), seed=1)
    counts = extract_rois(data, tmp_path / "rois", options)
    assert counts["abnormal"] == 1
    row = table(tmp_path / "rois")["a_1"]
    r0, r1, c0, c1 = (int(row[k]) for k in ("first_row", "end_row", "first_column", "end_column"))
    assert 1 <= 20 - r0 <= 3
    assert 1 <= r1 - 30 <= 3  # of 10 rows
    assert 2 <= 30 - c0 <= 6
    assert 2 <= c1 - 50 <= 6  # of 20 columns
    assert len({20 - r0, r1 - 30, 30 - c0, c1 - 50}) > 1
    cut = read_image(tmp_path / "rois" / "imagesTr" / "a_1_0000.png").array[0]
    np.testing.assert_array_equal(cut, image[r0:r1, c0:c1])
    np.testing.assert_array_equal(
        read_label(tmp_path / "rois" / "labelsTr" / "a_1.png").array, mask[r0:r1, c0:c1]
    )
    assert float(row["lesion_share"]) == pytest.approx(200 / ((r1 - r0) * (c1 - c0)))
    extract_rois(data, tmp_path / "again", options)
    assert (tmp_path / "again" / "cases.csv").read_text() == (
        tmp_path / "rois" / "cases.csv"
    ).read_text()


def test_every_piece_is_a_region_small_ones_are_counted_and_borders_cut(tmp_path):
    image, mask = picture((0, 10, 0, 10), (40, 50, 60, 80), (30, 32, 30, 32))
    data = write(tmp_path / "data", {"a": (image, mask)})
    options = RoiOptions(normals="none", padding=(0.2, 0.2))
    counts = extract_rois(data, tmp_path / "rois", options)
    assert (counts["abnormal"], counts["too small"]) == (2, 1)
    rows = table(tmp_path / "rois").values()
    boxes = {tuple(int(r[k]) for k in ("first_row", "end_row", "first_column", "end_column"))
             for r in rows}  # fmt: skip
    assert boxes == {(0, 12, 0, 12), (38, 52, 56, 80)}


def test_the_other_side_is_the_same_place_of_the_flipped_image(tmp_path):
    image, mask = picture((20, 30, 10, 20))
    both = picture((20, 30, 10, 20), (20, 30, 60, 70))
    data = write(tmp_path / "data", {"a": (image, mask), "b": both})
    options = RoiOptions(normals="mirror", padding=(0.2, 0.2))
    counts = extract_rois(data, tmp_path / "rois", options)
    assert counts == {"abnormal": 1, "normal": 1, "too small": 0, "lesion on the other side": 2}
    normal = read_image(tmp_path / "rois" / "imagesTr" / "a_1m_0000.png").array[0]
    np.testing.assert_array_equal(normal, image[:, ::-1][18:32, 8:22])
    assert not read_label(tmp_path / "rois" / "labelsTr" / "a_1m.png").array.any()


def test_the_other_side_may_be_another_image(tmp_path):
    (left, mask), (right, nothing) = picture((20, 30, 10, 20)), picture()
    other = {"l": "r", "r": "l"}
    data = write(
        tmp_path / "data", {"l": (left, mask), "r": ((right * 2) % 251, nothing)},
        {"other_side": other, "subject": {"l": "p", "r": "p"}},
    )  # fmt: skip
    options = RoiOptions(normals="mirror", padding=(0.2, 0.2))
    extract_rois(data, tmp_path / "rois", options)
    rows = table(tmp_path / "rois")
    assert rows["l_1m"]["source"] == "r"
    assert {row["subject"] for row in rows.values()} == {"p"}
    normal = read_image(tmp_path / "rois" / "imagesTr" / "l_1m_0000.png").array[0]
    np.testing.assert_array_equal(normal, ((right * 2) % 251)[:, ::-1][18:32, 8:22])


def test_normal_images_give_regions_of_the_same_size_and_place(tmp_path):
    image, mask = picture((20, 30, 30, 50))
    plain, nothing = picture(shape=(120, 160))  # twice as large
    data = write(tmp_path / "data", {"a": (image, mask), "n": (plain, nothing)})
    extract_rois(data, tmp_path / "rois", RoiOptions(padding=(0.2, 0.2)))
    rows = table(tmp_path / "rois")
    assert [r["class"] for r in rows.values()] == ["abnormal", "normal"]
    # (18..32, 26..54): its middle (25, 40) lies at (50, 80) of the larger image
    box = [int(rows["n_n1"][k]) for k in ("first_row", "end_row", "first_column", "end_column")]
    assert box == [43, 57, 66, 94]
    cut = read_image(tmp_path / "rois" / "imagesTr" / "n_n1_0000.png").array[0]
    np.testing.assert_array_equal(cut, plain[43:57, 66:94])


def test_volumes_give_the_slice_that_holds_most_of_the_piece(tmp_path):
    data = open_dataset(write_volume_dataset(tmp_path / "data", cases=3, shape=(16, 20, 16)))
    extract_rois(data, tmp_path / "rois", RoiOptions(normals="none"))
    for name, row in table(tmp_path / "rois").items():
        case = next(c for c in data.training if c.name == row["source"])
        label = read_label(case.label_file).array > 0
        areas = label.sum((0, 1))  # written in RAS
        assert areas[int(row["slice"])] == areas.max()
        assert read_label(tmp_path / "rois" / "labelsTr" / f"{name}.png").array.any()


def test_regions_of_one_subject_stay_together(tmp_path):
    images = {f"{p}{k}": picture((20, 30, 10, 30)) for p in "ab" for k in range(2)}
    subject = {name: name[0] for name in images}
    data = write(tmp_path / "data", images, {"subject": subject})
    extract_rois(data, tmp_path / "rois", RoiOptions(normals="none"))
    rois = open_dataset(tmp_path / "rois")
    assert {case.group for case in rois.training} == {"a", "b"}
    assert len(rois.training) == 4


def test_what_cannot_be_cut_is_said(tmp_path, capsys):
    data = write(tmp_path / "data", {"a": picture((20, 30, 30, 50))})
    with pytest.raises(InputError, match="every image has a lesion"):
        extract_rois(data, tmp_path / "r", RoiOptions())
    with pytest.raises(InputError, match="no region could be cut: 1 too small"):
        extract_rois(data, tmp_path / "r", RoiOptions(normals="none", least_pixels=500))
    with pytest.raises(InputError, match="not an empty folder"):
        extract_rois(data, tmp_path / "data", RoiOptions(normals="none"))
    for words in (["--normals", "some"], ["--padding", "0.3"], ["--padding", "0.3,0.1"]):
        with pytest.raises(SystemExit):
            main(["data", "rois", str(tmp_path / "data"), "-o", str(tmp_path / "r"), *words])
        assert words[0] in capsys.readouterr().err
