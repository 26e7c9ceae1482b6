"""When a training had converged."""

import math

from segscope.experiments.curves import converged, until_converged, validation_losses


def test_convergence_by_hand():
    assert converged([1.0, 0.5, 0.2, 0.3, 0.195]) == 3
    assert converged([0.2, 0.3]) == 1
    assert converged([math.nan, 0.4, 0.1]) == 3
    assert converged([math.nan, math.nan]) == 2
    assert converged([0.5, 0.4], tolerance=0.1) == 1


def test_minutes_are_those_of_the_epoch():
    curve = [[1, 0.9, 0.25, 60.0], [2, 0.5, None, 90.0], [3, 0.4, 0.75, 150.0]]
    assert until_converged(curve) == (3, 2.5)
    first, second, third = validation_losses(curve)
    assert (first, third) == (0.75, 0.25)
    assert math.isnan(second)
