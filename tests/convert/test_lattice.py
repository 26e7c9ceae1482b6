"""Arrays are moved onto the places where they lie, or refused."""

import nibabel as nib
import numpy as np
import pytest

from segscope.convert.lattice import find_placing, placed
from segscope.images import Grid

TURNED = np.array([[0, -1.5, 0.2, 3], [2, 0, 0, -7], [0, 0.3, 2.9, 11], [0, 0, 0, 1]])


@pytest.mark.parametrize("code", ["RAS", "LPS", "SAR", "PIR", "ALI"])
def test_an_array_stored_along_other_axes_comes_back(code):
    """Another library turns the axes."""
    truth = np.random.default_rng(0).integers(0, 9, (4, 5, 6)).astype(np.uint8)
    image = nib.Nifti1Image(truth, TURNED)
    way = nib.orientations.ornt_transform(
        nib.io_orientation(TURNED), nib.orientations.axcodes2ornt(tuple(code))
    )
    stored = image.as_reoriented(way)
    back = placed(np.asarray(stored.dataobj), stored.affine, Grid(truth.shape, TURNED))
    np.testing.assert_array_equal(back, truth)


def test_a_part_is_put_where_it_was_cut_from():
    truth = np.zeros((6, 5, 4), np.uint8)
    truth[2:4, 1:4, 3] = 7
    affine = TURNED.copy()
    affine[:3, 3] = (TURNED @ [2, 1, 3, 1])[:3]
    found = placed(truth[2:, 1:, 3:], affine, Grid(truth.shape, TURNED))
    np.testing.assert_array_equal(found, truth)


def test_a_larger_one_may_only_be_empty_outside():
    grid = Grid.from_spacing((2, 2, 2))
    large = np.zeros((4, 2, 2), np.uint8)
    affine = np.eye(4)
    affine[0, 3] = -1
    large[1, 0, 0] = 5
    assert placed(large, affine, grid)[0, 0, 0] == 5
    large[0, 0, 0] = large[3, 1, 1] = 1
    with pytest.raises(ValueError, match="2 of its voxels lie outside"):
        placed(large, affine, grid)
    affine[0, 3] = 9
    with pytest.raises(ValueError, match="3 of its voxels lie outside"):
        placed(large, affine, grid)


@pytest.mark.parametrize(
    ("change", "said"),
    [((0, 3, 0.5), "0.50 voxels off"), ((0, 0, 2.0), "are not those of the image"),
     ((0, 1, 1.0), "are not those of the image"), ((0, 0, 1.05), "voxels off")],
    ids=["between", "twice the spacing", "sheared", "a little more spacing"],
)  # fmt: skip
def test_other_lattices_are_refused(change, said):
    affine = np.eye(4)
    affine[change[:2]] = change[2]
    with pytest.raises(ValueError, match=said):
        find_placing((5, 5, 5), affine, Grid.from_spacing((5, 5, 5)))


def test_rounded_numbers_are_no_other_lattice():
    affine = np.diag([0.9765625, 0.9765625, 2, 1])
    rounded = np.diag([0.9766, 0.9766, 2, 1])
    placing = find_placing((512, 512, 20), rounded, Grid((512, 512, 20), affine))
    assert placing.start == (0, 0, 0)
    assert not placing.moves
