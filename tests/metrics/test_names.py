"""Metrics by name: order and direction of segscope's own, and what another package's must be."""

import math

import numpy as np
import pytest

from segscope.errors import InputError
from segscope.metrics import HIGHER_IS_BETTER, SHOWN, counted_value, evaluate_case
from segscope.metrics.names import METRICS, check_more
from tests.packages import installed

MASK = np.array([[0, 1], [1, 1]], np.uint8)
CODE = """
    import numpy as np
    from segscope.metrics import Metric

    SIZE = Metric(lambda pair: np.float32(pair.counts.tp), higher_is_better=True)
    GAP = Metric(lambda pair: float("inf"), False, float("inf"), counts_empty=True)
    FAR = Metric(lambda pair: float("inf"), higher_is_better=False, worst=100.0)
    ARRAY = Metric(lambda pair: np.zeros(2), higher_is_better=True)
    NONE = Metric(lambda pair: None, higher_is_better=True)
    FAILING = Metric(lambda pair: 1 / 0, higher_is_better=True)

    def function(prediction, truth):
        return 0.0
"""
NAMES = {"size": "SIZE", "gap_mm": "GAP", "far": "FAR", "array": "ARRAY", "none": "NONE",
         "failing": "FAILING", "function": "function", "tp": "SIZE"}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def site(tmp_path_factory):
    entries = {f"segscope.metrics:{name}": found for name, found in NAMES.items()}
    with installed(tmp_path_factory.mktemp("site"), "own-metrics", CODE, entries):
        yield


def test_orders_of_rows_means_and_columns():
    row = list(evaluate_case(MASK, MASK, (1, 1), {"a": 1}).to_dict()["a"])
    assert row == [
        "dice", "iou", "precision", "recall", "specificity", "accuracy", "avd_percent",
        "volume_difference_percent", "pcd_percent", "hd_mm", "hd95_mm", "assd_mm", "nsd",
        "centre_mm", "lesion_recall", "lesion_precision", "lesion_f1", "lesions_true",
        "lesions_predicted", "tp", "fp", "fn", "tn", "n_pred", "n_ref",
    ]  # fmt: skip
    assert list(HIGHER_IS_BETTER) == [
        "dice", "iou", "precision", "recall", "specificity", "accuracy", "nsd", "lesion_recall",
        "lesion_precision", "lesion_f1", "hd_mm", "hd95_mm", "assd_mm", "avd_percent", "centre_mm",
    ]  # fmt: skip
    assert list(HIGHER_IS_BETTER.values()) == [True] * 10 + [False] * 5
    assert SHOWN == (
        "dice", "iou", "precision", "recall", "hd95_mm", "assd_mm", "nsd", "avd_percent",
    )  # fmt: skip


def test_the_worst_of_each_is_on_the_wrong_side():
    for name, better in HIGHER_IS_BETTER.items():
        assert METRICS[name].worst == 0 if better else METRICS[name].worst >= 100


def test_a_metric_of_a_package_stands_beside_the_others():
    found = evaluate_case(MASK, MASK, (1, 1), {"a": 1}, metrics=["size", "gap_mm"]).to_dict()["a"]
    assert (found["size"], found["gap_mm"]) == (3.0, math.inf)
    row = {"diagonal_mm": 7.0, "n_ref": 3, "n_pred": 0, "gap_mm": 0.0, "size": 2.0}
    assert (counted_value(row, "gap_mm"), counted_value(row, "size")) == (7.0, 2.0)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("far", "returns inf, which only a distance whose worst it is may do"),
        ("array", "returns a ndarray, a float is expected"),
        ("none", "returns a NoneType, a float is expected"),
        ("failing", r"failed \(ZeroDivisionError: division by zero\)"),
        ("function", "is the function function, where a segscope.metrics.Metric is expected"),
    ],
)
def test_what_is_no_metric_is_told(name, said):
    with pytest.raises(InputError, match=rf"metric '{name}' of own-metrics==1.2 .*{said}"):
        evaluate_case(MASK, MASK, (1, 1), {"a": 1}, metrics=[name])


def test_names_that_cannot_be_measured_beside_the_others_are_refused():
    check_more(["size"])
    with pytest.raises(InputError, match="'dice': is measured anyway; name those of installed"):
        check_more(["dice"])
    with pytest.raises(InputError, match="has the name of another column"):
        check_more(["tp"])
    with pytest.raises(InputError, match="unknown metric 'sise', did you mean 'size'"):
        check_more(["sise"])
