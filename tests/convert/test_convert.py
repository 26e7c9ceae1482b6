"""Downloads become datasets: every layout, whole and broken, bit for bit where nothing changes."""

import json
import os
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from PIL import Image

from segscope.convert import convert, describe_folder, layout_names, pairs_layout, read_layout
from segscope.convert.journal import Journal
from segscope.convert.layout import make_layout
from segscope.data import check_dataset, open_dataset, read_image, read_label
from segscope.errors import InputError
from tests.commands import call
from tests.convert.trees import SHAPE, TREES, colours, isic, mask, picture, square, volume


def voxels(file):
    return np.asarray(nib.load(file).dataobj)


@pytest.mark.parametrize("name", layout_names())
def test_every_layout_makes_a_dataset_of_its_tree(tmp_path, name):
    TREES[name](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout(name))
    assert done.training == (3 if name == "busi" else 2)
    assert done.unexpected == ()
    report = check_dataset(tmp_path / "out")
    assert report.problems == ()
    cases = open_dataset(tmp_path / "out").training
    assert [len(read_label(case.label_file).array) for case in cases]
    assert not (tmp_path / "out" / ".conversion").exists()
    record = json.loads((tmp_path / "out" / "conversion.json").read_text())
    assert record["layout"] == name
    assert all(len(value) == 64 for value in record["sources"].values())


@pytest.mark.parametrize("name", layout_names())
def test_a_layout_does_not_pass_over_a_missing_mask_or_a_stray_file(tmp_path, name):
    TREES[name](tmp_path / "source")
    (tmp_path / "source" / "stray.bin").write_bytes(b"x")
    (tmp_path / "source" / "stray.nii.gz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"2 files belong to no case: stray\.bin"):
        convert(tmp_path / "source", tmp_path / "out", read_layout(name))
    for file in (tmp_path / "source").glob("stray*"):
        file.unlink()
    words = ("seg", "mask", "label", "gt", "Segm", "Annotation", "wmh", "msk", "dseg")
    folders = ("labelsTr", "labels", "masks", "segmentations", "Lung_and_Infection_Mask")
    masks = [
        f
        for f in sorted((tmp_path / "source").rglob("*"))
        if f.is_file()
        and not f.name.startswith("._")
        and (any(w in f.name for w in words) or f.parent.name in folders)
    ]
    for file in masks[: 2 if name == "totalsegmentator" else 1]:
        file.unlink()
    with pytest.raises(InputError, match="has no label"):
        convert(tmp_path / "source", tmp_path / "out", read_layout(name))
    assert not (tmp_path / "out").exists()


def test_what_nothing_changes_is_the_sources_bytes(tmp_path):
    isic(tmp_path / "source")
    convert(tmp_path / "source", tmp_path / "out", read_layout("isic"))
    made = (tmp_path / "out" / "imagesTr" / "ISIC_0000001_0000.jpg").read_bytes()
    assert made == (tmp_path / "source" / "ISIC_Data" / "ISIC_0000001.jpg").read_bytes()
    label = np.asarray(Image.open(tmp_path / "out" / "labelsTr" / "ISIC_0000001.png"))
    assert (label == square(1)).all()


def test_links_share_their_bytes(tmp_path):
    TREES["lits"](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("lits"), link=True)
    made = tmp_path / "out" / "imagesTr" / "liver_28_0000.nii"
    assert os.path.samefile(made, tmp_path / "source" / "Training Batch 2" / "volume-28.nii")
    assert done.rewritten == ()


def test_values_become_consecutive_in_the_layouts_order(tmp_path):
    TREES["mmwhs"](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("mmwhs"))
    label = voxels(tmp_path / "out" / "labelsTr" / "ct_1001.nii.gz")
    # 500 is the first label, 600 the second, and a stray 421 means 420, the third
    assert [int(label[k, 1, 1]) for k in (1, 2, 3)] == [1, 2, 3]
    assert done.labels["pulmonary_artery"] == 7


def test_other_pathology_is_background_and_the_centre_is_kept(tmp_path):
    TREES["wmh2017"](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("wmh2017"))
    assert set(np.unique(voxels(tmp_path / "out" / "labelsTr" / "GE3T_100.nii.gz"))) == {0, 1}
    table = (tmp_path / "out" / "cases.csv").read_text().splitlines()
    assert table == ["case,subject,centre,id", "GE3T_100,GE3T_100,GE3T,100",
                     "Utrecht_0,Utrecht_0,Utrecht,0"]  # fmt: skip
    assert done.subjects == 2


def test_four_dimensions_are_cut_into_their_volumes(tmp_path):
    TREES["msd"](tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("msd"))
    whole = nib.load(tmp_path / "source" / "imagesTr" / "pancreas_001.nii.gz")
    for k in range(2):
        part = nib.load(tmp_path / "out" / "imagesTr" / f"pancreas_001_000{k}.nii.gz")
        assert part.shape == SHAPE
        assert (np.asarray(part.dataobj) == np.asarray(whole.dataobj)[..., k]).all()
        assert (part.affine == whole.affine).all()
    assert done.channels == ("T2", "ADC")
    assert done.test == 1
    assert (tmp_path / "out" / "imagesTs" / "pancreas_003_0001.nii.gz").is_file()


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


def test_one_mask_per_class_becomes_one_map(tmp_path):
    for name in ("s0001", "s0002"):
        volume(tmp_path / "source" / name / "ct.nii.gz")
        for k, organ in enumerate(("liver", "spleen")):
            array = np.zeros(SHAPE, np.uint8)
            array[k : k + 2, 1, 1] = 1
            volume(tmp_path / "source" / name / "segmentations" / f"{organ}.nii.gz", array)
    layout = make_layout(
        {
            "name": "organs",
            "case": "{case}/ct.nii.gz",
            "channels": {"CT": "{case}/ct.nii.gz"},
            "per_class": {
                organ: f"{{case}}/segmentations/{organ}.nii.gz" for organ in ("liver", "spleen")
            },
        },
        "test",
    )
    done = convert(tmp_path / "source", tmp_path / "out", layout)
    label = voxels(tmp_path / "out" / "labelsTr" / "s0001.nii.gz")
    assert label[:3, 1, 1].tolist() == [1, 2, 2]
    assert any("1 voxels were another class before; spleen is kept" in n for n in done.rewritten)


def test_unknown_values_are_named_with_their_file(tmp_path):
    TREES["lits"](tmp_path / "source")
    mask(tmp_path / "source" / "Training Batch 1" / "segmentation-0.nii", 1, 7)
    with pytest.raises(InputError, match=r"segmentation-0\.nii: holds 7, which no label"):
        convert(tmp_path / "source", tmp_path / "out", read_layout("lits"))
    assert not (tmp_path / "out" / "dataset.json").exists()


def test_a_conversion_that_was_stopped_goes_on(tmp_path, monkeypatch):
    TREES["lits"](tmp_path / "source")
    from segscope.convert.files import place_images as real

    module = sys.modules["segscope.convert.convert"]
    placed = []

    def stops(case, *rest):
        if placed:
            raise KeyboardInterrupt
        placed.append(case.name)
        return real(case, *rest)

    monkeypatch.setattr(module, "place_images", stops)
    with pytest.raises(KeyboardInterrupt):
        convert(tmp_path / "source", tmp_path / "out", read_layout("lits"))
    again = []
    monkeypatch.setattr(
        module, "place_images", lambda case, *rest: again.append(case.name) or real(case, *rest)
    )
    done = convert(tmp_path / "source", tmp_path / "out", read_layout("lits"))
    assert again == ["liver_28"]
    assert done.training == 2
    with pytest.raises(InputError, match="out"):  # a dataset is there now
        convert(tmp_path / "source", tmp_path / "out", read_layout("lits"))


def test_a_line_of_the_journal_that_was_cut_off_counts_as_none(tmp_path):
    file = tmp_path / "done.jsonl"
    with Journal(file) as journal:
        journal.add("a", ["x: y"])
        journal.add("b", [])
    assert Journal(file).notes == {"a": ["x: y"], "b": []}
    file.write_bytes(file.read_bytes()[:-3])
    assert Journal(file).notes == {"a": ["x: y"]}


def test_another_conversion_never_goes_on_with_this_one(tmp_path):
    TREES["lits"](tmp_path / "source")
    mask(tmp_path / "source" / "Training Batch 1" / "segmentation-0.nii", 1, 7)
    with pytest.raises(InputError):
        convert(tmp_path / "source", tmp_path / "out", read_layout("lits"))
    changed = read_layout("lits", {"labels": {"liver": 1, "tumour": 2, "cyst": 7}})
    with pytest.raises(InputError, match="another conversion was begun here"):
        convert(tmp_path / "source", tmp_path / "out", changed)


def test_many_at_a_time_make_the_same(tmp_path):
    TREES["brats2018"](tmp_path / "source")
    for jobs in (1, 2):
        convert(tmp_path / "source", tmp_path / f"out{jobs}", read_layout("brats2018"), jobs=jobs)
    one, two = (
        {f.relative_to(tmp_path / f"out{k}"): f.read_bytes()
         for f in sorted((tmp_path / f"out{k}").rglob("*Tr/*"))}
        for k in (1, 2)
    )  # fmt: skip
    assert one == two
    assert len(one) == 2 * 5


def pairs(at, *, grey=False):
    for k in range(3):
        picture(at / "images" / f"p{k}.png", colours(k)[..., 0] if grey else colours(k))
        picture(at / "masks" / f"p{k}_mask.png", square())


def test_folders_of_pairs(tmp_path):
    pairs(tmp_path / "source")
    done = convert(tmp_path / "source", tmp_path / "out", pairs_layout("images", "masks", {}))
    assert done.channels == ("R", "G", "B")
    assert done.labels == {"background": 0, "foreground": 1}
    grey = tmp_path / "grey"
    pairs(grey, grey=True)
    assert convert(grey, tmp_path / "out2", pairs_layout("images", "masks", {})).channels == (
        "image",
    )


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


def test_two_files_of_one_name_are_no_case(tmp_path):
    pairs(tmp_path / "source")
    picture(tmp_path / "source" / "images" / "p0.jpg", colours(0))
    with pytest.raises(InputError, match=r"would be case p0, as images/p0\.jpg is"):
        convert(tmp_path / "source", tmp_path / "out", pairs_layout("images", "masks", {}))


def test_masks_of_grey_levels_want_a_threshold(tmp_path):
    pairs(tmp_path / "source")
    noise = np.random.default_rng(0).integers(0, 255, (8, 9))
    picture(tmp_path / "source" / "masks" / "p0_mask.png", noise)
    with pytest.raises(InputError, match=r"--label background=0\.\.127"):
        convert(tmp_path / "source", tmp_path / "out", pairs_layout("images", "masks", {}))


def test_a_folder_that_is_no_dataset_is_described_with_its_command(tmp_path):
    pairs(tmp_path / "source")
    said = describe_folder(tmp_path / "source")
    assert said is not None
    assert said.startswith("3 images in images, 3 masks in masks: segscope data convert")
    isic(tmp_path / "isic")
    assert "--layout isic" in str(describe_folder(tmp_path / "isic"))
    (tmp_path / "empty").mkdir()
    assert describe_folder(tmp_path / "empty") is None


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"case": "images/a.png"}, "expected a pattern with a field"),
        ({"case": "/abs/{case}.png"}, "expected a path below the source"),
        ({"case": "../{case}.png"}, "expected a path below the source"),
        ({"case": "{case:(a)}.png"}, "holds a group"),
        ({"case": "{case}.png", "subject": "person"}, "person is no field"),
        ({"case": "{case}.png", "labels": {"a": 1, "b": [1, 2]}}, "both stand for 1"),
        ({"case": "{case}.png", "labels": {"a": True}}, "expected a number"),
        ({"case": "{case}.png", "colour": 1}, "Extra inputs"),
        ({"case": "{case}.png", "numbered": "{case}.png"}, "expected {channel}"),
    ],
    ids=["no field", "absolute", "above", "group", "subject", "shared", "true", "extra", "number"],
)
def test_layouts_that_are_wrong_say_where(facts, said):
    with pytest.raises(InputError) as error:
        make_layout({"name": "x", **facts}, "x.yaml")
    assert said in str(error.value)


def test_a_layout_of_ones_own_is_a_file(tmp_path, capsys):
    pairs(tmp_path / "source")
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump({
        "case": "images/{case}.png", "label": "masks/{case}_mask.png", "labels": {"spot": 255},
    }))  # fmt: skip
    code, out, err = call(capsys, "data", "convert", tmp_path / "source", "-o", tmp_path / "out",
                          "--layout", own)  # fmt: skip
    assert code == 0
    assert "3 labelled cases, 0 without label" in out
    assert "labels: 0 background, 1 spot" in out
    assert "checked, no problem" in err


def test_the_command_lists_shows_and_refuses(tmp_path, capsys):
    code, out, _ = call(capsys, "data", "convert", "--list")
    assert code == 0
    assert "busi" in out
    code, out, _ = call(capsys, "data", "convert", "--show", "isic")
    assert code == 0
    assert yaml.safe_load(out)["labels"] == {"skin_lesion": 255}
    for words, said in (
        ([], "SOURCE and -o are needed"),
        (["x", "-o", "y"], "name the folders by --images and --masks"),
        (["x", "-o", "y", "--layout", "no"], "neither a file nor one of acdc"),
        (["x", "-o", "y", "--images", "a"], "--images belongs together with either"),
        (["x", "-o", "y", "--images", "a", "--masks", "b", "--label", "z"], "expected NAME=VALUE"),
        (["x", "-o", "y", "--layout", "isic"], "no such folder"),
    ):
        code, _, err = call(capsys, "data", "convert", *words)
        assert code == 2
        assert said in err


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
