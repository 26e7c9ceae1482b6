"""Several measures of two arms: paired by subject, p corrected over the measures."""

import pytest

from segscope.experiments.measures import compare_measures


def test_p_of_all_measures_are_corrected_together():
    base = {str(k): k / 10 for k in range(8)}
    up = {name: value + 0.2 for name, value in base.items()}
    mixed = {name: value + (0.1 if k < 7 else -0.5) for k, (name, value) in enumerate(base.items())}
    one, two = compare_measures({"x": {"a": base, "b": up}, "y": {"a": base, "b": mixed}}, "a")
    assert (one.name, one.arms["a"].mean) == ("x", pytest.approx(0.35))
    assert one.difference.estimate.mean == pytest.approx(0.2)
    assert one.difference.p == pytest.approx(2 / 2**8)  # all eight go up
    assert one.difference.p_holm == pytest.approx(2 * 2 / 2**8)  # the smaller of two
    assert two.difference.p_holm == pytest.approx(max(two.difference.p, one.difference.p_holm))
