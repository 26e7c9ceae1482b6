"""Preparations near the named one are tried where the truth can tell."""

import numpy as np
import pytest

from segscope.audit import far_better, name_preparation, try_neighbours
from segscope.data import open_dataset
from tests.audit.prepared import Threshold
from tests.synthetic import write_plane_dataset


@pytest.fixture(scope="module")
def planes(tmp_path_factory):
    return open_dataset(write_plane_dataset(tmp_path_factory.mktemp("planes"), cases=3))


def test_a_far_better_neighbour_is_found(planes):
    """A network for values of 0 to 1 is shown 0 to 255: all of the image is object."""
    from segscope.data import load_of

    loaded = load_of(planes, planes.training[0])
    inside = loaded.image.array[0][loaded.label.array == 1]
    outside = loaded.image.array[0][loaded.label.array == 0]
    middle = (float(np.median(inside)) + float(np.median(outside))) / 2 / 255
    net = Threshold(2, middle, 50.0 if np.median(inside) > np.median(outside) else -50.0)
    wrong = name_preparation("asis", planes, net, probabilities=False)
    tried = try_neighbours(net, wrong, planes.training)
    assert far_better(tried).name == "stored values / 255"
    assert tried[0].name == "as named"
    assert tried[0].dice < 0.5 < far_better(tried).dice


def test_what_was_named_rightly_has_no_better_neighbour(planes):
    from segscope.data import load_of

    loaded = load_of(planes, planes.training[0])
    inside = loaded.image.array[0][loaded.label.array == 1]
    outside = loaded.image.array[0][loaded.label.array == 0]
    middle = (float(np.median(inside)) + float(np.median(outside))) / 2
    net = Threshold(2, middle, 1.0 if np.median(inside) > np.median(outside) else -1.0)
    right = name_preparation("asis", planes, net, probabilities=False)
    assert far_better(try_neighbours(net, right, planes.training)) is None


def test_without_truth_nothing_is_tried(planes):
    from dataclasses import replace

    net = Threshold(2, 1, 1)
    right = name_preparation("asis", planes, net, probabilities=False)
    blind = [replace(case, label_file=None) for case in planes.training]
    assert try_neighbours(net, right, blind) == ()
