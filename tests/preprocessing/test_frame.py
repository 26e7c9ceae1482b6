"""Into a template's frame and back: by hand, by SimpleITK, and through a plan."""

import numpy as np
import pytest

from segscope.errors import InputError
from segscope.images import Frame, Grid, Image, LabelMap
from segscope.preprocessing import ChannelPlan, Plan, pack_way_back, unpack_way_back
from segscope.preprocessing.frame import into_frame, labels_into_frame, read_at
from segscope.priors import onto

# axes that are turned, one backwards; voxels of three sizes
HEAD = Grid((40, 44, 36), [[0, 0, 2.5, -40], [-2, 0, 0, 45], [0, 3, 0, -60], [0, 0, 0, 1]])
TEMPLATE = Grid((50, 48, 52), [[2, 0, 0, -50], [0, 2, 0, -48], [0, 0, 2, -52], [0, 0, 0, 1.0]])


def tilted(degrees=12.0, shift=(6.0, -4.0, 3.0)):
    a = np.deg2rad(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    matrix[:3, 3] = shift
    return matrix


def ball(grid, centre_mm, radius_mm, world=None):
    """What lies within an ellipsoid of the template, on a grid; ``world`` maps points to it."""
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    if world is not None:
        points = points @ world[:3, :3].T + world[:3, 3]
    return np.linalg.norm((points - centre_mm) / np.array([1.4, 1.0, 0.8]), axis=-1) <= radius_mm


def plan(**changes):
    wanted = {
        "image_dims": 3,
        "spatial_dims": 3,
        "orientation": "RAS",
        "spacing_mm": (2, 2, 2),
        "frame": "template",
        "channels": (ChannelPlan(name="CT", scheme="none"),),
    }
    return Plan.model_validate({**wanted, **changes})


def test_values_are_simple_itks():
    array = np.random.default_rng(0).random(HEAD.shape).astype(np.float32)
    ours = read_at(array, HEAD, TEMPLATE, tilted(), outside=-1)
    theirs = onto(array, HEAD, TEMPLATE, tilted(), outside=-1)
    assert 0.05 < (theirs == -1).mean() < 0.95
    edge = (ours == -1) != (theirs == -1)  # a voxel that lies on a face to the last bit
    assert edge.mean() < 1e-4
    np.testing.assert_allclose(ours[~edge], theirs[~edge], atol=1e-4)


def test_between_two_voxels_and_beyond_the_face_by_hand():
    line = Grid.from_spacing((3, 1))
    array = np.array([[0.0], [8.0], [4.0]])
    quarter = np.array([[1, 0, 0.25], [0, 1, 0], [0, 0, 1]])
    assert read_at(array, line, line, quarter, outside=9).ravel().tolist() == [2.0, 7.0, 4.0]
    further = np.array([[1, 0, 0.75], [0, 1, 0], [0, 0, 1]])
    assert read_at(array, line, line, further, outside=9).ravel().tolist() == [6.0, 5.0, 9.0]


def test_a_finer_image_is_averaged_and_a_mask_stays_one():
    fine = Grid.from_spacing((8, 2))
    array = np.tile([[0.0], [1.0]], (4, 2))
    coarse = Grid((2, 1), [[4, 0, 1.5], [0, 2, 0.5], [0, 0, 1]])
    frame = Frame(coarse, np.eye(3))
    found = into_frame(Image(array[None], fine), coarse, frame)
    assert found.array.ravel() == pytest.approx([0.5, 0.5], abs=0.15)
    mask = np.zeros((8, 2), np.uint8)
    mask[:3] = 255  # three rows of the first four: more than half
    shown = into_frame(Image(mask[None], fine), coarse, frame, masks=[0])
    assert shown.array.ravel().tolist() == [1.0, 0.0]


def test_labels_are_the_largest_share():
    labels = np.array([[0, 0], [0, 0], [3, 3], [7, 7]])
    line = Grid.from_spacing((4, 2))
    half = Frame(line, np.array([[1, 0, 0.4], [0, 1, 0], [0, 0, 1]]))
    # at 0.4, 1.4, 2.4 and 3.4: nearest first; the face is at 3.5
    assert labels_into_frame(labels, line, line, half)[:, 0].tolist() == [0, 0, 3, 7]
    far = Frame(line, np.array([[1, 0, 3.0], [0, 1, 0], [0, 0, 1]]))
    assert labels_into_frame(labels, line, line, far)[:, 0].tolist() == [7, 0, 0, 0]


def test_two_scans_of_one_head_are_alike_in_the_frame():
    """The head that lies tilted and 8 mm off is in the template's place, and its label too."""
    world = np.linalg.inv(tilted())
    image = Image(100.0 * ball(HEAD, (3, -5, 2), 26, world)[None], HEAD,
                  frame=Frame(TEMPLATE, tilted()))  # fmt: skip
    label = LabelMap(ball(HEAD, (3, -5, 2), 15, world).astype(np.uint8), HEAD)
    prepared = plan().apply(image)
    assert prepared.native is HEAD
    assert prepared.grid.matches(TEMPLATE)
    expected = ball(TEMPLATE, (3, -5, 2), 26)
    found = prepared.array[0] > 50
    assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) > 0.97
    inner, wanted = plan().apply_label(label, prepared) > 0, ball(TEMPLATE, (3, -5, 2), 15)
    assert 2 * (inner & wanted).sum() / (inner.sum() + wanted.sum()) > 0.95
    own = plan(frame="own").apply(image)
    assert own.grid.shape != prepared.grid.shape


def test_predictions_come_back_to_the_files_own_grid():
    world = np.linalg.inv(tilted())
    image = Image(100.0 * ball(HEAD, (3, -5, 2), 26, world)[None], HEAD,
                  frame=Frame(TEMPLATE, tilted()))  # fmt: skip
    prepared = plan().apply(image)
    inside = ball(TEMPLATE, (3, -5, 2), 15).astype(np.float32)
    classes = np.stack([1 - inside, inside])
    expected = ball(HEAD, (3, -5, 2), 15, world)
    for label in (
        plan().undo(classes, prepared).to_labels(),
        plan().undo_labels(classes, prepared),
    ):
        assert label.grid is HEAD
        dice = 2 * (label.array & expected).sum() / (label.array.sum() + expected.sum())
        assert dice > 0.95
    # where the template does not reach, background is certain
    background = plan().undo(classes, prepared).array[0]
    beyond = onto(np.ones(TEMPLATE.shape, np.uint8), TEMPLATE, HEAD, world, nearest=True) == 0
    assert beyond.any()
    assert (background[beyond] == 1).all()


def test_a_cut_frame_and_its_way_back_are_kept():
    cut = plan(crop_mm=(60.0, 60.0, 60.0))
    image = Image(np.ones((1, *HEAD.shape)), HEAD, frame=Frame(TEMPLATE, tilted()))
    prepared = cut.apply(image)
    assert prepared.grid.shape == (30, 30, 30)
    again = unpack_way_back(pack_way_back(prepared), prepared.array)
    noise = np.random.default_rng(1).random((2, 30, 30, 30)).astype(np.float32)
    first, second = (cut.undo(noise, one).array for one in (prepared, again))
    np.testing.assert_array_equal(first, second)
    assert 0 < (first[0] != 1).mean() < 0.5


def test_an_image_that_was_not_registered_is_refused():
    with pytest.raises(InputError, match="was not registered to the template"):
        plan().apply(Image(np.ones((1, *HEAD.shape)), HEAD))


def test_a_plan_in_the_files_own_frame_is_written_as_before():
    assert "frame" not in plan(frame="own").model_dump_json()
