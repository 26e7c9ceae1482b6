"""Kinds of failure, by rows whose counts are worked out by hand."""

import pytest

from segscope.metrics.failures import failure_of


def row(true, predicted, hit):
    """Counts to a row: voxels of the truth, of the prediction, of both."""
    return {
        "n_ref": true, "n_pred": predicted, "status": "ok",
        "dice": 2 * hit / (true + predicted) if true + predicted else float("nan"),
        "precision": hit / predicted if predicted else float("nan"),
        "recall": hit / true if true else float("nan"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((100, 0, 0), "missed"),
        ((0, 40, 0), "predicted where there is none"),
        ((0, 0, 0), ""),
        ((100, 100, 10), "in another place"),
        ((100, 100, 0), "in another place"),
        ((30, 200, 29), "too large"),
        ((200, 30, 29), "too small"),
        ((100, 100, 40), "inexact"),
        ((100, 100, 50), ""),
    ],
    ids=["missed", "false-alarm", "rightly-empty", "elsewhere", "apart", "too-large", "too-small",
         "inexact", "half-right"],
)  # fmt: skip
def test_a_kind_of_failure_is_told_by_its_counts(counts, said):
    assert failure_of(row(*counts)) == said


def test_a_case_without_prediction_is_named_so():
    assert failure_of({"status": "missing", "n_ref": 5}) == "no prediction"
