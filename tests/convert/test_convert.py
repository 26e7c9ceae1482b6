"""Downloads become datasets: every layout, whole and broken, bit for bit where nothing changes."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from segscope.convert import convert, layout_names, pairs_layout, read_layout
from segscope.data import check_dataset, open_dataset, read_image, read_label
from tests.convert.trees import TREES, colours, picture, square, volume


@pytest.mark.parametrize("name", layout_names())
def test_every_layout_makes_a_dataset_of_its_tree(tmp_path, name):
    TREES[name](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout(name))
    assert done.training == {"busi": 3, "covid19_ct_slices": 4}.get(name, 2)
    assert done.unexpected == ()
    report = check_dataset(tmp_path / "out")
    assert report.problems == ()
    cases = open_dataset(tmp_path / "out").training
    values = [set(np.unique(read_label(case.label_file).array)) for case in cases]
    assert set.union(*values) - {0}  # the masks came along, in the dataset's values
    assert set.union(*values) <= set(done.labels.values())
    assert not (tmp_path / "out" / ".conversion").exists()
    record = json.loads((tmp_path / "out" / "conversion.json").read_text())
    assert record["layout"] == name
    assert all(len(value) == 64 for value in record["sources"].values())


def test_masks_of_one_picture_are_united_and_grey_is_grey(tmp_path):
    TREES["busi"](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("busi"))
    label = np.asarray(Image.open(tmp_path / "out" / "labelsTr" / "busi_malignant_2.png"))
    assert label.sum() == 9 + 4
    image = read_image(tmp_path / "out" / "imagesTr" / "busi_malignant_2_0000.png")
    assert (image.array[0] == colours(2)[..., 0]).all()
    assert any("grey that was stored as RGB" in note for note in done.rewritten)


def test_outlines_are_filled(tmp_path):
    TREES["hc18"](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("hc18"))
    label = np.asarray(Image.open(tmp_path / "out" / "labelsTr" / "hc18_001_2HC.png"))
    assert label.sum() == 6 * 7
    assert done.subjects == 1  # two pictures of one mother


def test_masks_in_jpeg_are_cut_where_the_layout_says(tmp_path):
    TREES["kvasir_seg"](tmp_path / "source")
    convert(tmp_path / "source", tmp_path / "out", read_layout("kvasir_seg"))
    label = np.asarray(Image.open(tmp_path / "out" / "labelsTr" / "cju0.png"))
    assert set(np.unique(label)) == {0, 1}
    assert (label == square(1)).mean() > 0.95


def pairs(at, *, grey=False):
    for k in range(3):
        picture(at / "images" / f"p{k}.png", colours(k)[..., 0] if grey else colours(k))
        picture(at / "masks" / f"p{k}_mask.png", square())


def test_a_grey_picture_among_colours_is_written_in_colours(tmp_path):
    pairs(tmp_path / "source")
    picture(tmp_path / "source" / "images" / "p2.png", colours(2)[..., 0])
    done = convert(tmp_path / "source", tmp_path / "out", pairs_layout("images", "masks", {}))
    image = read_image(tmp_path / "out" / "imagesTr" / "p2_0000.png")
    assert (image.array == colours(2)[..., 0]).all()
    assert len(image.array) == 3
    assert "images/p2.png: grey among RGB, written as RGB" in done.rewritten


@pytest.mark.parametrize("ending", [".tif", ".bmp"])
def test_pictures_are_written_again_in_their_own_format(tmp_path, ending):
    pairs(tmp_path / "source")
    for k in range(3):
        file = tmp_path / "source" / "images" / f"p{k}.png"
        with Image.open(file) as found:
            found.save(file.with_suffix(ending))
        file.unlink()
    picture(tmp_path / "source" / "images" / f"p2{ending}", colours(2)[..., 0])
    convert(tmp_path / "source", tmp_path / "out", pairs_layout("images", "masks", {}))
    made = tmp_path / "out" / "imagesTr" / f"p2_0000{ending}"
    with Image.open(made) as found:
        assert found.format == {".tif": "TIFF", ".bmp": "BMP"}[ending]
    assert (read_image(made).array == colours(2)[..., 0]).all()


def test_real_photographs_come_back_as_they_were(tmp_path, shared_data):
    """Laid out as shipped: JPEG-named PNG is not made, so the files are those that we hold."""
    source = shared_data / "isic2017_skin"
    names = sorted(f.name for f in (source / "labelsTr").glob("*.png"))[:6]
    for name in names:
        label = np.asarray(Image.open(source / "labelsTr" / name))
        picture(tmp_path / "s" / "masks" / name.replace(".png", "_segmentation.png"), label * 255)
        Path(tmp_path / "s" / "images").mkdir(exist_ok=True)
        (tmp_path / "s" / "images" / name).write_bytes(
            (source / "imagesTr" / name.replace(".png", "_0000.png")).read_bytes()
        )
    convert(tmp_path / "s", tmp_path / "out", pairs_layout("images", "masks", {"lesion": 255}))
    for name in names:
        made, truth = (read_label(at / "labelsTr" / name) for at in (tmp_path / "out", source))
        assert (made.array == truth.array).all()
        assert (tmp_path / "out" / "imagesTr" / name.replace(".png", "_0000.png")).read_bytes() == (
            source / "imagesTr" / name.replace(".png", "_0000.png")
        ).read_bytes()


def test_real_volumes_come_back_voxel_for_voxel(tmp_path, shared_data):
    """Two sequences of a glioma in one four-dimensional file, as the Decathlon ships them."""
    source = shared_data / "brats2013_glioma"
    names = [f.name[:-7] for f in sorted((source / "labelsTr").glob("*.nii.gz"))[:2]]
    for name in names:
        parts = [nib.load(source / "imagesTr" / f"{name}_000{k}.nii.gz") for k in range(2)]
        stacked = np.stack([np.asarray(p.dataobj) for p in parts], axis=-1)
        volume(tmp_path / "s" / "imagesTr" / f"{name}.nii.gz", stacked, parts[0].affine)
        (tmp_path / "s" / "labelsTr").mkdir(exist_ok=True)
        (tmp_path / "s" / "labelsTr" / f"{name}.nii.gz").write_bytes(
            (source / "labelsTr" / f"{name}.nii.gz").read_bytes()
        )
    facts = json.loads((source / "dataset.json").read_text())
    old = {"modality": facts["channel_names"],
           "labels": {str(v): k for k, v in facts["labels"].items()}}  # fmt: skip
    (tmp_path / "s" / "dataset.json").write_text(json.dumps(old))
    convert(tmp_path / "s", tmp_path / "out", read_layout("msd"))
    made = open_dataset(tmp_path / "out")
    assert made.labels == facts["labels"]
    for case in made.training:
        for k, file in enumerate(case.image_files):
            truth = nib.load(source / "imagesTr" / f"{case.name}_000{k}.nii.gz")
            assert (np.asarray(nib.load(file).dataobj) == np.asarray(truth.dataobj)).all()
            assert np.allclose(nib.load(file).affine, truth.affine)
