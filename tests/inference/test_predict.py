"""One image through a network: windows, mirrors, slices, and its own geometry again."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.inferers.utils import sliding_window_inference

from segscope.errors import InputError, WorkError
from segscope.images import Grid, Image
from segscope.inference import (
    TrainedModel,
    predict_labels,
    predict_prepared,
    predict_probabilities,
)
from segscope.networks import build_network
from tests.inference.nets import Pointwise, random_model, spec_of, threshold_model

SIDES = st.tuples(st.integers(1, 23), st.integers(1, 23))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def constant_model(values, **options):
    spec = spec_of(2, classes=len(values), **options)
    return TrainedModel(spec, Pointwise(2, [0.0] * len(values), values))


def orders():
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            yield order, signs


def turned(image, order, signs):
    """The same voxels at the same places in the world, stored along other axes."""
    array = image.array.transpose(0, *(1 + k for k in order))
    step = np.zeros((4, 4))  # new index -> old index
    step[3, 3] = 1
    for axis, (old, sign) in enumerate(zip(order, signs, strict=True)):
        step[old, axis] = sign
        if sign < 0:
            step[old, 3] = image.grid.shape[old] - 1
            array = np.flip(array, 1 + axis)
    return Image(array, Grid(array.shape[1:], image.grid.affine @ step))


def turned_array(array, order, signs):
    flipped = [axis for axis, sign in enumerate(signs) if sign < 0]
    return np.flip(array.transpose(order), flipped)


def oblique_image(shape=(9, 11, 8)):
    a, b = 0.31, -0.17
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag([1.0, 1.5, 2.5])
    affine[:3, 3] = (-20.0, 31.5, 7.25)
    return Image(noise(1, *shape), Grid(shape, affine))


def test_a_sigmoid_network_gives_the_sigmoid_of_its_logit_and_more_channels_their_softmax():
    x = np.zeros((1, 4, 4), np.float32)
    assert predict_prepared(constant_model([math.log(3)]), x)[0] == pytest.approx(0.75)
    found = predict_prepared(constant_model([0.0, math.log(2), 0.0]), x)
    assert found[:, 0, 0] == pytest.approx([0.25, 0.5, 0.25])


@pytest.mark.parametrize("image_dims", [2, 3])
def test_a_threshold_network_labels_exactly_the_voxels_above_it(image_dims):
    model = threshold_model(image_dims, above=0.3, patch=(8,) * image_dims)
    array = noise(1, *(9, 21, 13)[:image_dims])
    array[np.abs(array - 0.3) < 0.01] = 0
    image = Image(array, Grid.from_spacing(array.shape[1:]))
    assert (predict_labels(model, image).array == (array[0] > 0.3)).all()


@settings(max_examples=30)
@given(SIDES, st.sampled_from([(8, 8), (8, 16), (30, 30)]), st.floats(0, 0.9))
def test_constant_logits_stay_constant_whatever_the_windows(sides, patch, overlap):
    model = constant_model([0.3, -1.0, 2.0], patch=patch)
    found = predict_prepared(model, noise(1, *sides), overlap=overlap, mirror=True)
    expected = torch.tensor([0.3, -1.0, 2.0]).softmax(0).numpy()
    np.testing.assert_allclose(found, np.broadcast_to(expected[:, None, None], found.shape), 2e-6)


@settings(max_examples=30)
@given(SIDES, st.sampled_from([(8, 8), (8, 16), (30, 30)]), st.floats(0, 0.9), st.booleans())
def test_windows_and_mirrors_do_not_move_a_network_of_single_voxels(sides, patch, overlap, mirror):
    model = threshold_model(2, patch=patch)
    x = noise(1, *sides)
    found = predict_prepared(model, x, overlap=overlap, mirror=mirror)
    np.testing.assert_allclose(found[1], 1 / (1 + np.exp(-8.0 * (x[0] - 0.5))), atol=2e-6)


def test_windows_are_blended_as_a_plain_loop_blends_them():
    model = random_model(2, patch=(16, 16))
    x = noise(1, 40, 27)
    weight_1d = np.exp(-0.5 * ((np.arange(16) - 7.5) / (0.125 * 16)) ** 2)
    weight = np.maximum(np.outer(weight_1d, weight_1d), 1e-3)
    total, count = np.zeros((2, 40, 27)), np.zeros((40, 27))
    for top, left in itertools.product((0, 8, 16, 24), (0, 8, 11)):
        window = np.s_[top : top + 16, left : left + 16]
        with torch.no_grad():
            logits = model.net(torch.from_numpy(x[(None, slice(None), *window)]))[0].numpy()
        total[(slice(None), *window)] += weight * logits
        count[window] += weight
    expected = torch.from_numpy(total / count).softmax(0).numpy()
    np.testing.assert_allclose(predict_prepared(model, x), expected, atol=1e-5)


def test_an_image_that_needs_no_padding_goes_through_in_one_pass():
    model = random_model(2, patch=(16, 16))
    x = noise(1, 16, 12)
    with torch.no_grad():
        expected = model.net(torch.from_numpy(x)[None])[0].softmax(0).numpy()
    np.testing.assert_array_equal(predict_prepared(model, x), expected)


@pytest.mark.parametrize("classes", [1, 4])
@pytest.mark.parametrize("spacing", [None, (1.4, 1.2, 1.7)])
def test_labels_are_made_slab_by_slab_and_equal_those_of_probabilities(classes, spacing):
    model = random_model(3, classes=classes, patch=(16, 16, 16), spacing_mm=spacing, crop=True)
    array = noise(1, 30, 41, 26)
    array[:, :3] = array.min()  # what is cut off
    image = Image(array, Grid((30, 41, 26), oblique_image().grid.affine))
    native = predict_probabilities(model, image).array
    label = predict_labels(model, image).array
    if classes == 1:
        assert (label == (native[0] > 0.5))[abs(native[0] - 0.5) > 1e-5].all()
    else:
        chosen = np.take_along_axis(native, label[None].astype(np.intp), 0)[0]
        assert (chosen >= native.max(0) - 1e-5).all()


def test_mirroring_makes_a_network_blind_to_mirrored_images():
    model = random_model(2, patch=(16, 16))
    x = noise(1, 16, 16)
    there, back = (predict_prepared(model, a, mirror=True) for a in (x, x[:, ::-1, ::-1]))
    np.testing.assert_allclose(back[:, ::-1, ::-1], there, atol=1e-6)
    plain, plain_back = (predict_prepared(model, a) for a in (x, x[:, ::-1, ::-1]))
    assert np.abs(plain_back[:, ::-1, ::-1] - plain).max() > 1e-3


def test_mirroring_averages_over_the_allowed_axes_alone():
    model = random_model(2, patch=(16, 16))
    spec = model.spec.model_copy(update={"mirror_axes": (1,)})
    x = noise(1, 16, 16)
    found = predict_prepared(TrainedModel(spec, model.net), x, mirror=True)
    flipped = predict_prepared(model, x[:, :, ::-1])[:, :, ::-1]
    np.testing.assert_allclose(found, (predict_prepared(model, x) + flipped) / 2, atol=1e-6)


def test_mirroring_a_model_that_has_no_axis_for_it_is_refused():
    model = random_model(2)
    spec = model.spec.model_copy(update={"mirror_axes": ()})
    with pytest.raises(InputError, match="mirror"):
        predict_prepared(TrainedModel(spec, model.net), noise(1, 8, 8), mirror=True)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_plane_network_takes_a_volume_slice_by_slice(axis, batch):
    model = random_model(2, image_dims=3, slice_axis=axis)
    plane = random_model(2)
    x = noise(1, 10, 7, 8)
    found = predict_prepared(model, x, batch=batch)
    for k in range(x.shape[1 + axis]):
        alone = predict_prepared(plane, np.take(x, k, 1 + axis))
        np.testing.assert_allclose(np.take(found, k, 1 + axis), alone, atol=1e-6)


def by_monai(model, x, flips, overlap):
    """Logits of an image or slice ``(1, *S)``: windows of MONAI, one of all where it is small."""
    patch, multiple, sides = model.spec.patch, model.net.multiple, x.shape[1:]
    one = all(side <= 1.25 * size for side, size in zip(sides, patch, strict=True))
    window = [-(-s // m) * m for s, m in zip(sides if one else patch, multiple, strict=True)]
    shown = torch.from_numpy(x).flip(flips)[None]
    with torch.inference_mode():
        found = sliding_window_inference(
            shown, window, 8, model.net, overlap=overlap, mode="gaussian", sigma_scale=0.125,
            padding_mode="replicate",
        )  # fmt: skip
    return found[0].flip(flips)


SIDE = st.sampled_from([1, 2, 3, 7, 8, 11, 19, 20, 21, 31])


@settings(max_examples=50)
@given(
    image=st.tuples(SIDE, SIDE, SIDE),
    patch=st.tuples(*(st.sampled_from([4, 16, 24]) for _ in range(3))),
    shape=st.sampled_from(["plane", "volume", "slices 0", "slices 1", "slices 2"]),
    overlap=st.sampled_from([0.0, 0.5, 0.7]),
    batch=st.integers(1, 5),
    mirror=st.booleans(),
)
def test_every_size_of_image_patch_and_slice_is_monais(image, patch, shape, **how):
    kind, axis = (*shape.split(), None)[:2]
    dims = 3 if kind == "volume" else 2
    if kind == "volume":  # fewer voxels, as every one takes 27 products
        image, patch = tuple(min(side, 11) for side in image), tuple(min(p, 8) for p in patch)
    slices = {"image_dims": 3, "slice_axis": int(axis)} if axis else {}
    model = random_model(dims, patch=patch[:dims], widths=(2, 2), **slices)
    x = noise(1, *(image[:2] if kind == "plane" else image))
    found = predict_prepared(model, x, **how)
    axes = range(1, 1 + dims)
    copies = [f for n in axes for f in itertools.combinations(axes, n)] if how["mirror"] else []
    parts = np.moveaxis(x, 1 + int(axis), 0) if axis else [x]  # each (1, *S)
    every = [[by_monai(model, part, f, how["overlap"]) for f in ((), *copies)] for part in parts]
    expected = torch.stack([torch.stack(one).softmax(1).mean(0) for one in every])
    expected = expected.movedim(0, 1 + int(axis)) if axis else expected[0]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_the_axes_that_are_mirrored_are_those_of_the_slices(slice_axis):
    model = random_model(2, patch=(16, 16), image_dims=3, slice_axis=slice_axis)
    spec = model.spec.model_copy(update={"mirror_axes": (1,)})  # the second side of a slice
    second = [axis for axis in (0, 1, 2) if axis != slice_axis][1]
    x = noise(1, 16, 12, 20)
    found = predict_prepared(TrainedModel(spec, model.net), x, mirror=True)
    plain, flipped = predict_prepared(model, x), predict_prepared(model, np.flip(x, 1 + second))
    np.testing.assert_allclose(found, (plain + np.flip(flipped, 1 + second)) / 2, atol=1e-6)


@pytest.mark.parametrize("mirror", [False, True], ids=["plain", "mirrored"])
@pytest.mark.parametrize(
    ("slices", "patch"),
    [((30, 100), 64), ((62, 200), 96), ((1, 90), 64), ((100, 30), 64)],
    ids=["30x100", "62x200", "one row", "100x30"],
)
def test_slices_that_are_far_shorter_than_a_window_are_predicted(slices, patch, mirror):
    options = {"patch": (patch, patch), "image_dims": 3, "slice_axis": 2}
    model = threshold_model(2, channels=[{"name": "x", "scheme": "none"}], **options)
    image = Image(noise(1, *slices, 3), Grid.from_spacing((*slices, 3)))
    label = predict_labels(model, image, mirror=mirror)
    assert (label.array == (image.array[0] > 0.5)).all()


@pytest.mark.parametrize(
    "options",
    [
        {"dims": 3, "crop": True, "spacing_mm": (1.2, 1.2, 2.0)},
        {"dims": 2, "image_dims": 3, "slice_axis": 2},
        {"dims": 2, "image_dims": 3, "slice_axis": 0, "resize": (16, 12)},
    ],
)
def test_a_volume_in_any_of_48_orders_gets_the_same_answer_at_the_same_places(options):
    model = random_model(**options)
    image = oblique_image()
    expected = predict_probabilities(model, image)
    assert expected.array[1].std() > 0.01
    for order, signs in orders():
        other = turned(image, order, signs)
        corner = other.grid.to_world([0, 0, 0])
        source = np.round(image.grid.to_voxel(corner)).astype(int)
        assert other.array[0, 0, 0, 0] == image.array[(0, *source)]
        found = predict_probabilities(model, other)
        assert found.grid is other.grid
        for there, here in zip(found.array, expected.array, strict=True):
            np.testing.assert_array_equal(there, turned_array(here, order, signs))


def test_labels_are_those_of_the_probabilities():
    model = random_model(3, classes=3, crop=True, spacing_mm=(1.3, 1.1, 2.0))
    image = oblique_image()
    labels = predict_labels(model, image, mirror=True)
    found = predict_probabilities(model, image, mirror=True)
    np.testing.assert_array_equal(labels.array, found.to_labels().array)
    np.testing.assert_allclose(found.array.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_image_is_predicted_without_a_nan_and_said(value):
    model = threshold_model(3, channels=[{"name": "T1", "scheme": "zscore"}], crop=True)
    image = Image(np.full((1, 5, 6, 7), value, np.float32), Grid.from_spacing((5, 6, 7)))
    label = predict_labels(model, image)
    assert label.array.shape == (5, 6, 7)
    assert "constant" in " ".join(label.notes)


class Failing(Pointwise):
    """Raises what it was given."""

    def __init__(self, error):
        super().__init__(2, [0.0], [0.0])
        self.error = error

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_running_out_of_memory_says_what_to_try(error):
    model = TrainedModel(spec_of(2, classes=1), Failing(error))
    with pytest.raises(WorkError, match="memory ran out on cpu; try --batch 1"):
        predict_prepared(model, noise(1, 8, 8))


def test_the_remedy_for_lack_of_memory_is_the_right_one(monkeypatch):
    model = TrainedModel(spec_of(2, classes=1), Failing(MemoryError()))
    with pytest.raises(WorkError, match="memory ran out on cpu; crop the image, or close other"):
        predict_prepared(model, noise(1, 8, 8), batch=1)
    spec = spec_of(3, spacing_mm=(1, 1, 2))
    image = Image(noise(1, 8, 9, 7), Grid.from_spacing((8, 9, 7), (3, 3, 3)))

    def short(*_):
        raise MemoryError

    monkeypatch.setattr(type(spec.plan), "apply", short)
    said = "an image of 8 x 9 x 7 voxels of 3 x 3 x 3 mm was prepared to a spacing of 1 x 1 x 2"
    with pytest.raises(WorkError, match=said):
        predict_labels(TrainedModel(spec, model.net), image)


@pytest.mark.parametrize("norm", ["instance", "batch", "group"])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (2, 1, 1), (3, 4, 2), (16, 16, 16), (4, 40, 1)],
    ids=["voxel", "two", "few", "one step", "thin"],
)  # fmt: skip
def test_images_of_few_voxels_get_through_every_norm(norm, shape):
    for dims, options in ((3, {}), (2, {"image_dims": 3, "slice_axis": 2})):
        spec = spec_of(dims, widths=(2, 2, 2), patch=(16,) * dims, **options)
        net = build_network("unet", dims, 1, 2, widths=[2, 2, 2], norm=norm).eval()
        model = TrainedModel(spec, net)
        image = Image(noise(1, *shape), Grid.from_spacing(shape))
        assert predict_labels(model, image).array.shape == shape
        found = predict_probabilities(model, image, overlap=0.0, batch=2).array
        np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


def test_only_what_an_instance_norm_cannot_take_is_padded_further():
    nets = {norm: build_network("unet", 2, 1, 2, widths=[2, 2, 2], norm=norm)
            for norm in ("instance", "batch")}  # fmt: skip
    assert nets["batch"].multiple == (4, 4)
    assert [nets["batch"].padded(sides) for sides in ((1, 1), (4, 3), (5, 3))] == [
        (4, 4), (4, 4), (8, 4),
    ]  # fmt: skip
    assert [nets["instance"].padded(sides) for sides in ((1, 1), (4, 3), (5, 3))] == [
        (8, 8), (8, 8), (8, 4),
    ]  # fmt: skip


def test_other_failures_are_not_hidden_as_lack_of_memory():
    model = TrainedModel(spec_of(2, classes=1), Failing(RuntimeError("a defect")))
    with pytest.raises(RuntimeError, match="a defect"):
        predict_prepared(model, noise(1, 8, 8))


def test_an_output_that_is_no_number_is_an_error_and_not_background():
    with pytest.raises(WorkError, match="not finite"):
        predict_prepared(constant_model([0.0, math.nan]), noise(1, 8, 8))


@pytest.mark.parametrize("wrong", [{"overlap": 1.0}, {"overlap": -0.1}, {"batch": 0}])
def test_impossible_windows_are_refused(wrong):
    with pytest.raises(ValueError, match="must be at least"):
        predict_prepared(random_model(2), noise(1, 8, 8), **wrong)


def test_an_image_of_other_channels_or_dimensions_is_refused():
    for array in (noise(2, 8, 8), noise(1, 8, 8, 8)):
        with pytest.raises(ValueError, match="the plan is for 1 channels in 2D"):
            predict_labels(random_model(2), Image(array, Grid.from_spacing(array.shape[1:])))
