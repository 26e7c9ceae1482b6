"""How large what a label map holds is."""

import numpy as np
import pytest
from scipy import ndimage

from segscope.images import Grid
from segscope.images.sizes import LabelSize, measure_labels, unit_of


def test_pieces_that_touch_at_a_corner_are_one():
    labels = np.array([[1, 0, 0, 2], [0, 1, 0, 0], [0, 0, 0, 1]], np.uint8)
    assert measure_labels(labels, [1, 2, 3]) == {
        1: LabelSize(voxels=3, components=2, largest=2),
        2: LabelSize(voxels=1, components=1, largest=1),
        3: LabelSize(voxels=0, components=0, largest=0),
    }


def test_it_agrees_with_counting_by_scipy():
    random = np.random.default_rng(0)
    labels = (random.random((12, 9, 14)) > 0.8) * random.integers(1, 4, (12, 9, 14))
    found = measure_labels(labels.astype(np.uint16), [1, 2, 3])
    for value, size in found.items():
        numbered, count = ndimage.label(labels == value, np.ones((3, 3, 3)))
        sizes = np.bincount(numbered.ravel())[1:]
        assert size == LabelSize(int(sizes.sum()), count, int(sizes.max()))


@pytest.mark.parametrize(
    ("grid", "known", "name", "each"),
    [
        (Grid.from_spacing((4, 4, 4), (0.5, 2.0, 3.0)), True, "volume_ml", 0.003),
        (Grid.from_spacing((4, 4, 1), (0.5, 2.0, 3.0)), True, "area_mm2", 1.0),
        (Grid.from_spacing((4, 4), (0.5, 2.0)), True, "area_mm2", 1.0),
        (Grid.from_spacing((4, 4)), False, "", 1.0),
        (Grid.from_spacing((4, 4, 4)), False, "", 1.0),
    ],
    ids=["volume", "slice", "plane", "photograph", "volume_without_spacing"],
)
def test_sizes_are_said_in_what_the_file_knows(grid, known, name, each):
    found = unit_of(grid, spacing_known=known)
    assert (found.name, round(found.per_voxel, 9)) == (name, each)


def test_a_turned_and_sheared_grid_keeps_its_volume():
    affine = np.eye(4)
    # the second axis leans: its part across the first is 2, whatever lies along it
    affine[:3, :3] = np.array([[3.0, 1.5, 0], [0, 2.0, 0], [0, 0, 4.0]])
    assert unit_of(Grid((5, 5, 5), affine), spacing_known=True).per_voxel == pytest.approx(0.024)
    assert unit_of(Grid((5, 5, 1), affine), spacing_known=True).per_voxel == pytest.approx(6.0)
