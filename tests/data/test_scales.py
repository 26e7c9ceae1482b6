"""Units that are unlike the others', by numbers that are set by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from segscope.data.scales import (
    alone,
    apart,
    beside_subject,
    coarse_steps,
    odd_scales,
    out_of_group,
    times,
    whole_step,
)

# two groups of units, three decades apart, each within a tenth of a decade
LOW, HIGH = np.linspace(2, 2.1, 12), np.linspace(5, 5.1, 12)


def test_a_gap_wider_than_the_range_of_the_others_parts_a_tenth_of_them():
    usual = np.linspace(0, 1, 20)  # range 1, taken as 1.5
    assert apart(np.append(usual, 2.6), 0.6).nonzero()[0].tolist() == [20]
    assert not apart(np.append(usual, 2.4), 0.6).any()
    assert apart(np.append(usual, [3.2, 3.2]), 0.6).nonzero()[0].tolist() == [20, 21]
    assert not apart(np.append(usual, [3.5, 3.5, 3.5]), 0.6).any()


def test_who_is_a_decade_from_everybody_is_alone():
    both = np.concatenate([LOW, HIGH])
    assert alone(both) is None
    assert alone(np.append(both, 3.5)) == 24
    assert alone(np.append(both, 6.05)) is None  # 0.95 from the next
    assert alone(np.append(both, [3.2, 4.0])) is None  # there are two such cases
    assert alone(np.append(LOW[:8], 5)) is None  # too few to tell


def test_beyond_a_close_group_of_several():
    both = np.concatenate([LOW, HIGH])
    assert out_of_group(both) is None
    assert out_of_group(np.append(both, 5.4)) == 24  # middle 5.05, deviation 0.04: 8 of them
    assert out_of_group(np.append(both, 5.3)) is None  # less than twice the middle
    assert out_of_group(np.append(LOW, 2.4)) is None  # there is one group alone
    wide = np.concatenate([LOW - 3, np.linspace(4.6, 5.4, 12)])  # deviation 0.32
    assert out_of_group(np.append(wide, 5.8)) is None


def test_a_case_between_two_groups_is_named_and_not_whom_it_joins_them_with():
    near = np.concatenate([LOW, LOW + 0.7])  # 2 to 2.1 and 2.7 to 2.8
    assert out_of_group(np.append(near, 2.42)) == 24


def test_another_unit_than_the_subjects_other_cases():
    scales = np.array([1, 1.05, 2, 2.1, 3, 3.05, 4, 4.1, 4.2, 1.1, 4.12])
    subjects = ["a", "a", "b", "b", "c", "c", "d", "d", "d", "e", "e"]
    assert beside_subject(scales, subjects) == {9: 10} or beside_subject(scales, subjects) == {
        10: 9
    }
    assert beside_subject(scales[:9], subjects[:9]) == {}
    scales[8] = 7.2  # of three the one that is far from their middle
    assert beside_subject(scales[:9], subjects[:9]) == {8: 6}
    assert beside_subject(scales, [None] * 11) == {}
    assert beside_subject(scales[4:9], subjects[4:9]) == {}  # one other subject is not enough


def test_steps_that_only_one_case_has():
    fine = [np.arange(20.0), np.arange(30.0) * 2, np.arange(25.0) + 3]
    assert coarse_steps([*fine, np.arange(20.0) * 1000]) == {3: 1000}
    assert coarse_steps([*fine, np.arange(20.0) * 50]) == {}
    assert coarse_steps([*fine, np.arange(5.0) * 1000]) == {}  # few values say little
    assert coarse_steps([*fine[:2], np.arange(20.0) * 1000]) == {}
    assert coarse_steps([np.arange(20.0) * 0.3] * 5 + [np.arange(20.0) * 1000]) == {}


@pytest.mark.parametrize(
    ("values", "step"),
    [(np.arange(20) * 6.0 - 12, 6), (np.arange(20) * 1.5, 0), (np.zeros(20), 0),
     (np.arange(20) * 1e300, 0), (np.array([]), 0)],
    ids=["whole", "broken", "constant", "huge", "none"],
)  # fmt: skip
def test_greatest_step(values, step):
    assert whole_step(values) == step


def test_each_is_put_into_words():
    facts = [SimpleNamespace(name=f"c{k}", samples=np.arange(20.0)[None]) for k in range(25)]
    facts[0].samples = facts[0].samples * 300
    scales = np.concatenate([LOW, HIGH, [3.5]])
    said = odd_scales(scales, facts, 0, [None] * 25)
    assert said[0] == "holds multiples of 300 alone, as no other case does"
    assert said[24] == "has values about 25 times larger than the next case, as none of the others"
    assert not any(said[1:24])
    assert odd_scales(np.array([0, 0, 0, 0, 3.0]), facts[1:6], 0, [None] * 5)[4] == times(
        3, "the other cases"
    )
    assert times(3, "all") == "has values about 1000 times larger than all"
