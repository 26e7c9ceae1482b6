"""What a learning curve supports saying: a rise that is one, a time that was measured."""

import numpy as np

from segscope.training.curve import curve_remark


def rows(values, seconds=60.0):
    return [{"epoch": k, "val_dice": v, "seconds": 30 + seconds * k} for k, v in enumerate(values)]


def test_too_few_epochs_show_no_trend_but_the_time_of_all():
    said = curve_remark(rows([0.1, 0.5]), planned=200, cut=True)
    assert said == (
        "2 of 200 epochs were trained: too few to see where the learning curve leads; all 200 take "
        "about 3.3 h at this pace (train.max_minutes=200)"
    )
    assert curve_remark(rows([0.1, 0.5]), planned=2, cut=False) is None


def test_a_rise_is_told_with_how_much_and_over_what():
    said = curve_remark(rows(np.linspace(0.2, 0.5, 31)), planned=100, cut=True)
    assert said.startswith(
        "31 of 100 epochs were trained: the validation Dice still rose, by 0.090"
    )
    assert "over the last 10; all 100 take about 100 min" in said


def test_a_flat_noisy_or_falling_curve_is_no_reason_to_go_on():
    random = np.random.default_rng(0)
    for values in (
        np.full(30, 0.8),
        0.8 + random.normal(0, 0.02, 30),
        np.linspace(0.9, 0.5, 30),
        0.8 + np.linspace(0, 0.01, 30),  # a third of it rises by less than what is told
    ):
        assert curve_remark(rows(values), planned=200, cut=True) is None


def test_one_that_rises_to_its_end_is_told_without_a_promise():
    said = curve_remark(rows(np.linspace(0.2, 0.8, 30)), planned=30, cut=False)
    assert said.startswith("the validation Dice still rose, by 0.186 over the last 10 of 30 epochs")
    assert "take about" not in said


def test_epochs_without_a_measurement_are_no_points():
    found = rows(np.linspace(0.2, 0.8, 30))
    for row in found[::2]:
        del row["val_dice"]
    assert "over the last 9;" in curve_remark(found, planned=99, cut=True)
    for row in found:
        row.pop("val_dice", None)
    assert "too few" in curve_remark(found, planned=99, cut=True)
