"""Half the resolution: by hand, back to any side, slices apart, and what it tells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segscope.trust.agreement import class_dice
from segscope.trust.scale import enlarged_labels, half_labels, halve
from tests.trust.known import known_cases, pointwise_model, prepare


def test_halving_is_the_mean_of_squares():
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    assert halve(x, [0, 1]).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]
    assert halve(x, [1])[0, 0].tolist() == [0.5, 2.5]


@given(st.integers(1, 9), st.integers(1, 9))
def test_a_constant_comes_back_on_every_side(a, b):
    small = halve(np.full((1, a, b), 0.8, np.float32), [0, 1])
    assert small == pytest.approx(0.8)
    assert enlarged_labels(small, (a, b)).tolist() == np.ones((a, b)).tolist()


def test_the_likeliest_class_wins_after_enlarging():
    p = np.array([[0.6, 0.1], [0.3, 0.1], [0.1, 0.8]], np.float32)
    # between: class 0 falls .6 .475 .225 .1, class 2 rises .1 .275 .625 .8
    assert enlarged_labels(p, (4,)).tolist() == [0, 0, 2, 2]


def test_slices_are_images_of_their_own():
    volume = np.zeros((2, 2, 3), np.float32)
    volume[:, :, 1] = 1
    model = pointwise_model(image_dims=3)
    prepared = prepare(model, volume)
    assert half_labels(model, prepared.array).tolist() == volume.tolist()


def test_a_large_object_survives_and_salt_does_not():
    model = pointwise_model()
    prepared, label = known_cases(model, 1)[0].open()
    assert class_dice(label, half_labels(model, prepared.array), 1)[0] > 0.85
    salt = np.zeros((32, 32))
    salt[::4, ::4] = 1
    assert not half_labels(model, prepare(model, salt).array).any()


def test_a_mirror_is_turned_back():
    model = pointwise_model()
    array = known_cases(model, 1)[0].open()[0].array
    assert (half_labels(model, array, mirror=0) == half_labels(model, array)).all()
