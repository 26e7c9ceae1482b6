"""Deletion and insertion: by hand, against a loop, and at the edges."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from segscope.explain import deletion_insertion


def share(weights):
    """Probability that is a sum over pixels: what is there counts by its weight."""
    return lambda x: (x * torch.tensor(weights)).sum((1, 2, 3))


def test_four_pixels_by_hand():
    """Weights .5 .3 .2 0: the best order falls 1, .5, .2, 0, 0 and rises 0, .5, .8, 1, 1."""
    image, weights = torch.ones(1, 1, 4), [[[0.5, 0.3, 0.2, 0.0]]]
    best = deletion_insertion(np.array([[4.0, 3, 2, 1]]), image, share(weights), steps=4)
    assert best.deletion == pytest.approx((0.5 + 0.5 + 0.2 + 0) / 4)
    assert best.insertion == pytest.approx((0.5 + 0.8 + 1 + 0.5) / 4)
    worst = deletion_insertion(np.array([[1.0, 2, 3, 4]]), image, share(weights), steps=4)
    assert worst.deletion == pytest.approx(best.insertion)
    assert worst.score == pytest.approx(-best.score)


def test_it_is_the_papers_loop():
    """One pixel after the other is overwritten, each time the network is asked."""
    rng = np.random.default_rng(0)
    heat, image = rng.random((3, 4)), torch.rand(2, 3, 4)
    weights = torch.rand(2, 3, 4)

    def probability(x):
        return torch.sigmoid((x * weights).sum((1, 2, 3)) - 2)

    order = sorted(np.ndindex(3, 4), key=lambda at: -heat[at])
    areas = []
    for shown, source in ((image.clone(), torch.full_like(image, 0.3)),
                          (torch.full_like(image, 0.3), image)):  # fmt: skip
        curve = [float(probability(shown[None]))]
        for at in order:
            shown[(slice(None), *at)] = source[(slice(None), *at)]
            curve.append(float(probability(shown[None])))
        areas.append(sum((a + b) / 2 for a, b in pairwise(curve)) / 12)
    found = deletion_insertion(heat, image, probability, steps=12, gone=0.3)
    assert (found.deletion, found.insertion) == pytest.approx(areas)


def test_volumes_and_maps_that_tell_nothing():
    image = torch.ones(1, 2, 3, 4)
    found = deletion_insertion(np.zeros((2, 3, 4)), image, lambda x: x.mean((1, 2, 3, 4)), steps=6)
    assert (found.deletion, found.insertion) == pytest.approx((0.5, 0.5))


def test_what_fits_not_is_refused():
    image = torch.ones(1, 2, 2)
    for heat, steps in ((np.zeros((2, 3)), 4), (np.zeros((2, 2)), 0), (np.full((2, 2), np.nan), 4)):
        with pytest.raises(ValueError, match="must be"):
            deletion_insertion(heat, image, lambda x: x.sum((1, 2, 3)), steps=steps)
