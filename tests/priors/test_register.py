"""Registration: known transforms are found again, the same twice, between modalities too."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from segscope.data import read_image
from segscope.images import Grid
from segscope.priors import Transform, onto, register

SPACING = (1.5, 1.0, 2.0)


def head(shape=(40, 56, 30)):
    """An ellipsoid with uneven insides, as no two of its axes are alike."""
    places = np.indices(shape).astype(float)
    centre = np.array([s * f for s, f in zip(shape, (0.45, 0.5, 0.55), strict=True)])
    radii = np.array(shape) * np.array([0.3, 0.35, 0.4])
    far = (((places - centre[:, None, None, None]) / radii[:, None, None, None]) ** 2).sum(0)
    image = np.where(far < 1, 100.0, 0.0)
    image[far < 0.5] = 160
    image[12:17, 20:26, 12:18] = 230
    image[22:26, 32:40, 18:22] = 20
    return ndimage.gaussian_filter(image, 0.7)


def turned(degrees, shift):
    angle = np.radians(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    centre = np.array([30.0, 28.0, 30.0])
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre + shift
    return matrix


@pytest.mark.parametrize("kind", ["rigid", "affine"])
def test_a_known_turn_is_found_again(kind):
    grid = Grid.from_spacing((40, 56, 30), SPACING)
    template, truth = head(), turned(8, (4.0, -3.0, 2.0))
    # the image at a point shows the template at truth^-1 of it
    moved = onto(template, grid, grid, np.linalg.inv(truth))
    found = register(moved, grid, template, grid, kind=kind)
    corners = np.array([[15.0, 12, 15], [45, 12, 45], [15, 44, 30], [40, 40, 20]])
    apart = found.to_image(corners) - Transform(truth, 0).to_image(corners)
    assert np.linalg.norm(apart, axis=1).max() < 1.5


def test_the_same_answer_twice_and_another_seed_is_close():
    grid = Grid.from_spacing((40, 56, 30), SPACING)
    template = head()
    moved = np.roll(template, (2, 3, 1), (0, 1, 2))
    first, again = (register(moved, grid, template, grid, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.matrix, again.matrix)
    other = register(moved, grid, template, grid, seed=4)
    assert not np.array_equal(first.matrix, other.matrix)
    np.testing.assert_allclose(other.to_image([[30, 28, 30]]), [[33, 31, 32]], atol=1.0)
    np.testing.assert_allclose(first.to_image([[30, 28, 30]]), [[33, 31, 32]], atol=1.0)


def test_inverted_contrast_and_another_surround_are_registered_too():
    grid = Grid.from_spacing((40, 56, 30), SPACING)
    template = head()
    moved = 500 - 2 * np.roll(template, (2, 3, 1), (0, 1, 2))
    found = register(moved, grid, template, grid)
    np.testing.assert_allclose(found.to_image([[30, 28, 30]]), [[33, 31, 32]], atol=1.5)


def test_axes_that_are_stored_otherwise_change_nothing():
    template = head()
    grid = Grid.from_spacing(template.shape, SPACING)
    flipped = np.diag([-1.5, 1.0, 2.0, 1.0])
    flipped[0, 3] = 1.5 * 39
    stored = Grid(template.shape, flipped)
    found = register(template[::-1], stored, template, grid)
    corners = np.array([[15.0, 12, 15], [45, 44, 45]])
    np.testing.assert_allclose(found.to_image(corners), corners, atol=0.6)


def test_there_and_back_is_where_one_was():
    found = Transform(turned(20, (1, 2, 3)), -1.0)
    points = np.random.default_rng(0).normal(size=(5, 3)) * 50
    np.testing.assert_allclose(found.to_template(found.to_image(points)), points, atol=1e-9)
    again = Transform.from_dict(found.to_dict())
    np.testing.assert_array_equal(again.matrix, found.matrix)
    assert again.metric == -1.0


@given(st.integers(0, 3), st.integers(-3, 3), st.booleans())
def test_whole_voxels_are_moved_exactly(axis, steps, nearest):
    random = np.random.default_rng(axis)
    array = random.integers(0, 255, (6, 7, 8)).astype(np.uint8)
    grid = Grid.from_spacing(array.shape, (2.0, 1.0, 0.5))
    shift = np.eye(4)
    axis %= 3
    shift[axis, 3] = steps * grid.spacing_mm[axis]
    found = onto(array, grid, grid, shift, nearest=nearest, outside=7)
    expected = np.full_like(array, 7)
    from_, to = [slice(None)] * 3, [slice(None)] * 3
    side = array.shape[axis]
    from_[axis] = slice(max(0, steps), min(side, side + steps))
    to[axis] = slice(max(0, -steps), min(side, side - steps))
    expected[tuple(to)] = array[tuple(from_)]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == (np.uint8 if nearest else np.float32)


def test_onto_agrees_with_scipy():
    random = np.random.default_rng(0)
    array = random.normal(size=(9, 10, 11))
    grid = Grid.from_spacing(array.shape, SPACING)
    target = Grid.from_spacing((5, 6, 7), (2.0, 1.5, 2.5))
    matrix = turned(10, (0.5, 0.2, 0.1))
    whole = np.linalg.inv(grid.affine) @ matrix @ target.affine
    expected = ndimage.affine_transform(
        array, whole[:3, :3], whole[:3, 3], target.shape, order=1, cval=-1
    )
    found = onto(array, grid, target, matrix, outside=-1)
    inside = ndimage.affine_transform(
        np.ones(array.shape), whole[:3, :3], whole[:3, 3], target.shape, order=1, cval=0
    ) > 0.999  # fmt: skip
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-5)


def test_unusable_arguments_are_named():
    plane, volume = Grid.from_spacing((8, 8)), Grid.from_spacing((8, 8, 8))
    with pytest.raises(ValueError, match="kind must be rigid or affine, got 'b'"):
        register(np.zeros((8, 8)), plane, np.zeros((8, 8)), plane, kind="b")
    with pytest.raises(ValueError, match="2D and 3D"):
        register(np.zeros((8, 8)), plane, np.zeros((8, 8, 8)), volume)


def test_real_heads_come_to_lie_on_the_template(shared_data):
    folder = shared_data / "brats2013_glioma" / "imagesTr"
    template, image = (
        read_image(folder / f"brats2013_pat{k}_0000.nii.gz") for k in ("0001", "0004")
    )
    found = register(image.array[0], image.grid, template.array[0], template.grid, kind="affine")
    seen = onto(image.array[0], image.grid, template.grid, found.matrix, outside=-9) > -3
    inside = template.array[0] > template.array[0].min() + 0.1
    before = onto(image.array[0], image.grid, template.grid, outside=-9) > -3

    def dice(mask):
        return 2 * (mask & inside).sum() / (mask.sum() + inside.sum())

    assert dice(seen) > 0.93
    assert dice(seen) > dice(before)
