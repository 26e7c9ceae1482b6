"""Run lengths of BMP."""

import numpy as np

from tests.data.decoders.bmp_files import COLOURS, RUNS_8, decoded, pillow
from tests.plane_files import bmp

RUNS_4 = bytes([3, 0x9A, 0, 4, 0x12, 0x34, 0, 0, 7, 0x55, 0, 1])


def test_run_lengths():
    data = bmp(RUNS_8, 7, 3, 8, packing=1, palette=COLOURS.tobytes())
    expected = [[8, 8, 8, 6, 6, 6, 6], [5] * 7, [9, 9, 9, 1, 2, 3, 4]]
    assert decoded(data, stored=True).array[0].tolist() == expected
    np.testing.assert_array_equal(decoded(data).array, pillow(data))
    data = bmp(RUNS_4, 7, 2, 4, packing=2, palette=COLOURS[:16].tobytes())
    assert decoded(data, stored=True).array[0].tolist() == [[5] * 7, [9, 10, 9, 1, 2, 3, 4]]
    np.testing.assert_array_equal(decoded(data).array, pillow(data))
