"""Who looks on: the same figures from slabs as from the whole, edges, and hooks that go."""

import math

import numpy as np
import pytest

from segscope.inference import Verdict, predict_prepared
from segscope.inference.predict import label_prepared
from segscope.trust.judge import EMPTY, Judge
from segscope.trust.measure import measure_reference
from segscope.trust.watch import TrustWatch, open_watch
from tests.inference.nets import random_model
from tests.trust.known import known_cases, pointwise_model, prepare

PLANES, VOLUMES = pointwise_model(classes=3), pointwise_model(classes=3, image_dims=3)


def watched(model, array, mode="standard", reference=None):
    watch = TrustWatch(model, mode, Judge(reference=reference, why="nobody has learned"))
    prepared = prepare(model, array)
    looking = watch.over(prepared)
    label = label_prepared(model, prepared, watching=looking)
    facts = looking.facts(Verdict())
    looking.close()
    return label, looking, facts


@pytest.mark.parametrize("model", [PLANES, VOLUMES], ids=["planes", "slices"])
def test_slabs_give_what_the_whole_gives(model):
    shape = (20, 24, 5)[: model.run_spec.plan.image_dims]
    array = np.random.default_rng(0).uniform(0, 1, shape)
    label, looking, facts = watched(model, array, "thorough")
    assert (looking.labels == label.array).all()
    again = TrustWatch(model, "thorough", Judge()).over(prepare(model, array))
    whole = predict_prepared(model, prepare(model, array).array)
    again.add((slice(None),) * len(shape), whole)
    for name, own in again.figures().items():
        assert own == pytest.approx(looking.figures()[name])
    assert facts["trust"] == "thorough"
    assert set(facts["labels"]) == {"label1", "label2"}


def test_modes_measure_what_they_say():
    array = np.random.default_rng(0).uniform(0, 1, (16, 16))
    names = {mode: set(watched(PLANES, array, mode)[2]["scores"]) for mode in
             ("fast", "standard", "thorough")}  # fmt: skip
    assert names["standard"] - names["fast"] == {"scale"}
    assert names["thorough"] - names["standard"] == {"scale_mirrored", "mirror"}
    with pytest.raises(ValueError, match="mode must be one of"):
        TrustWatch(PLANES, "off", Judge())


def test_a_mean_is_over_the_labels_that_are_there():
    array = np.zeros((16, 16))
    array[4:10, 4:10] = 1.0  # label1; label2 would be dark
    looking = watched(pointwise_model(classes=3, slope=60.0), np.where(array, array, 0.2))[1]
    figures = looking.figures()
    assert figures["label1"]["sdc"] > 0.9
    assert figures["mean"]["sdc"] == pytest.approx(figures["label1"]["sdc"])
    assert figures["label2"]["sdc"] == 0


def test_an_empty_prediction_is_defined():
    model = pointwise_model()
    reference = measure_reference(model, known_cases(model, 10))
    _, looking, facts = watched(model, np.full((32, 32), -9.0), "thorough", reference)
    figures = looking.figures()["mean"]
    assert all(map(math.isfinite, figures.values()))
    assert (figures["sdc"], figures["margin"], figures["scale"]) == (0, 0, 0)
    assert figures["shape"] > 1  # the training masks never were empty
    assert (facts["verdict"], facts["reasons"]) == ("redo", [EMPTY])


def test_a_constant_image_is_defined_and_unlike():
    model = pointwise_model()
    reference = measure_reference(model, known_cases(model, 10))
    usual = watched(model, known_cases(model, 1, seed=70)[0].open()[0].array[0], "fast", reference)
    flat = watched(model, np.full((32, 32), 0.9), "fast", reference)
    assert flat[2]["scores"]["shift"] > usual[2]["scores"]["shift"]
    assert all(value is not None for value in flat[2]["scores"].values())


def test_features_that_are_not_finite_count_as_infinitely_far():
    model = random_model(2)
    reference = measure_reference(model, known_cases(model, 9, side=16))
    assert reference.features is not None
    watch = TrustWatch(model, "fast", Judge(reference=reference))
    looking = watch.over(prepare(model, np.zeros((16, 16))))
    looking.features = lambda: np.full(len(reference.features.centre), np.nan)
    looking.add((slice(None),) * 2, np.full((2, 16, 16), 0.5, np.float32))
    assert looking.figures()["mean"]["shift"] == math.inf
    assert looking.facts(Verdict())["scores"]["shift"] is None


def test_hooks_go_when_a_case_fails():
    model = random_model(2)
    reference = measure_reference(model, known_cases(model, 9, side=16))
    looking = TrustWatch(model, "fast", Judge(reference=reference)).over(
        prepare(model, np.zeros((16, 16)))
    )
    assert any(module._forward_hooks for module in model.net.modules())
    looking.close()
    assert not any(module._forward_hooks for module in model.net.modules())


def test_a_run_without_a_quality_file_says_what_makes_it(tmp_path):
    watch = open_watch(PLANES, tmp_path, "fast")
    assert watch.key == "fast none"
    assert "segscope quality RUN --calibrate DATASET makes it" in watch.judge.why
