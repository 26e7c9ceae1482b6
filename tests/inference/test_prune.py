"""Levels of a nested network: measured on the cases' own grids, cut out without a change."""

import csv
import json
import math

import numpy as np
import pytest

from segscope.data import open_dataset, read_label
from segscope.errors import InputError, WorkError
from segscope.inference import (
    LevelRow,
    choose_level,
    load_model,
    measure_levels,
    predict_cases,
    prune_run,
    save_model,
)
from segscope.inference import prune as prune_module
from segscope.networks import ANUNet
from tests.inference.nets import random_model
from tests.synthetic import write_plane_dataset, write_volume_dataset


def rows(*dice):
    return [LevelRow(k, 10 * k, 100 * k, 0.1 * k, d, d / 2, 3, 0) for k, d in enumerate(dice, 1)]


@pytest.fixture(scope="module")
def planes(tmp_path_factory):
    """A dataset, its cases, and a run with random weights."""
    folder = tmp_path_factory.mktemp("prune")
    dataset = open_dataset(write_plane_dataset(folder / "data", cases=3))
    channels = [{"name": "grey", "scheme": "zscore"}]
    options = {"name": "anunet", "widths": (4, 6, 8, 10), "patch": (32, 32), "ending": ".png"}
    # a random network that marks about half of the voxels, so that scores differ between levels
    model = random_model(2, seed=3, channels=channels, **options)
    spec = model.spec.model_copy(update={"labels": dataset.labels})
    save_model(folder / "run", spec, model.net)
    (folder / "run" / "split.json").write_text(json.dumps({"val": ["p0", "p1", "p2"]}))
    return folder, dataset


@pytest.fixture(scope="module")
def pruned(planes):
    folder, dataset = planes
    return prune_run(folder / "run", folder / "small", cases=dataset.training, level=2)


@pytest.mark.parametrize(
    ("dice", "loss", "level"),
    [
        ((0.80, 0.89, 0.895, 0.90), 0.01, 2),
        ((0.80, 0.89, 0.895, 0.90), 0.004, 4),
        ((0.90, 0.80), 0.0, 1),
        ((math.nan, 0.5, 0.9), 1.0, 2),
        ((0.7, 0.7), 0.0, 1),
    ],
)
def test_the_smallest_level_that_is_good_enough_is_chosen(dice, loss, level):
    assert choose_level(rows(*dice), loss) == level


def test_levels_without_a_defined_dice_cannot_be_chosen_from():
    with pytest.raises(InputError, match="no validation case shows a label"):
        choose_level(rows(math.nan, math.nan), 0.1)


def test_each_level_scores_as_its_written_predictions_do(planes, pruned, tmp_path):
    folder, dataset = planes
    for row in pruned.rows:
        out = tmp_path / f"L{row.level}"
        predict_cases(load_model(folder / "run", level=row.level), dataset.training, out)
        dice, iou = [], []
        for case in dataset.training:
            p = read_label(out / f"{case.name}.png").array > 0
            t = read_label(case.label_file).array > 0
            dice.append(2 * (p & t).sum() / (p.sum() + t.sum()))
            iou.append((p & t).sum() / (p | t).sum())
        assert row.dice == pytest.approx(np.mean(dice))
        assert row.iou == pytest.approx(np.mean(iou))
        assert (row.cases, row.undefined) == (3, 0)
    assert len({row.dice for row in pruned.rows}) == 3


def test_deeper_levels_have_more_parameters_and_multiply_adds(pruned):
    for shallow, deep in zip(pruned.rows, pruned.rows[1:], strict=False):
        assert shallow.parameters < deep.parameters
        assert shallow.multiply_adds < deep.multiply_adds
    assert all(row.seconds > 0 for row in pruned.rows)
    by_hand = sum(p.numel() for p in ANUNet(2, 1, 2, (4, 6)).parameters())
    assert pruned.rows[0].parameters == by_hand


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_pruned_run_predicts_the_bytes_of_the_full_run_at_that_level(planes, tmp_path, level):
    folder, dataset = planes
    prune_run(folder / "run", tmp_path / "small", cases=dataset.training[:1], level=level)
    outs = {
        "small": load_model(tmp_path / "small"),
        "full": load_model(folder / "run", level=level),
    }
    for name, model in outs.items():
        predict_cases(model, dataset.training, tmp_path / name / "out", probabilities=True)
    for case in dataset.training:
        small, full = (
            np.load(tmp_path / name / "out" / f"{case.name}.npz", allow_pickle=False)
            for name in outs
        )
        np.testing.assert_array_equal(small["probabilities"], full["probabilities"])
        labels = [(tmp_path / n / "out" / f"{case.name}.png").read_bytes() for n in outs]
        assert labels[0] == labels[1]


def test_anisotropic_strides_survive_pruning(tmp_path):
    model = random_model(3, name="unetplusplus", widths=(4, 6, 8))
    options = {"widths": [4, 6, 8], "strides": [[2, 2, 1], [2, 2, 2]], "norm": "instance"}
    network = model.spec.network.model_copy(update={"options": options})
    spec = model.spec.model_copy(
        update={"network": network, "labels": {"background": 0, "ball": 1}}
    )
    from segscope.networks import UNetPlusPlus

    save_model(tmp_path / "run", spec, UNetPlusPlus(3, 1, 2, **options))
    dataset = open_dataset(write_volume_dataset(tmp_path / "data", cases=1))
    with pytest.raises(InputError, match="labels"):
        prune_run(tmp_path / "run", tmp_path / "small", cases=dataset.training, level=1)
    assert not (tmp_path / "small").exists()
    three = spec.model_copy(
        update={"labels": dataset.labels, "network": network.model_copy(update={"out_channels": 3})}
    )
    save_model(tmp_path / "run", three, UNetPlusPlus(3, 1, 3, **options))
    prune_run(tmp_path / "run", tmp_path / "small", cases=dataset.training, level=1)
    assert load_model(tmp_path / "small").net.multiple == (2, 2, 1)


def test_the_table_is_written_as_csv_and_json_and_says_how_time_was_taken(pruned):
    with (pruned.folder / "prune.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    facts = json.loads((pruned.folder / "prune.json").read_text())
    assert [int(row["level"]) for row in table] == [row["level"] for row in facts["levels"]]
    assert [float(row["dice"]) for row in table] == [row.dice for row in pruned.rows]
    assert facts["kept_level"] == 2
    assert facts["chosen_by"] == "request"
    assert "median of 7 forward passes" in facts["timing"]
    assert (pruned.folder / "split.json").is_file()


def test_auto_keeps_the_smallest_level_within_the_allowed_loss(planes, tmp_path):
    folder, dataset = planes
    found = prune_run(folder / "run", tmp_path / "a", cases=dataset.training, max_dice_loss=1.0)
    assert found.level == 1
    assert load_model(found.folder).net.head_count == 1


def test_what_cannot_be_pruned_is_refused_before_any_work(planes, tmp_path, monkeypatch):
    folder, dataset = planes
    monkeypatch.setattr(prune_module, "measure_levels", lambda *a, **k: pytest.fail("work"))
    plain = random_model(2)
    save_model(tmp_path / "plain", plain.spec, plain.net)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    for run, out, level, said in (
        (folder / "run", tmp_path / "full", 1, "not an empty folder"),
        (folder / "run", tmp_path / "new", 4, "L1 to L3"),
        (tmp_path / "plain", tmp_path / "new", 1, "has no levels"),
    ):
        with pytest.raises(InputError, match=said):
            prune_run(run, out, cases=dataset.training, level=level)
    assert not (tmp_path / "new").exists()


def test_levels_are_not_measured_without_cases_or_truth(planes):
    folder, dataset = planes
    model = load_model(folder / "run")
    with pytest.raises(InputError, match="needs validation cases"):
        measure_levels(model, [], labels=dataset.labels)
    unlabelled = [type(c)(c.name, c.image_files) for c in dataset.training]
    with pytest.raises(InputError, match="p0: has no label map"):
        measure_levels(model, unlabelled, labels=dataset.labels)


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_leaves_no_half_of_a_run(planes, tmp_path, monkeypatch, failure):
    folder, dataset = planes

    def fail(path, text):
        raise failure

    monkeypatch.setattr(prune_module, "write_text", fail)
    with pytest.raises((WorkError, KeyboardInterrupt)):
        prune_run(folder / "run", tmp_path / "new", cases=dataset.training[:1], level=1)
    assert list(tmp_path.iterdir()) == []
