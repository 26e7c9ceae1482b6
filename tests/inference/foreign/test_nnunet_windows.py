"""nnU-Net's windows: where they begin, how they are weighted, summed, mirrored and averaged."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from segscope.errors import WorkError
from segscope.images import Grid, Image
from segscope.inference import ForeignSpec, How, Parts, TrainedModel
from segscope.inference.foreign.nnunet_normalise import ChannelRule
from segscope.inference.foreign.nnunet_prepare import NnunetPreparer
from segscope.inference.foreign.nnunet_resample import Resampler
from segscope.inference.foreign.nnunet_windows import NnunetInferer, window_starts, window_weights


class Slope(nn.Module):
    """Two or more logits a voxel: its value times the slopes, and what mirroring turns."""

    def __init__(self, *slopes, tilt=0.0):
        super().__init__()
        self.slopes = nn.Parameter(torch.tensor(slopes))
        self.tilt = tilt

    def forward(self, x):
        slopes = self.slopes.reshape(1, -1, *[1] * (x.ndim - 2))
        ramp = torch.arange(x.shape[2]).reshape(1, 1, -1, *[1] * (x.ndim - 3))
        return x * slopes + self.tilt * ramp


def preparer(patch=(4, 4, 4)):
    nothing = Resampler("no_resampling_hack")
    rule = ChannelRule("MR", "NoNormalization")
    return NnunetPreparer("NibabelIO", (0, 1, 2), (1.0,) * len(patch), patch, (rule,), nothing,
                          nothing)  # fmt: skip


def model_of(net, folds, patch=(4, 4, 4), regions=(), axes=()):
    prepare = preparer(patch)
    inferer = NnunetInferer(prepare, folds, regions)
    spec = ForeignSpec("nnU-Net v2", "Slope", {"background": 0, "a": 1}, ("MR",), patch, axes)
    return TrainedModel(spec, net, parts=Parts(prepare, inferer))


LINE = (4, 1, 1)
"""A patch whose weights are none of float16's smallest, which lose digits."""


def keep(net):
    """A fold whose weights are in the network already."""


def noise(*shape):
    return Image(np.random.default_rng(1).uniform(1, 9, (1, *shape)), Grid.from_spacing(shape))


@pytest.mark.parametrize(("side", "patch", "overlap", "starts"), [
    (4, 4, 0.5, [0]),
    (5, 4, 0.5, [0, 1]),
    (11, 4, 0.5, [0, 2, 4, 5, 7]),
    (10, 4, 0.0, [0, 3, 6]),
])  # fmt: skip
def test_windows_are_spread_evenly_and_halves_are_rounded_to_even(side, patch, overlap, starts):
    assert window_starts(side, patch, overlap) == starts


def test_weights_are_a_gaussian_in_float16_that_is_nowhere_zero():
    weights = window_weights((8, 6))
    point = np.zeros((8, 6))
    point[4, 3] = 1
    bump = ndimage.gaussian_filter(point, [1, 0.75], mode="constant")
    expected = (10 * bump / bump.max()).astype(np.float16)
    assert weights.dtype == torch.float16
    some = expected > 0
    assert np.allclose(weights.numpy()[some], expected[some], rtol=1e-3)
    assert weights.min() > 0
    assert float(weights.max()) == 10


@pytest.mark.parametrize(("patch", "shape"), [((4, 4, 4), (9, 6, 4)), ((4, 4), (7, 5, 3))],
                         ids=["volume", "slices"])  # fmt: skip
def test_sums_are_kept_in_float16_as_nnunet_keeps_them(patch, shape):
    """Written out: the whole image's sums, window after window, where ours go slab by slab."""
    image = noise(*shape)
    model = model_of(Slope(1.0, -2.0), [keep], patch)
    prepared = model.preparer.apply(image)
    found = model.parts.inferer.scores(model, prepared, How())
    x = torch.from_numpy(prepared.array)
    total, norm = torch.zeros(2, *x.shape[1:]).half(), torch.zeros(x.shape[1:]).half()
    first = [None] if len(patch) == 3 else range(x.shape[1])
    starts = [window_starts(n, p, 0.5) for n, p in zip(x.shape[-len(patch) :], patch, strict=True)]
    corners = np.array(np.meshgrid(*starts, indexing="ij")).reshape(len(patch), -1).T
    for plane in first:
        for corner in corners:
            box = tuple(slice(a, a + p) for a, p in zip(corner, patch, strict=True))
            place = box if plane is None else (plane, *box)
            with torch.no_grad():
                logits = model.net(x[(slice(None), *place)][None])[0]
            total[(slice(None), *place)] += logits * window_weights(patch)
            norm[place] += window_weights(patch)
    assert found.dtype == np.float16
    assert np.array_equal(found, (total / norm).numpy())


def test_mirrored_logits_are_turned_back_and_averaged():
    image = noise(4, 4, 4)
    model = model_of(Slope(1.0, -1.0, tilt=1.0), [keep], LINE, axes=(0,))
    prepared = model.preparer.apply(image)
    plain, both = (
        model.parts.inferer.scores(model, prepared, How(mirror=m)) for m in (False, True)
    )
    assert np.allclose(plain[0] - prepared.array[0], np.arange(4)[:, None, None], atol=0.02)
    assert np.allclose(both[0] - prepared.array[0], 1.5, atol=0.02)


def put(slopes, net):
    net.slopes.data = torch.tensor(slopes)


def test_folds_are_averaged_and_the_first_is_left_in_the_network():
    folds = [partial(put, [1.0, 0.0]), partial(put, [3.0, 0.0])]
    model = model_of(Slope(1.0, 0.0), folds, LINE)
    prepared = model.preparer.apply(noise(4, 5, 4))
    found = model.parts.inferer.scores(model, prepared, How())
    assert np.allclose(found[0], 2 * prepared.array[0], rtol=2e-3)
    assert model.net.slopes.tolist() == [1.0, 0.0]


def test_members_are_the_labels_of_each_fold():
    folds = [partial(put, [1.0, 0.0]), partial(put, [-1.0, 0.0])]
    model = model_of(Slope(1.0, 0.0), folds)
    prepared = model.preparer.apply(noise(4, 4, 4))
    first, second = model.parts.inferer.members(model, prepared)
    assert (first == 0).all()
    assert (second == 1).all()
    assert model.net.slopes.tolist() == [1.0, 0.0]


def test_labels_are_the_first_of_the_largest_and_probabilities_agree():
    model = model_of(Slope(1.0, 1.0, 0.5), [keep], LINE)
    image = noise(4, 4, 4)
    prepared = model.preparer.apply(image)
    labels = model.parts.inferer.labels(model, prepared, How())
    assert (labels.array == 0).all()
    both, found = model.parts.inferer.probabilities(model, prepared, How())
    assert (both.array == 0).all()
    expected = torch.softmax(torch.from_numpy(image.array[0])[None] * torch.tensor(
        [1.0, 1.0, 0.5])[:, None, None, None], 0)  # fmt: skip
    assert np.allclose(found.array, expected, atol=2e-3)


def test_later_regions_are_written_over_earlier_ones():
    model = model_of(Slope(1.0, 1.0), [keep], regions=(2, 1))
    array = np.where(np.arange(4) < 2, -3.0, 3.0)[None, :, None, None] * np.ones((1, 4, 4, 4))
    prepared = model.preparer.apply(Image(array, Grid.from_spacing((4, 4, 4))))
    labels = model.parts.inferer.labels(model, prepared, How())
    both, found = model.parts.inferer.probabilities(model, prepared, How())
    assert labels.array[:, 0, 0].tolist() == both.array[:, 0, 0].tolist() == [0, 0, 1, 1]
    assert np.allclose(found.array[:, :, 0, 0], 1 / (1 + np.exp([3, 3, -3, -3])), atol=1e-3)


def test_outputs_that_are_not_finite_end_the_case():
    model = model_of(Slope(float("nan"), 1.0), [keep])
    with pytest.raises(WorkError, match="not finite"):
        model.parts.inferer.labels(model, model.preparer.apply(noise(4, 4, 4)), How())
