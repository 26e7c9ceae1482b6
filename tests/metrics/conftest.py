"""What several files of these tests begin with."""

import numpy as np
import pytest
from scipy import ndimage

from tests.metrics.scored import SHAPE, write


@pytest.fixture
def folders(tmp_path):
    random = np.random.default_rng(0)
    for kind in ("truth", "good", "none"):
        (tmp_path / kind).mkdir()
    for k in range(4):
        truth = ndimage.gaussian_filter(random.normal(size=SHAPE), 2) > 0.05
        if k == 3:
            truth[:] = False
        for kind, array in (("truth", truth), ("good", np.roll(truth, 1, 0)), ("none", 0 * truth)):
            write(tmp_path / kind / f"c{k}.nii.gz", array)
    return tmp_path
