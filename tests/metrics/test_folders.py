"""Folders of predictions: means that hide nothing, missing ones, names, grids, conventions."""

import csv
import io
import json
import math
from statistics import mean

import nibabel as nib
import numpy as np
import pytest

from segscope.data import json_ready, read_label
from segscope.errors import InputError
from segscope.metrics import HIGHER_IS_BETTER, wmh2017
from tests.metrics.scored import LABELS, SHAPE, evaluate, score, write


def table(summary):
    return {row["case"]: row for row in csv.DictReader(io.StringIO(summary.to_csv()))}


@pytest.mark.parametrize("convention", ["default", "wmh2017"])
def test_a_model_that_predicts_nothing_is_worst_in_every_mean(folders, convention):
    found = [evaluate(folders, kind, convention=convention) for kind in ("none", "good")]
    nothing, something = (summary.foreground_mean for summary in found)
    assert set(nothing) == set(something) <= set(HIGHER_IS_BETTER)
    for name, higher in HIGHER_IS_BETTER.items():
        if name in nothing:
            worse = nothing[name] < something[name] if higher else nothing[name] > something[name]
            assert worse, name
    assert nothing["hd95_mm"] == pytest.approx(math.hypot(*SHAPE))


@pytest.mark.parametrize("convention", ["default", "wmh2017"])
def test_leaving_a_bad_case_out_never_helps(folders, convention):
    whole = evaluate(folders, "good", convention=convention).foreground_mean
    write(folders / "good" / "c1.nii.gz", np.zeros(SHAPE))
    emptied = evaluate(folders, "good", convention=convention).foreground_mean
    (folders / "good" / "c1.nii.gz").unlink()
    missing = evaluate(folders, "good", convention=convention).foreground_mean
    for name, higher in HIGHER_IS_BETTER.items():
        if name in whole:
            for worse in (emptied, missing):
                assert worse[name] < whole[name] if higher else worse[name] > whole[name], name


def test_a_model_that_answers_nothing_at_all_has_the_worst_of_all_values(folders):
    for file in (folders / "none").iterdir():
        file.unlink()
    found = evaluate(folders, "none")
    assert found.missing == ("c0", "c1", "c2", "c3")
    diagonal = math.hypot(*SHAPE)
    for name, value in found.foreground_mean.items():
        if HIGHER_IS_BETTER[name]:
            assert value == 0, name
        elif name == "avd_percent":
            assert value == 100
        else:
            assert value == pytest.approx(diagonal), name


def test_a_missing_prediction_is_listed_and_counts_as_failed(folders):
    whole = evaluate(folders, "good")
    (folders / "good" / "c0.nii.gz").unlink()
    (folders / "good" / "extra.nii.gz").write_bytes(b"")
    found = evaluate(folders, "good")
    assert (found.missing, found.extra) == (("c0",), ("extra",))
    dice = found.by_label["lesion"]["dice"]
    others = [r["dice"] for r in whole.rows if r["case"] in ("c1", "c2")]
    assert dice["mean"] == pytest.approx(sum(others) / 3)
    assert (dice["n"], dice["undefined"], dice["missing"], dice["empty_in_truth"]) == (3, 1, 1, 1)
    assert (table(found)["c0"]["status"], table(found)["c0"]["hd_mm"]) == ("missing", "inf")


def test_the_summary_has_nnunets_keys_and_no_nan(folders):
    found = json.loads(json.dumps(json_ready(evaluate(folders, "good").to_dict()), allow_nan=False))
    case = found["metric_per_case"][0]
    assert set(found) >= {"foreground_mean", "mean", "metric_per_case"}
    assert set(case["metrics"]["1"]) >= {"Dice", "IoU", "TP", "FP", "FN", "TN", "n_pred", "n_ref"}
    assert case["reference_file"].endswith("c0.nii.gz")
    assert case["prediction_file"].endswith("c0.nii.gz")
    assert found["metric_per_case"][3]["metrics"]["1"]["Dice"] is None
    dice = [c["metrics"]["1"]["Dice"] for c in found["metric_per_case"][:3]]
    assert found["mean"]["1"]["Dice"] == pytest.approx(mean(dice))
    assert found["foreground_mean"]["Dice"] == pytest.approx(mean(dice))
    true = [c["metrics"]["1"]["TP"] + c["metrics"]["1"]["FN"] for c in found["metric_per_case"]]
    assert found["mean"]["1"]["n_ref"] == pytest.approx(mean(true))


def test_a_table_has_empty_cells_for_what_is_undefined_and_no_formulas(folders):
    for kind in ("truth", "good"):
        (folders / kind / "c0.nii.gz").rename(folders / kind / '=1+1, "x"\n.nii.gz')
    rows = table(evaluate(folders, "good", labels={"background": 0, "@lesion": 1}))
    assert rows["c3"]["dice"] == rows["c3"]["hd_mm"] == ""
    assert rows["c1"]["label"] == "'@lesion"
    assert '\'=1+1, "x"\n' in rows
    assert float(rows["c1"]["volume_difference_percent"]) == 0


def test_numbers_below_zero_are_no_formulas(folders):
    write(folders / "good" / "c1.nii.gz", np.zeros(SHAPE))
    assert table(evaluate(folders, "good"))["c1"]["volume_difference_percent"] == "-100.0"


def test_labels_are_those_that_occur_anywhere_when_none_are_named(folders):
    array = np.zeros(SHAPE)
    array[2:4, 2:4, 2:4] = 5
    write(folders / "good" / "c2.nii.gz", array)
    found = evaluate(folders, "good", labels=None)
    assert list(found.by_label) == ["1", "5"]
    absent = next(r for r in found.rows if (r["case"], r["label"]) == ("c0", "5"))
    assert (absent["n_ref"], absent["tn"]) == (0, math.prod(SHAPE))
    assert math.isnan(absent["dice"])
    named = evaluate(folders, "good", labels={"1": 1, "5": 5})
    assert found.to_csv() == named.to_csv()


def test_one_file_is_scored_against_one_file(folders):
    found = score(folders / "good" / "c1.nii.gz", folders / "truth" / "c0.nii.gz")
    assert [row["case"] for row in found.rows] == ["c0"]
    with pytest.raises(InputError, match="two files or two folders"):
        score(folders / "good", folders / "truth" / "c0.nii.gz")


def test_other_grids_are_refused_together(folders):
    for k in (0, 2):
        affine = np.diag([1, 1, 1 + k, 1])
        write(folders / "good" / f"c{k}.nii.gz", np.zeros(SHAPE), affine)
    write(folders / "good" / "c1.nii.gz", np.zeros((3, 3, 3)))
    with pytest.raises(InputError) as caught:
        evaluate(folders, "good")
    assert len(caught.value.problems) == 2
    assert "shapes" in str(caught.value)
    assert "14 mm apart" in str(caught.value)


def test_files_that_are_there_twice_or_not_at_all_are_named(folders):
    write(folders / "good" / "c0.nii", np.zeros(SHAPE))
    with pytest.raises(InputError, match=r"c0\.nii\.gz: is there twice"):
        evaluate(folders, "good")
    with pytest.raises(InputError, match="no such file or folder"):
        evaluate(folders, "nowhere")
    (folders / "void").mkdir()
    with pytest.raises(InputError, match="holds no label map"):
        score(folders / "good", folders / "void")
    with pytest.raises(InputError, match="has no label map for c9"):
        evaluate(folders, "none", cases=["c9"])


def test_hidden_and_other_files_are_not_predictions(folders):
    for name in ("._c0.nii.gz", "summary.json", "c0.npz"):
        (folders / "good" / name).write_bytes(b"x")
    assert evaluate(folders, "good").extra == ()


def test_the_challenges_convention_needs_no_names_and_counts_what_is_empty(folders):
    for labels in (None, LABELS, {"background": 0, "wmh": 1, "other": 2}):
        found = evaluate(folders, "good", convention="wmh2017", labels=labels)
        assert set(found.metrics) == {
            "dice", "hd95_mm", "avd_percent", "lesion_recall", "lesion_f1"
        }  # fmt: skip
        assert list(found.by_label) == ["lesion"]
        assert found.by_label["lesion"]["dice"]["empty_in_truth"] == 1
    assert "hd95" in found.conventions
    assert "both_empty" not in found.conventions


def test_the_challenges_planes_are_axial_whatever_the_order_in_the_file(folders):
    truth = read_label(folders / "truth" / "c0.nii.gz").array
    expected = wmh2017(np.roll(truth, 1, 0), truth, (1, 1, 1))
    affine = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [-1, 0, 0, 0], [0, 0, 0, 1.0]])
    for folder, array in (("truth", truth), ("good", np.roll(truth, 1, 0))):
        write(folders / folder / "c0.nii.gz", array.transpose(2, 0, 1), affine)
    row = evaluate(folders, "good", convention="wmh2017").rows[0]
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_choices_that_do_not_exist_are_refused(folders):
    with pytest.raises(InputError, match="expected default or wmh2017"):
        evaluate(folders, "good", convention="wmh")
    with pytest.raises(InputError, match="expected nan or one"):
        evaluate(folders, "good", empty="zero")
    with pytest.raises(InputError, match="no choice in wmh2017"):
        evaluate(folders, "good", empty="one", convention="wmh2017")


def test_real_labels_moved_by_a_voxel_with_one_missing(shared_data, tmp_path):
    truth = shared_data / "hippocampus" / "labelsTr"
    names = sorted(file.name for file in truth.iterdir())[:5]
    for name in names[1:]:
        real = nib.load(truth / name)
        moved = np.roll(np.asarray(real.dataobj), 1, 0)
        nib.save(nib.Nifti1Image(moved, real.affine), tmp_path / name)
    cases = [name.removesuffix(".nii.gz") for name in names]
    labels = {"background": 0, "anterior": 1, "posterior": 2}
    found = score(tmp_path, truth, labels=labels, cases=cases)
    assert found.missing == (cases[0],)
    assert list(found.by_label) == ["anterior", "posterior"]
    for row in found.rows:
        if row["status"] == "ok":
            assert 0.7 < row["dice"] < 0.95
            assert row["hd_mm"] == row["hd95_mm"] == 1.0
            assert row["centre_mm"] == pytest.approx(1.0)
            assert row["avd_percent"] == 0


def test_truth_may_be_named_by_case_wherever_its_files_are(folders, tmp_path):
    expected = table(evaluate(folders, "good"))
    elsewhere = {}
    for k in range(4):
        place = tmp_path / f"patient{k}"
        place.mkdir()
        elsewhere[f"c{k}"] = (folders / "truth" / f"c{k}.nii.gz").rename(place / "mask.nii.gz")
    named = score(folders / "good", elsewhere, labels=LABELS)
    assert {c: row["dice"] for c, row in table(named).items()} == {
        c: row["dice"] for c, row in expected.items()
    }
    assert (named.missing, named.extra) == ((), ())
    with pytest.raises(InputError, match="nowhere: no such folder"):
        score(folders / "nowhere", elsewhere, labels=LABELS)
