"""Labels and thresholds from maps, by hand."""

import numpy as np
import pytest
import torch

from segscope.explain.weak_labels import image_level_threshold, weak_label


def test_the_image_level_threshold_keeps_what_the_class_needs():
    levels = np.zeros((4, 4), np.uint8)
    levels[:2, :2], levels[0, 0] = 100, 250
    image = torch.zeros(1, 4, 4)
    image[0, :2, :2] = 1.0

    def seen(x):  # sure as soon as all four bright pixels are there
        return (x.sum((1, 2, 3)) >= 4).float()

    # 96 is the highest of 0, 8, ... below 100: all four are kept, and the rest has none
    assert image_level_threshold(levels, image, seen) == 96
    np.testing.assert_array_equal(weak_label(levels, 96), (levels >= 100).astype(np.uint8))
    with pytest.raises(ValueError, match="sides"):
        image_level_threshold(levels, image[:, :2], seen)
