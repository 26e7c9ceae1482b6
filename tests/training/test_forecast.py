"""How long a final evaluation will take: the network's passes, and the rest by voxels."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from segscope.data import open_dataset
from segscope.images import Grid, Image, LabelMap
from segscope.training import PreparedCase, forecast
from tests.synthetic import write_volume_dataset
from tests.training.test_measure import settled


@pytest.fixture
def dataset(tmp_path):
    return open_dataset(write_volume_dataset(tmp_path / "data", cases=3, shape=(16, 16, 16)))


def prepared(dataset, *shapes):
    found = []
    for case, shape in zip(dataset.training, shapes, strict=False):
        image, label = np.zeros((1, *shape), np.float32), np.zeros(shape, np.uint8)
        grid = Grid.from_spacing(shape)
        undo = settled(shape)[0].spec.plan.apply(Image(image, grid))
        truth = partial(LabelMap, label, grid)
        found.append(PreparedCase(case.name, image, label, {}, undo, truth))
    return found


def test_passes_and_voxels_make_the_time(dataset, monkeypatch):
    model, _ = settled((16, 16, 16))
    times = iter([10.0, 10.5])  # writing and scoring the first takes half a second
    monkeypatch.setattr(forecast, "time", SimpleNamespace(monotonic=lambda: next(times)))
    cases = prepared(dataset, (16, 16, 16), (32, 16, 16))
    found = forecast.evaluation_seconds(
        model, dataset.training[:2], cases, pass_s=2.0, most_s=100.0
    )
    # one pass, and three of overlapping windows; twice the voxels
    assert found == {"c0": 2.0 + 0.5, "c1": 3 * 2.0 + 2 * 0.5}


def test_the_rest_is_not_measured_where_the_network_alone_takes_too_long(dataset, monkeypatch):
    model, _ = settled((16, 16, 16))
    monkeypatch.setattr(forecast, "_measure_rest", None)
    cases = prepared(dataset, (16, 16, 16))
    found = forecast.evaluation_seconds(model, dataset.training[:1], cases, pass_s=2.0, most_s=1.9)
    assert found == {"c0": 2.0}


@pytest.mark.parametrize(("dims", "shown"), [(3, (1, 1, 16, 16, 16)), (2, (1, 1, 16, 16))])
def test_the_second_pass_of_a_patch_is_timed(dims, shown, monkeypatch):
    model, _ = settled((16, 16, 12), dims=dims)
    passes = model.net.seen
    clock = SimpleNamespace(monotonic=lambda: 7.0 * len(passes))
    monkeypatch.setattr(forecast, "time", clock)
    assert forecast.seconds_a_pass(model) == 7.0
    assert passes == [shown] * 2
