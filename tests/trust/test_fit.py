"""From rows to what a run keeps: all modes, few subjects, labels, what was not measured."""

from dataclasses import replace

import pytest

from segscope.trust.fit import fit_quality, fit_targets, table_of
from segscope.trust.measure import measure_reference, measure_rows
from tests.trust.known import known_cases, pointwise_model

MODEL = pointwise_model()
REFERENCE = measure_reference(MODEL, known_cases(MODEL, 12, seed=50))
ROWS = measure_rows(MODEL, REFERENCE, known_cases(MODEL, 12), rounds=1).rows


def test_every_mode_has_a_predictor_that_orders_new_cases():
    found = fit_quality(ROWS, REFERENCE, weights="w")
    assert list(found.predictors) == ["fast", "standard", "thorough"]
    assert found.cases == {"clean": 12, "damaged": 12, "subjects": 12}
    assert found.why == {}
    # with one label its Dice is the mean: the same predictor stands for both
    assert found.predictors["fast"]["mean"] is found.predictors["fast"]["label1"]
    assert 0.2 <= found.temperature <= 10


def test_of_few_subjects_only_the_order_is_known():
    found = fit_quality(ROWS[:5], REFERENCE, weights="w")
    assert dict(found.predictors) == {}
    assert found.why["standard"].startswith("5 subjects with a known Dice did not train")
    none = fit_quality([], REFERENCE, weights="w")
    assert (none.temperature, none.lesions) == (1.0, None)
    assert none.cases["subjects"] == 0


def test_what_was_not_measured_has_no_mode():
    bare = [replace(row, figures={k: {n: v for n, v in f.items() if "mirror" not in n}
                                  for k, f in row.figures.items()}) for row in ROWS]  # fmt: skip
    found = fit_quality(bare, REFERENCE, weights="w")
    assert list(found.predictors) == ["fast", "standard"]
    assert found.why["thorough"] == (
        "scale_mirrored and mirror not measured; segscope quality RUN --calibrate DATASET does"
    )


def test_a_label_that_is_rarely_known_has_no_predictor():
    rows = [
        replace(
            row,
            dice=row.dice | {"rare": 0.5 if k < 4 else float("nan")},
            figures=row.figures | {"rare": row.figures["mean"]},
        )
        for k, row in enumerate(ROWS)
    ]
    assert set(fit_targets(rows, ("sdc", "margin"))) == {"mean", "label1"}


def test_a_table_leaves_out_what_is_undefined():
    rows = [replace(ROWS[0], dice={"mean": float("nan")}), *ROWS[1:4]]
    table = table_of(rows, "mean", ("sdc", "shift"))
    assert table.x.shape == (3, 2)
    assert table.directions == (1, -1)
    assert table.y == pytest.approx([row.dice["mean"] for row in ROWS[1:4]])
