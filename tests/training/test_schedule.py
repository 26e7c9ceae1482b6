"""Progress and learning rate: hand-worked values and laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.training.schedule import learning_rate, progress_share


def test_the_clock_leads_when_it_is_further_than_the_steps():
    assert progress_share(10, 100, elapsed_s=500.0, begun_s=100.0, end_s=900.0) == 0.5


def test_the_steps_lead_when_there_is_time_left():
    assert progress_share(75, 100, elapsed_s=9.0, begun_s=0.0, end_s=900.0) == 0.75


def test_a_training_that_has_no_time_left_begins_at_its_full_rate():
    assert progress_share(0, 100, elapsed_s=40.0, begun_s=40.0, end_s=30.0) == 0.0


def test_cosine_ends_at_zero_and_poly_matches_nnunet():
    assert learning_rate(0.2, "cosine", 1.0, step=5, warmup_steps=0) == pytest.approx(0.0)
    assert learning_rate(0.01, "poly", 0.5, step=5, warmup_steps=0) == pytest.approx(
        0.01 * 0.5**0.9
    )


def test_warmup_rises_by_equal_parts():
    rates = [learning_rate(1.0, "constant", 0.0, step=s, warmup_steps=4) for s in range(6)]
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


@given(
    st.sampled_from(["cosine", "poly"]),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_the_rate_never_rises_after_warmup(kind, a, b):
    early, late = sorted([a, b])
    first = learning_rate(1.0, kind, early, step=100, warmup_steps=0)
    assert learning_rate(1.0, kind, late, step=100, warmup_steps=0) <= first


def test_an_unknown_schedule_is_named():
    with pytest.raises(ValueError, match="'linear'"):
        learning_rate(1.0, "linear", 0.0, step=0, warmup_steps=0)
