"""Noise levels, and what training cases were like as JSON."""

import json

import numpy as np
import pytest

from segscope.trust.measure import measure_reference
from segscope.trust.reference import Reference, noise_level
from segscope.trust.shape import shape_measures
from tests.trust.known import known_cases, pointwise_model


def test_noise_grows_with_noise_and_not_with_contrast():
    random = np.random.default_rng(0)
    smooth = np.sin(np.linspace(0, 6, 400, dtype=np.float32))[None]
    noisy = smooth + random.normal(0, 0.2, smooth.shape).astype(np.float32)
    assert noise_level(noisy) > 5 * noise_level(smooth)
    assert noise_level(7 * noisy + 3) == pytest.approx(noise_level(noisy), rel=1e-4)


def test_noise_of_what_cannot_have_any_is_0():
    assert noise_level(np.full((2, 8, 8), 3.0, np.float32)) == 0
    assert noise_level(np.zeros((1, 2, 2), np.float32)) == 0


def test_it_is_kept_as_json():
    model = pointwise_model()
    found = measure_reference(model, known_cases(model, 9))
    again = Reference.from_dict(json.loads(json.dumps(found.to_dict())))
    assert (again.layers, again.noise) == (found.layers, found.noise)
    measures = shape_measures(np.ones((8, 8), np.uint8), 1)
    wanted = found.shapes.distances(measures).tolist()
    assert again.shapes.distances(measures).tolist() == wanted
