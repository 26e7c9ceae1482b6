"""Maps and prototypes against the literal definition, which upsamples every channel."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from segscope.features import prototypes, segmentation_ability_map

MODES = {3: "linear", 4: "bilinear", 5: "trilinear"}


def literal(features, guide, tissue=None):
    """Section 3.1 and Algorithm 1 as they stand, in double precision."""
    f, b = features.double(), guide.double()
    full = functional.interpolate(f, b.shape[2:], mode=MODES[f.ndim], align_corners=False)
    m = torch.ones_like(b[:, :1]) if tissue is None else tissue.double()
    dims = tuple(range(2, f.ndim))
    classes = torch.cat([1 - b, b], 1) if b.shape[1] == 1 else b

    def distance(k):
        w = m * classes[:, k : k + 1]
        centre = (w * full).sum(dims, keepdim=True) / w.sum(dims, keepdim=True)
        return (full - centre).pow(2).sum(1)

    p = torch.stack([-distance(k) for k in range(classes.shape[1])], 1).softmax(1)
    return p[:, 1:] if b.shape[1] == 1 else p


def draw(dims, small, large, channels=5, batch=2, classes=1, seed=0):
    torch.manual_seed(seed)
    features = torch.randn(batch, channels, *(small,) * dims)
    guide = torch.rand(batch, classes, *(large,) * dims)
    if classes > 1:
        guide = guide.softmax(1)
    return features, guide


SIZES = [(4, 8), (5, 13), (8, 8), (9, 4), (1, 6)]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(("small", "large"), SIZES)
@pytest.mark.parametrize("classes", [1, 4])
def test_maps_equal_the_literal_definition(dims, small, large, classes):
    features, guide = draw(dims, small, large, classes=classes)
    found, expected = segmentation_ability_map(features, guide), literal(features, guide)
    assert found.shape == guide.shape
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=0)
    clear = (expected - 0.5).abs() > 1e-5
    if classes == 1:
        assert torch.equal((found > 0.5)[clear], (expected > 0.5)[clear])
    else:
        assert (found.argmax(1) == expected.argmax(1)).double().mean() > 0.999


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("classes", [1, 3])
def test_gradients_equal_those_of_the_literal_definition(dims, classes):
    features, guide = draw(dims, 4, 7, classes=classes)
    features, guide = features.double().requires_grad_(), guide.double().requires_grad_()
    weights = torch.rand_like(guide)
    found = torch.autograd.grad(
        (segmentation_ability_map(features, guide) * weights).sum(), [features, guide]
    )
    expected = torch.autograd.grad((literal(features, guide) * weights).sum(), [features, guide])
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-8, rtol=1e-4)


def test_tissue_keeps_voxels_out_of_the_prototypes():
    features, guide = draw(2, 6, 12)
    tissue = (torch.rand(2, 1, 12, 12) > 0.4).float()
    found = segmentation_ability_map(features, guide, tissue=tissue)
    torch.testing.assert_close(found.double(), literal(features, guide, tissue), atol=1e-5, rtol=0)
    assert not torch.allclose(found, segmentation_ability_map(features, guide))


def test_prototypes_worked_by_hand():
    features = torch.tensor([[[1.0, 3.0, 5.0], [0.0, 0.0, 6.0]]])
    guide = torch.tensor([[[0.0, 0.5, 1.0]]])
    found = prototypes(features, guide)
    # object: (3 * .5 + 5) / 1.5 and 6 / 1.5; background: (1 + 3 * .5) / 1.5 and 0
    torch.testing.assert_close(found.centres, torch.tensor([[[2.5 / 1.5, 0.0], [6.5 / 1.5, 4.0]]]))
    assert found.members.all()


def test_another_size_is_that_of_the_interpolated_guide():
    features, guide = draw(2, 4, 8)
    found = segmentation_ability_map(features, guide, size=(16, 16))
    expected = literal(features, functional.interpolate(guide, (16, 16), mode="bilinear"))
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("small", [4, 8])
def test_an_empty_or_full_guide_gives_an_empty_map(value, small):
    features = torch.randn(1, 3, small, small, requires_grad=True)
    found = segmentation_ability_map(features, torch.full((1, 1, 8, 8), value))
    assert not (found > 0.5).any()
    found.sum().backward()
    assert torch.isfinite(features.grad).all()


def test_constant_features_give_an_empty_map():
    found = segmentation_ability_map(torch.ones(1, 3, 4, 4), torch.rand(1, 1, 4, 4))
    assert not (found > 0.5).any()


def test_classes_without_members_are_never_chosen():
    features, _ = draw(2, 8, 8, batch=1)
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    labels[:, :4] = 2
    guide = functional.one_hot(labels, 4).movedim(-1, 1).float()
    found = segmentation_ability_map(features, guide)
    assert set(found.argmax(1).unique().tolist()) <= {0, 2}
    alone = torch.zeros(1, 4, 8, 8)
    alone[:, 3] = 1  # one class alone has nothing to be told apart from
    assert (segmentation_ability_map(features, alone).argmax(1) == 0).all()


def test_two_channels_say_the_same_as_one():
    features, guide = draw(2, 5, 9)
    both = segmentation_ability_map(features, torch.cat([1 - guide, guide], 1))
    torch.testing.assert_close(both[:, 1:], segmentation_ability_map(features, guide))


@given(st.floats(-1e4, 1e4), st.integers(0, 50))
@settings(max_examples=30)
def test_shifting_all_features_changes_nothing_but_rounding(shift, seed):
    features, guide = draw(2, 4, 8, batch=1, seed=seed)
    plain = segmentation_ability_map(features, guide)
    moved = segmentation_ability_map(features + shift, guide)
    torch.testing.assert_close(moved, plain, atol=1e-4 * max(1.0, abs(shift)), rtol=0)


@given(st.integers(0, 100), st.integers(1, 3))
@settings(max_examples=30)
def test_flips_of_both_flip_the_map(seed, dims):
    features, guide = draw(dims, 4, 6, batch=1, seed=seed)
    plain = segmentation_ability_map(features, guide).flip(2)
    torch.testing.assert_close(
        segmentation_ability_map(features.flip(2), guide.flip(2)), plain, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(dtype):
    features, guide = draw(2, 16, 32, channels=64)
    half = features.to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        found = segmentation_ability_map(half, guide)
    torch.testing.assert_close(found, segmentation_ability_map(half.float(), guide))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_features_that_are_not_finite_are_an_error(bad):
    features, guide = draw(2, 4, 8)
    features[1, 2, 3, 3] = bad
    with pytest.raises(ValueError, match="not finite"):
        segmentation_ability_map(features, guide)


@pytest.mark.parametrize(
    ("guide", "tissue", "said"),
    [
        ((2, 1, 8), None, "guide must be"),
        ((1, 1, 8, 8), None, "guide must be"),
        ((2, 1, 8, 8), (2, 1, 4, 4), "tissue must be"),
    ],
)
def test_shapes_that_do_not_fit_are_named(guide, tissue, said):
    features = torch.zeros(2, 3, 4, 4)
    mask = None if tissue is None else torch.ones(tissue)
    with pytest.raises(ValueError, match=said):
        segmentation_ability_map(features, torch.zeros(guide), tissue=mask)
