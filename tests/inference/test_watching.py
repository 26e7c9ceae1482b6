"""Who looks on sees every voxel once, with any way of predicting, and is always let go."""

from types import SimpleNamespace

import numpy as np
import pytest

from segscope.images import Grid, Image
from segscope.inference.predict import both_prepared, label_prepared, prepare
from tests.inference.nets import random_model


class Seen:
    def __init__(self, shape):
        self.times, self.p = np.zeros(shape, int), None

    def add(self, rows, slab):
        if self.p is None:
            self.p = np.zeros((len(slab), *self.times.shape), np.float32)
        self.times[rows] += 1
        self.p[(slice(None), *rows)] = slab


@pytest.mark.parametrize(
    ("dims", "image_dims", "shape", "how"),
    [(2, 2, (40, 24), {}), (3, 3, (30, 16, 20), {}), (2, 3, (16, 16, 5), {"batch": 2}),
     (2, 2, (16, 16), {"mirror": True})],
    ids=["windows", "volume", "slices", "mirrored"],
)  # fmt: skip
def test_every_voxel_is_shown_once_as_it_was_decided(dims, image_dims, shape, how):
    more = {"slice_axis": 2} if image_dims > dims else {}
    model = random_model(dims, image_dims=image_dims, seed=4, classes=3, **more)
    random = np.random.default_rng(0)
    image = Image(random.normal(size=(1, *shape)), Grid.from_spacing(shape))
    prepared, seen, again = prepare(model, image), Seen(shape), Seen(shape)
    label = label_prepared(model, prepared, watching=seen, **how)
    assert (seen.times == 1).all()
    assert (seen.p.argmax(0) == label.array).mean() > 0.999  # but for ties in rounding
    assert (label_prepared(model, prepared, **how).array == label.array).all()
    both_prepared(model, prepared, watching=again, **how)
    assert again.p == pytest.approx(seen.p, abs=1e-5)


def test_another_tool_s_model_is_not_looked_at():
    model = random_model(2)
    foreign = SimpleNamespace(parts=object(), how=model.how, device=model.device)
    image = Image(np.zeros((1, 16, 16)), Grid.from_spacing((16, 16)))
    with pytest.raises(ValueError, match="nobody can look on"):
        label_prepared(foreign, prepare(model, image), watching=Seen((16, 16)))
