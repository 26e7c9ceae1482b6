"""``segscope evaluate`` as a person types it."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from segscope.cli.main import main

DATASET = {
    "channel_names": {"0": "T1"},
    "labels": {"background": 0, "ball": 1},
    "numTraining": 3,
    "file_ending": ".nii.gz",
}


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *(str(word) for word in words)])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return ended.value.code, said.out, said.err


@pytest.fixture
def dataset(tmp_path):
    for folder in ("imagesTr", "labelsTr", "predicted"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dataset.json").write_text(json.dumps(DATASET))
    for k in range(3):
        truth = np.zeros((8, 8, 6), np.uint8)
        truth[2:5, 2:5, 1 + k : 4 + k] = 1
        for name, array in (
            (f"imagesTr/c{k}_0000", truth * 3),
            (f"labelsTr/c{k}", truth),
            (f"predicted/c{k}", np.roll(truth, 1, 1)),
        ):
            nib.save(nib.Nifti1Image(array, np.diag([1, 1, 2, 1])), tmp_path / f"{name}.nii.gz")
    return tmp_path


def test_scores_are_written_and_printed(capsys, dataset):
    out = dataset / "scores" / "here"
    words = [dataset / "predicted", dataset / "labelsTr", "-o", out]
    code, said, _ = call(capsys, *words)
    assert code == 0
    head, ball, *_ = said.splitlines()  # its name is that of the dataset around the truth
    assert head.split()[:2] == ["label", "dice"]
    assert ball.split()[:2] == ["ball", "0.667"]
    assert ball.endswith("3 cases")
    assert "hd95_mm" in head
    assert "lesion_recall" not in said
    assert "lesion_recall" in call(capsys, *words, "--all")[1]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["foreground_mean"]["Dice"] == pytest.approx(2 / 3)
    assert summary["segscope"]["foreground_mean"]["hd_mm"] == 1.0
    with (out / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == ["c0", "c1", "c2"]
    assert float(rows[0]["dice"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("source", ["", "dataset.json"])
def test_labels_get_their_names_from_the_dataset(capsys, dataset, source):
    words = [dataset / "predicted", dataset / "labelsTr", "-o", dataset / "o", "--json"]
    code, said, _ = call(capsys, *words, "--labels", dataset / source)
    assert code == 0
    assert list(json.loads(said)["segscope"]["labels"]) == ["ball"]


def test_a_value_that_the_dataset_does_not_declare_is_refused(capsys, dataset):
    array = np.full((8, 8, 6), 4, np.uint8)
    nib.save(nib.Nifti1Image(array, np.diag([1, 1, 2, 1])), dataset / "predicted" / "c1.nii.gz")
    words = [dataset / "predicted", dataset / "labelsTr", "-o", dataset / "o"]
    code, _, err = call(capsys, *words, "--labels", dataset)
    assert code == 2
    assert "c1.nii.gz" in err
    assert "4" in err
    assert not (dataset / "o").exists()


def test_missing_and_extra_predictions_are_listed_and_the_rest_is_written(capsys, dataset):
    predicted = dataset / "predicted"
    (predicted / "c1.nii.gz").rename(predicted / "other.nii.gz")
    code, _, err = call(capsys, predicted, dataset / "labelsTr", "-o", dataset / "o")
    assert code == 1
    assert "missing predictions, counted as failed: c1" in err
    assert "predictions without truth, not scored: other" in err
    found = json.loads((dataset / "o" / "summary.json").read_text())
    assert found["foreground_mean"]["Dice"] == pytest.approx(2 / 3 * 2 / 3)
    assert (found["segscope"]["missing"], found["segscope"]["extra"]) == (["c1"], ["other"])


def test_a_larger_tolerance_forgives_more(capsys, dataset):
    words = [dataset / "predicted", dataset / "labelsTr", "-o", dataset / "o", "--json"]
    nsd = []
    for tolerance in ("0.5", "1"):
        code, said, _ = call(capsys, *words, "--tolerance-mm", tolerance)
        assert code == 0
        nsd.append(json.loads(said)["segscope"]["foreground_mean"]["nsd"])
    assert nsd[0] < nsd[1] == 1.0


def test_the_challenges_convention(capsys, dataset):
    words = [dataset / "predicted", dataset / "labelsTr", "-o", dataset / "o", "--json"]
    code, said, _ = call(capsys, *words, "--convention", "wmh2017")
    assert code == 0
    found = json.loads(said)["segscope"]
    assert found["conventions"]["convention"] == "wmh2017"
    assert set(found["foreground_mean"]) == {
        "dice", "hd95_mm", "avd_percent", "lesion_recall", "lesion_f1"
    }  # fmt: skip


def test_one_file_against_one(capsys, dataset):
    files = [dataset / folder / "c0.nii.gz" for folder in ("predicted", "labelsTr")]
    assert call(capsys, *files, "-o", dataset / "o")[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--convention", "wmh"], "expected one of default, wmh2017"),
        (["--empty", "zero"], "expected one of nan, one"),
        (["--tolerance-mm", "-1"], "0"),
        (["--labels", "nowhere"], "no such folder"),
    ],
)
def test_bad_choices_are_one_line_and_write_nothing(capsys, dataset, words, said):
    code, _, err = call(
        capsys, dataset / "predicted", dataset / "labelsTr", "-o", dataset / "o", *words
    )
    assert code == 2
    assert said in err
    assert not (dataset / "o").exists()


def test_a_file_in_place_of_the_output_folder_is_refused(capsys, dataset):
    out = dataset / "dataset.json"
    code, _, err = call(capsys, dataset / "predicted", dataset / "labelsTr", "-o", out)
    assert code == 2
    assert "is a file" in err
    assert json.loads(out.read_text()) == DATASET


def test_labels_are_read_from_a_dataset_json_alone(capsys, dataset):
    """As results have one, without images beside it."""
    results = dataset / "results"
    results.mkdir()
    (dataset / "dataset.json").rename(results / "dataset.json")
    code, said, err = call(
        capsys, dataset / "predicted", dataset / "labelsTr", "-o", dataset / "o", "-d", results
    )
    assert code == 0, err
    assert said.splitlines()[1].startswith("ball ")


def test_no_other_file_stands_for_dataset_json(capsys, dataset):
    other = dataset / "dataset_v2.json"
    other.write_text(json.dumps({**DATASET, "labels": {"background": 0, "tumour": 1}}))
    code, _, err = call(
        capsys, dataset / "predicted", dataset / "labelsTr", "-o", dataset / "o", "-d", other
    )
    assert code == 2
    assert "dataset_v2.json: is no dataset.json; name" in err
    assert not (dataset / "o").exists()


def test_truth_is_mapped_as_its_dataset_says_and_predictions_are_not(capsys, dataset):
    for k in range(3):
        file = dataset / "labelsTr" / f"c{k}.nii.gz"
        image = nib.load(file)
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj) * np.uint8(255), image.affine), file)
    mapped = {**DATASET, "label_mapping": {"255": 1}}
    (dataset / "dataset.json").write_text(json.dumps(mapped))
    words = [dataset / "predicted", dataset / "labelsTr", "-o", dataset / "o", "-d", dataset]
    code, said, err = call(capsys, *words, "--json")
    assert code == 0, err
    assert json.loads(said)["foreground_mean"]["Dice"] == pytest.approx(2 / 3)
    nib.save(nib.load(dataset / "labelsTr" / "c0.nii.gz"), dataset / "predicted" / "c0.nii.gz")
    code, _, err = call(capsys, *words)
    assert code == 2
    assert "predicted/c0.nii.gz: has labels that the dataset does not declare: 255" in err
