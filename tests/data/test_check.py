"""All that is wrong with a dataset, at once."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from segscope.cli.main import main
from segscope.data import check_dataset
from segscope.errors import InputError
from tests.synthetic import write_plane_dataset, write_volume_dataset

AFFINE = np.diag([1.0, 1.0, 1.5, 1.0])
SHAPE = (12, 14, 10)


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=6, shape=SHAPE)


def image(folder, name):
    return folder / "imagesTr" / f"{name}_0000.nii.gz"


def label(folder, name):
    return folder / "labelsTr" / f"{name}.nii.gz"


def store(file, array, affine=AFFINE):
    nib.save(nib.Nifti1Image(array, affine), file)


def said(items, name):
    return [f"{item.fault}; {item.remedy}" for item in items if item.case == name]


def test_a_good_dataset_has_neither_problems_nor_warnings(volumes):
    report = check_dataset(volumes)
    assert report.problems == report.warnings == ()
    assert report.fingerprint.cases == ("c0", "c1", "c2", "c3", "c4", "c5")


def test_every_bad_file_is_named_and_the_others_are_measured(volumes):
    image(volumes, "c1").write_bytes(b"broken")
    label(volumes, "c1").write_bytes(b"")
    store(label(volumes, "c2"), np.full(SHAPE, 7, np.uint8))
    label(volumes, "c3").unlink()
    bad = np.zeros(SHAPE, np.float32)
    bad[0, 0, 1] = np.inf
    store(image(volumes, "c4"), bad)
    report = check_dataset(volumes)
    found = {(p.case, p.file.rsplit("/", 1)[1]): p for p in report.problems}
    assert set(found) == {
        ("c1", "c1_0000.nii.gz"),
        ("c1", "c1.nii.gz"),
        ("c2", "c2.nii.gz"),
        ("c3", "c3"),
        ("c4", "c4_0000.nii.gz"),
    }
    assert "not gzip" in found["c1", "c1_0000.nii.gz"].fault
    assert "7 (1680 voxels)" in found["c2", "c2.nii.gz"].fault
    assert "NaN or infinite" in found["c4", "c4_0000.nii.gz"].fault
    assert all(problem.remedy for problem in report.problems)
    assert report.fingerprint.cases == ("c0", "c5")


def test_nothing_usable_leaves_no_fingerprint(volumes):
    for file in (volumes / "imagesTr").iterdir():
        file.write_bytes(b"x")
    report = check_dataset(volumes)
    assert len(report.problems) == 6
    assert report.fingerprint is None


def test_flat_images_and_empty_labels_are_warnings(volumes):
    store(image(volumes, "c0"), np.zeros(SHAPE, np.int16))
    store(image(volumes, "c1"), np.full(SHAPE, 7, np.int16))
    store(label(volumes, "c2"), np.zeros(SHAPE, np.uint8))
    report = check_dataset(volumes)
    assert report.problems == ()
    assert said(report.warnings, "c0")[0].startswith("channel 0 is zero everywhere")
    assert said(report.warnings, "c1")[0].startswith("channel 0 is constant (7)")
    assert said(report.warnings, "c2")[0].startswith("has no foreground")
    assert len(report.warnings) == 3


def test_a_label_outside_the_body_is_suspicious(volumes):
    array = np.zeros(SHAPE, np.int16)
    array[:2, :2, :2] = 100
    store(image(volumes, "c3"), array)
    (text,) = said(check_dataset(volumes).warnings, "c3")
    assert text.startswith("100 % of its foreground lies where every channel has its lowest value")


def test_cases_unlike_the_others_are_warnings(volumes):
    turned = np.diag([-1.0, 1.0, 1.5, 1.0])
    wide = np.diag([1.0, 1.0, 6.0, 1.0])
    for name, affine in (("c1", turned), ("c2", wide)):
        for file in (image(volumes, name), label(volumes, name)):
            store(file, np.asarray(nib.load(file).dataobj), affine)
    shutil.copy(image(volumes, "c3"), image(volumes, "c4"))
    report = check_dataset(volumes)
    assert report.problems == ()
    assert "has the axes LAS, most images have RAS" in said(report.warnings, "c1")[0]
    assert (
        "spacing 1 x 1 x 6 mm is far from the usual 1 x 1 x 1.5 mm"
        in (said(report.warnings, "c2")[0])
    )
    assert "has the same voxels as c4" in said(report.warnings, "c3")[0]
    assert len(report.warnings) == 3


def test_copies_within_one_subject_are_no_leak(volumes):
    shutil.copy(image(volumes, "c3"), image(volumes, "c4"))
    rows = "".join(f"c{k},{'same' if k in (3, 4) else k}\n" for k in range(6))
    (volumes / "cases.csv").write_text("case,subject\n" + rows)
    assert check_dataset(volumes).warnings == ()


def test_swapped_channels_are_suspicious(tmp_path):
    folder = write_volume_dataset(tmp_path / "data", cases=8, shape=SHAPE)
    facts = json.loads((folder / "dataset.json").read_text())
    facts["channel_names"] = {"0": "T1", "1": "T2"}
    (folder / "dataset.json").write_text(json.dumps(facts))
    rng = np.random.default_rng(0)
    for k in range(8):
        levels = (100, 500) if k != 5 else (500, 100)
        for channel, level in enumerate(levels):
            array = rng.normal(level + 2 * k, 5, SHAPE).astype(np.float32)
            store(folder / "imagesTr" / f"c{k}_{channel:04d}.nii.gz", array)
    report = check_dataset(folder)
    (text,) = said(report.warnings, "c5")
    assert text.startswith("its channels look like T2, T1 of the other cases")
    assert len(report.warnings) == 1


def test_an_absent_label_is_said(volumes):
    for file in (volumes / "labelsTr").iterdir():
        array = np.asarray(nib.load(file).dataobj)
        store(file, np.minimum(array, 1))
    (warning,) = check_dataset(volumes).warnings
    assert warning.fault == "label 2 (core) does not occur in any case"


def test_the_number_of_threads_changes_nothing(volumes):
    image(volumes, "c1").write_bytes(b"broken")
    store(image(volumes, "c4"), np.zeros(SHAPE, np.int16))
    assert check_dataset(volumes, workers=1) == check_dataset(volumes, workers=3)


def test_test_images_are_read_too(volumes):
    (volumes / "imagesTs").mkdir()
    (volumes / "imagesTs" / "t_0000.nii.gz").write_bytes(b"broken")
    store(volumes / "imagesTs" / "u_0000.nii.gz", np.full(SHAPE, 3, np.int16))
    report = check_dataset(volumes)
    (problem,) = report.problems
    assert problem.case == "t"
    assert said(report.warnings, "u") == ["channel 0 is constant (3); look at the image"]


def test_plane_images_are_checked(tmp_path):
    report = check_dataset(write_plane_dataset(tmp_path / "data"))
    assert report.problems == report.warnings == ()
    assert report.fingerprint.image_dims == 2


def test_a_folder_that_is_not_there_is_an_error():
    with pytest.raises(InputError, match="no such folder"):
        check_dataset("nowhere")


def run(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["data", "check", *map(str, words)])
    return ended.value.code, capsys.readouterr()


def test_the_command_says_it_in_words_and_in_json(volumes, tmp_path, capsys):
    code, printed = run(capsys, volumes)
    assert code == 0
    assert "0 problems, 0 warnings" in printed.out
    assert "median spacing mm" in printed.out
    evil = "[bold]x\x1b[2J"
    image(volumes, "c1").rename(image(volumes, evil))
    label(volumes, "c1").rename(label(volumes, evil))
    image(volumes, evil).write_bytes(b"")
    code, printed = run(capsys, volumes, "-o", tmp_path / "report.json")
    assert code == 2
    assert "[bold]x\\x1b[2J_0000.nii.gz" in printed.out
    assert "\x1b" not in printed.out
    assert "is empty (0 bytes)" in printed.out
    assert "copy it again" in printed.out
    code, printed = run(capsys, volumes, "--json")
    assert code == 2
    assert json.loads(printed.out) == json.loads((tmp_path / "report.json").read_text())
    (problem,) = json.loads(printed.out)["problems"]
    assert set(problem) == {"file", "fault", "remedy", "case"}
    assert run(capsys, tmp_path / "nowhere")[0] == 2


@pytest.mark.parametrize("name", ["busi_breast_us", "openms_ms_newlesions", "fuseg_foot_ulcer"])
def test_real_datasets_have_no_problem(shared_data, name):
    report = check_dataset(shared_data / name)
    assert report.problems == ()
    assert report.fingerprint is not None


def test_damage_in_real_files_is_found(shared_data, tmp_path):
    source = shared_data / "hippocampus"
    for part in ("imagesTr", "labelsTr"):
        (tmp_path / part).mkdir()
        for file in sorted((source / part).iterdir())[:10]:
            (tmp_path / part / file.name).symlink_to(file)
    shutil.copy(source / "dataset.json", tmp_path)
    assert check_dataset(tmp_path).problems == ()
    for number, file in enumerate(sorted((tmp_path / "imagesTr").iterdir())[:5]):
        raw = bytearray(file.read_bytes())
        raw[len(raw) // 2] ^= 1 << number
        file.unlink()
        file.write_bytes(bytes(raw))
    report = check_dataset(tmp_path)
    assert len(report.problems) == 5
    assert len(report.fingerprint.cases) == 5


def unlike(folder, name="c2"):
    report = check_dataset(folder)
    assert report.problems == ()
    odd = [w for w in report.warnings if "channel" in w.fault or "modality" in w.fault]
    assert {w.case for w in odd} <= {name}, odd
    return "; ".join(w.fault for w in odd)


def change(folder, name, how):
    found = nib.load(image(folder, name))
    store(image(folder, name), how(np.asarray(found.dataobj, np.float64)), found.affine)


CHANGES = {
    "thousandfold": (lambda a: a * 1000, "has values about"),
    "tenfold": (lambda a: a * 10, "has values about"),
    "a thousandth": (lambda a: a / 1000, "times smaller"),
    "offset": (lambda a: a - 1024, "another offset"),
    "inverted": (lambda a: a.max() + a.min() - a, "inverted"),
    "another kind": (
        lambda a: np.where(a > np.median(a), a.max(), a.min()),
        "another distribution",
    ),
}


@pytest.mark.parametrize(("how", "word"), CHANGES.values(), ids=CHANGES.keys())
def test_one_image_that_is_unlike_the_others_is_named(tmp_path, how, word):
    folder = write_volume_dataset(tmp_path / "data", cases=12, shape=SHAPE)
    assert unlike(folder) == ""
    change(folder, "c2", how)
    assert word in unlike(folder)


@pytest.mark.parametrize("cases", [2, 3, 4])
def test_of_few_cases_only_what_is_plain_is_named(tmp_path, cases):
    folder = write_volume_dataset(tmp_path / "data", cases=cases, shape=SHAPE)
    change(folder, "c1", lambda a: a * 10)
    assert unlike(folder, "c1") == ""
    change(folder, "c1", lambda a: a * 100)
    assert "times larger than the other cases" in unlike(folder, "c1")


def test_units_of_all_sizes_are_no_outliers(tmp_path):
    folder = write_volume_dataset(tmp_path / "data", cases=12, shape=SHAPE)
    for k in range(12):
        change(folder, f"c{k}", lambda a, k=k: a * 10 ** (k / 3))
    assert unlike(folder) == ""


@pytest.mark.parametrize(
    "name",
    ["brats2013_glioma", "fuseg_foot_ulcer", "hc18_fetal_head", "openms_ms_lesions",
     "openms_ms_newlesions", "hippocampus"],
)  # fmt: skip
def test_real_datasets_have_no_image_that_is_unlike_the_others(shared_data, name):
    report = check_dataset(shared_data / name)
    assert not [w for w in report.warnings if "channel" in w.fault and "than the other" in w.fault]
    assert not [w for w in report.warnings if "inverted" in w.fault]
