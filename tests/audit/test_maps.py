"""Maps of one case, drawn on the plane where there is most to see."""

import numpy as np
import torch
from torch import nn

from segscope.audit.maps import draw_case
from tests.audit.built import disc, threshold_network


def test_maps_of_a_network_that_is_known_are_its_disc():
    name, image, truth = disc()
    drawn = draw_case(threshold_network(), (name, image, truth), units=[("1", 0), ("1", 1)],
                      heat_layers=["1"])  # fmt: skip
    expected = truth[0].numpy()
    np.testing.assert_array_equal(drawn.truth, expected)
    np.testing.assert_array_equal(drawn.output, expected)
    np.testing.assert_array_equal(drawn.image, image.numpy())
    np.testing.assert_array_equal(drawn.layers["1"], expected)
    own, constant = drawn.units
    np.testing.assert_array_equal(own.segmentation, expected)
    assert not constant.segmentation.any()  # a unit of one value tells nothing apart
    assert set(np.unique(drawn.heat[expected == 0])) == {0.0}
    assert (drawn.heat[expected == 1] > 0).all()


def test_volumes_are_cut_where_the_truth_is_largest_and_turned():
    net = nn.Sequential(nn.Conv3d(1, 1, 1))
    with torch.no_grad():
        net[0].weight.fill_(20)
        net[0].bias.fill_(-10)
    truth = torch.zeros(1, 4, 6, 5, dtype=torch.long)
    truth[0, 1, 2, :] = 1
    truth[0, 0:2, 1:3, 3] = 1
    drawn = draw_case(net, ("v", truth.float(), truth), layers=["0"])
    expected = np.rot90(truth[0, :, :, 3].numpy())
    np.testing.assert_array_equal(drawn.truth, expected)
    np.testing.assert_array_equal(drawn.output, expected)
    assert drawn.image.shape == (1, 6, 4)
    assert drawn.heat is None


def test_without_truth_there_is_none_to_draw():
    assert draw_case(threshold_network(), disc(truth=False)).truth is None
