"""No subject trains, chooses and is tested."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from segscope.errors import InputError
from segscope.experiments import Draw, class_draws, fold_draws, subset_draws
from segscope.images import Case
from segscope.training.classify_images import labelled_images
from tests.training.test_classify import write_classes


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
    found = subset_draws(cases(12), sizes=(4, 1, 2), test=3, val=2, seeds=2)
    one, two, four = found.draws[:3]
    assert [(d.size, len(d.train)) for d in (one, two, four)] == [(1, 2), (2, 4), (4, 8)]
    assert set(one.train) < set(two.train) < set(four.train)
    assert {d.seed for d in found.draws[3:]} == {1}
    assert found.draws[3].train != one.train
    assert len({(draw.test, draw.val) for draw in (*found.draws, found.aside)}) == 1
    # nothing is kept aside: what comes before may learn from all that curves draw from
    assert len(found.aside.train) == 2 * (12 - 3 - 2)


def test_what_is_kept_aside_is_never_drawn():
    found = subset_draws(cases(12), sizes=(4,), test=3, val=2, seeds=3, aside=2)
    drawn = {name for draw in found.draws for name in draw.train}
    parts = [{name[:3] for name in part}
             for part in (found.aside.train, found.aside.val, found.aside.test, drawn)]  # fmt: skip
    assert [len(part) for part in parts[:3]] == [2, 2, 3]
    assert len(set.union(*parts)) == sum(len(part) for part in parts)
    other = subset_draws(cases(12), sizes=(4,), test=3, val=2, seeds=3)
    assert other.aside.test == found.aside.test  # whatever comes before, the same are tested


@pytest.mark.parametrize("aside", [0, 1], ids=["none kept aside", "one kept aside"])
def test_too_few_subjects_are_refused(aside):
    subset_draws(cases(5 + aside), sizes=(2,), test=2, val=1, seeds=1, aside=aside)
    with pytest.raises(InputError, match="too few"):
        subset_draws(cases(4 + aside), sizes=(2,), test=2, val=1, seeds=1, aside=aside)


@pytest.mark.parametrize(
    "parts",
    [((), ("b",), ("c",)), (("a",), (), ("c",)), (("a",), ("b",), ("a",))],
    ids=["nothing trains", "nothing chooses", "a case has two parts"],
)
def test_a_draw_that_cannot_be_is_refused(parts):
    train, val, test = parts
    with pytest.raises(ValidationError, match="no case has two parts"):
        Draw(name="d", seed=0, train=train, val=val, test=test)


def test_every_labelled_image_is_tested_once_a_seed(tmp_path):
    images = labelled_images(write_classes(tmp_path / "data", subjects=24, each=2), "class")
    draws = class_draws(images, folds=3, seeds=2)
    assert [d.name for d in draws] == [f"seed{s}_fold{f}" for s in range(2) for f in range(3)]
    group = {case.name: case.group for case in images.cases}
    for seed in range(2):
        of_seed = [d for d in draws if d.seed == seed]
        assert sorted(n for d in of_seed for n in d.test) == sorted(group)
    assert draws[0].test != draws[3].test
    for d in draws:
        parts = [{group[n] for n in names} for names in (d.train, d.val, d.test)]
        assert sum(map(len, parts)) == 24
        assert sum("s" in n for n in d.test) == 16
