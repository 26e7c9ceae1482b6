"""The parts that a model of another tool brings, and what becomes of what a user leaves open."""

import pytest

from segscope.errors import InputError
from segscope.inference import ForeignSpec, How, Parts, TrainedModel
from tests.inference.nets import random_model


def foreign(**parts):
    spec = ForeignSpec("a tool", "Net", {"background": 0, "a": 1}, ("CT",), (8, 8))
    run = random_model()
    return TrainedModel(spec, run.net, parts=Parts(run.preparer, None, **parts))


@pytest.mark.parametrize("values", [{"overlap": 1.0}, {"overlap": -0.1}, {"batch": 0}])
def test_ways_that_are_none_are_refused(values):
    with pytest.raises(ValueError, match="must be at least"):
        How(**values)


def test_what_a_user_leaves_open_is_as_the_model_says():
    model = foreign(how=How(mirror=True, overlap=0.25))
    assert model.how() == How(mirror=True, overlap=0.25)
    assert model.how(mirror=False, overlap=0.0, batch=2) == How(False, 0.0, 2)
    assert random_model().how() == How(False, 0.5)


def test_what_is_for_runs_names_the_other_tools_network():
    model = foreign(multiple=(4, 4))
    assert model.multiple == (4, 4)
    with pytest.raises(InputError, match=r"for runs of segscope; .*\(Net\)"):
        _ = model.run_spec
    with pytest.raises(InputError, match=r"\(Net\)"):
        _ = model.segmenter


def test_nothing_is_judged_where_nothing_is_known():
    model = foreign()
    assert model.judge("a", None).level == "seen"
    assert "no fingerprint" in model.limits()[0]
