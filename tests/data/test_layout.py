"""Which files make which case, and what is said where they do not."""

import json

import pytest
from PIL import Image as PillowImage

from segscope.data import (
    check_dataset,
    open_dataset,
    read_image,
    read_label,
    write_image,
)
from segscope.errors import InputError
from tests.synthetic import write_plane_dataset, write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=4, shape=(6, 7, 8))


def change(folder, **facts):
    file = folder / "dataset.json"
    known = json.loads(file.read_text()) | facts
    file.write_text(json.dumps({k: v for k, v in known.items() if v is not None}))


def warned(dataset):
    return "\n".join(map(str, dataset.warnings))


def test_a_dataset_is_read(volumes):
    dataset = open_dataset(volumes)
    assert [case.name for case in dataset.training] == ["c0", "c1", "c2", "c3"]
    assert dataset.training[0].label_file == volumes / "labelsTr" / "c0.nii.gz"
    assert dataset.labels == {"background": 0, "ball": 1, "core": 2}
    assert dataset.channel_names == ("MR",)
    assert dataset.test == dataset.warnings == ()
    assert dataset.name == "data"


def test_all_problems_are_reported_at_once(volumes):
    (volumes / "labelsTr" / "c0.nii.gz").rename(volumes / "labelsTr" / "stranger.nii.gz")
    (volumes / "imagesTr" / "c1_0000.nii.gz").rename(volumes / "imagesTr" / "c1_0001.nii.gz")
    (volumes / "imagesTr" / "c2_0000.nii").write_bytes(b"")
    (volumes / "imagesTr" / "nochannel.nii.gz").write_bytes(b"")
    (volumes / "imagesTr" / "gone_0000.nii.gz").symlink_to(volumes / "nowhere")
    with pytest.raises(InputError) as caught:
        open_dataset(volumes)
    text = str(caught.value)
    for words in (
        "stranger.nii.gz: has no image in imagesTr",
        "c0: has no label labelsTr/c0.nii.gz",
        "expected c1_0000.nii.gz, found c1_0001.nii.gz",
        "c2_0000.nii: is there twice, also as c2_0000.nii.gz",
        "nochannel.nii.gz: has no channel number; name it nochannel_0000.nii.gz",
        "gone_0000.nii.gz: is a link to a file that is not there",
    ):
        assert words in text
    assert len(caught.value.problems) == 6


def test_a_single_problem_is_a_single_line(volumes):
    (volumes / "labelsTr" / "c0.nii.gz").unlink()
    with pytest.raises(InputError, match=r"imagesTr/c0: has no label") as caught:
        open_dataset(volumes)
    assert "\n" not in str(caught.value)
    assert caught.value.problems == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"labels": {"background": 0, "x": 2}}, "without gaps"),
        ({"labels": {"background": 0}}, "two at least"),
        ({"labels": {"background": 0, "x": [1, 2]}}, r"\['x'\] are regions"),
        ({"labels": {"background": 0, "x": 1.5}}, r"\{'x': 1.5\} are not whole"),
        ({"labels": {"background": 0, "x": True}}, "not whole"),
        ({"labels": {"background": 0, "x": 1, "ignore": 2}}, "'ignore' label"),
        ({"labels": None}, "labels is missing"),
        ({"channel_names": None}, "channel_names is missing"),
        ({"channel_names": {"1": "T1"}}, r"expected \['0'\]"),
        ({"file_ending": ".dat"}, "file_ending '.dat'"),
        ({"file_ending": 7}, "file_ending 7"),
    ],
)
def test_a_description_that_is_not_usable_is_named(volumes, facts, words):
    change(volumes, **facts)
    with pytest.raises(InputError, match=words):
        open_dataset(volumes)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"is missing; write it as nnU-Net v2 does, e.g. \{\"channel_names\""),
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[1]", "holds a list"),
    ],
)
def test_a_description_that_cannot_be_read_is_named(volumes, content, words):
    file = volumes / "dataset.json"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=words):
        open_dataset(volumes)


def test_the_first_version_of_the_layout_is_understood(volumes):
    change(volumes, labels={"0": "background", "1": "a", "2": "b"}, channel_names=None)
    change(volumes, modality={"0": "MRI"}, file_ending=None)
    dataset = open_dataset(volumes)
    assert dataset.labels == {"background": 0, "a": 1, "b": 2}
    assert dataset.channel_names == ("MRI",)


def test_labels_are_sorted_by_value_and_may_be_written_as_text(volumes):
    change(volumes, labels={"core": "2", "ball": "1", "background": "0"})
    assert list(open_dataset(volumes).labels.items()) == [
        ("background", 0),
        ("ball", 1),
        ("core", 2),
    ]


def test_subjects_come_from_the_table(volumes):
    (volumes / "cases.csv").write_text("case,probable_subject\nc0,s1\nc1,s1\nc2,\nelse,s9\n")
    dataset = open_dataset(volumes)
    assert [case.group for case in dataset.training] == ["s1", "s1", "c2", "c3"]
    assert "rows for unknown cases: else" in warned(dataset)
    assert "each counts as its own: c2, c3" in warned(dataset)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"case,subject\nc0,a\nc0,b\n", "gives case c0 two subjects, 'a' and 'b'"),
        (b"case,subject\n\xff\xfe,a\n", "cannot be read as CSV"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(volumes, table, words):
    (volumes / "cases.csv").write_bytes(table)
    with pytest.raises(InputError, match=words):
        open_dataset(volumes)


def test_odd_counts_and_doubled_names_are_warnings(volumes):
    change(volumes, numTraining=7)
    (volumes / "imagesTs").mkdir()
    (volumes / "imagesTs" / "c3_0000.nii.gz").write_bytes(b"x")
    (volumes / "cases.csv").write_text("case,age\nc0,4\n")
    said = warned(open_dataset(volumes))
    assert "numTraining says 7, imagesTr has 4" in said
    assert "in imagesTr and in imagesTs: c3" in said
    assert "has no columns case and subject" in said


def test_one_rgb_file_stands_for_three_channels_and_for_no_other_number(shared_data, tmp_path):
    dataset = open_dataset(shared_data / "isic2017_skin")
    assert len(dataset.training) == 140
    assert all(len(case.image_files) == 1 for case in dataset.training)
    for name in ("imagesTr", "labelsTr"):
        (tmp_path / name).symlink_to(shared_data / "isic2017_skin" / name)
    (tmp_path / "dataset.json").write_bytes(
        (shared_data / "isic2017_skin" / "dataset.json").read_bytes()
    )
    change(tmp_path, channel_names={"0": "a", "1": "b"})
    with pytest.raises(InputError) as caught:
        open_dataset(tmp_path)
    assert len(caught.value.problems) == 140


def test_a_folder_that_is_not_there_is_said():
    with pytest.raises(InputError, match="no such folder"):
        open_dataset("nowhere")


@pytest.fixture
def planes(tmp_path):
    return write_plane_dataset(tmp_path / "planes", cases=3, shape=(8, 9))


def as_jpeg(folder, parts=("imagesTr",)):
    for part in parts:
        for file in sorted((folder / part).glob("*.png")):
            PillowImage.open(file).save(file.with_suffix(".jpg"), quality=95)
            file.unlink()
    change(folder, file_ending=".jpg")


def relabel(folder, ending, names=("p0", "p1", "p2")):
    for name in names:
        file = folder / "labelsTr" / f"{name}.png"
        PillowImage.open(file).save(file.with_suffix(ending))
        file.unlink()


def test_labels_beside_jpeg_have_an_exact_ending_of_their_own(planes):
    as_jpeg(planes)
    dataset = open_dataset(planes)
    assert (dataset.file_ending, dataset.label_file_ending) == (".jpg", ".png")
    assert [c.label_file.name for c in dataset.training] == ["p0.png", "p1.png", "p2.png"]
    assert dataset.warnings == ()
    report = check_dataset(planes)
    assert (report.problems, report.warnings) == ((), ())
    assert report.fingerprint.label_voxels[1] > 0


@pytest.mark.parametrize("ending", [".tif", ".tiff", ".bmp"])
def test_any_exact_ending_will_do_beside_jpeg(planes, ending):
    as_jpeg(planes)
    relabel(planes, ending)
    assert open_dataset(planes).label_file_ending == ending
    assert check_dataset(planes).problems == ()


def test_an_ending_of_labels_is_taken_as_it_is_said(planes):
    relabel(planes, ".tif")
    with pytest.raises(InputError, match=r'or write "label_file_ending": ".tif" where all labels'):
        open_dataset(planes)
    change(planes, label_file_ending=".tif")
    dataset = open_dataset(planes)
    assert [c.label_file.name for c in dataset.training] == ["p0.tif", "p1.tif", "p2.tif"]
    assert check_dataset(planes).problems == ()


def test_volumes_of_one_kind_may_have_labels_of_another(volumes):
    for file in sorted((volumes / "imagesTr").glob("*.nii.gz")):
        image = read_image(file)
        write_image(file.with_name(file.name.replace(".nii.gz", ".nrrd")), image)
        file.unlink()
    change(volumes, file_ending=".nrrd", label_file_ending=".nii.gz")
    assert len(open_dataset(volumes).training) == 4
    assert check_dataset(volumes).problems == ()


def test_labels_in_jpeg_are_refused_as_such(planes):
    as_jpeg(planes, ("imagesTr", "labelsTr"))
    with pytest.raises(InputError) as caught:
        open_dataset(planes)
    assert "p0.jpg: is a label map in .jpg, whose compression changes labels" in str(caught.value)
    assert "save the original label map as .png" in str(caught.value)
    with pytest.raises(InputError, match="JPEG, which changes labels"):
        read_label(planes / "labelsTr" / "p0.jpg")


LABEL_ENDINGS = {
    "mixed": (lambda f: relabel(f, ".tif", ["p1"]), "p1.tif: has the ending .tif; beside images"),
    "twice": (
        lambda f: (f / "labelsTr/p0.tif").write_bytes(b""),
        "p0.tif: is there twice, also as p0.png; beside images",
    ),
    "none": (
        lambda f: [file.unlink() for file in (f / "labelsTr").iterdir()],
        "p0: has no label labelsTr/p0.png",
    ),
    "not exact": (lambda f: change(f, label_file_ending=".jpg"), "changes labels"),
    "of volumes": (lambda f: change(f, label_file_ending=".nii.gz"), "is for volumes"),
    "without dot": (lambda f: change(f, label_file_ending="png"), 'write ".png"'),
    "unknown": (lambda f: change(f, label_file_ending=".xyz"), "label_file_ending '.xyz'"),
}


@pytest.mark.parametrize(("make", "words"), LABEL_ENDINGS.values(), ids=LABEL_ENDINGS)
def test_labels_of_other_endings_are_named(planes, make, words):
    as_jpeg(planes)
    make(planes)
    with pytest.raises(InputError) as caught:
        open_dataset(planes)
    assert words in str(caught.value)
