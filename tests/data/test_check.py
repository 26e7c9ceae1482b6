"""All that is wrong with a dataset, at once."""

import json
import shutil

import numpy as np
import pytest

from segscope.cli.main import main
from segscope.data import check_dataset
from segscope.errors import InputError
from tests.data.checked import SHAPE, image, label, said, store
from tests.synthetic import write_plane_dataset, write_volume_dataset


@pytest.fixture
def volumes(tmp_path):
    return write_volume_dataset(tmp_path / "data", cases=6, shape=SHAPE)


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


def test_copies_within_one_subject_are_no_leak(volumes):
    shutil.copy(image(volumes, "c3"), image(volumes, "c4"))
    rows = "".join(f"c{k},{'same' if k in (3, 4) else k}\n" for k in range(6))
    (volumes / "cases.csv").write_text("case,subject\n" + rows)
    assert check_dataset(volumes).warnings == ()


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
