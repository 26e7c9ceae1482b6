"""No subject trains, chooses and is tested."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from segscope.errors import InputError
from segscope.experiments import Draw, fold_draws, subset_draws
from segscope.images import Case


def cases(subjects, each=2):
    return [Case(f"s{k}c{j}", (), subject=f"s{k}") for k in range(subjects) for j in range(each)]


@given(st.integers(3, 12), st.integers(1, 3), st.integers(2, 4), st.integers(1, 3))
def test_parts_share_no_subject_and_every_case_is_tested_once_a_seed(subjects, each, folds, seeds):
    given_cases = cases(subjects, each)
    if folds > subjects:
        return
    if subjects - -(-subjects // folds) < 2:  # fewer than two subjects would learn
        with pytest.raises(InputError, match="two are needed"):
            fold_draws(given_cases, folds=folds, seeds=seeds)
        return
    draws = fold_draws(given_cases, folds=folds, seeds=seeds)
    of_case = {case.name: case.group for case in given_cases}
    for draw in draws:
        parts = [{of_case[n] for n in part} for part in (draw.train, draw.val, draw.test)]
        assert not (parts[0] & parts[1])
        assert not (parts[0] & parts[2])
        assert not (parts[1] & parts[2])
        assert {*draw.train, *draw.val, *draw.test} == set(of_case)
    for seed in range(seeds):
        tested = [name for draw in draws if draw.seed == seed for name in draw.test]
        assert sorted(tested) == sorted(of_case)


def test_learning_curves_are_nested_and_test_the_same_subjects():
    draws = subset_draws(cases(12), sizes=(1, 2, 4), test=3, val=2, seeds=2)
    assert [len(d.train) for d in (draws[1][0], draws[2][0], draws[4][0])] == [2, 4, 8]
    assert set(draws[1][0].train) < set(draws[2][0].train) < set(draws[4][0].train)
    assert len({draw.test for of_size in draws.values() for draw in of_size}) == 1


def test_too_few_subjects_are_refused():
    with pytest.raises(InputError, match="too few"):
        subset_draws(cases(4), sizes=(2,), test=2, val=1, seeds=1)


@pytest.mark.parametrize(
    "parts",
    [((), ("b",), ("c",)), (("a",), (), ("c",)), (("a",), ("b",), ("a",))],
    ids=["nothing trains", "nothing chooses", "a case has two parts"],
)
def test_a_draw_that_cannot_be_is_refused(parts):
    train, val, test = parts
    with pytest.raises(ValidationError, match="no case has two parts"):
        Draw(name="d", seed=0, train=train, val=val, test=test)
