"""Damage: every kind in every dimension, what moves moves the label, and seeds decide."""

import numpy as np
import pytest

from segscope.trust.corruptions import KINDS, damage, kinds_for

SHAPES = {"plane": ((12, 10), (0, 1)), "volume": ((12, 10, 6), (0, 1, 2)),
          "slices": ((12, 10, 3), (0, 1)), "line": ((24,), (0,))}  # fmt: skip


def example(shape, channels=2):
    random = np.random.default_rng(0)
    label = np.zeros(shape, np.uint8)
    label[tuple(slice(s // 4, s // 2 + 1) for s in shape)] = 1
    return (label + random.normal(0, 0.2, (channels, *shape))).astype(np.float32), label


@pytest.mark.parametrize("where", list(SHAPES))
@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_changes_the_image_and_keeps_its_form(kind, where):
    shape, axes = SHAPES[where]
    image, label = example(shape)
    before = image.copy()
    found, moved = damage(kind, image, label, axes, seed=3)
    assert (found.shape, found.dtype, moved.shape, moved.dtype) == (
        image.shape, np.float32, label.shape, label.dtype,
    )  # fmt: skip
    assert np.isfinite(found).all()
    assert (found != before).any()
    assert (image == before).all()
    assert (damage(kind, image, label, axes, seed=3)[0] == found).all()
    if kind not in ("crop", "rotation"):
        assert (moved == label).all()


def test_a_rotation_takes_the_label_along():
    label = np.zeros((21, 21), np.uint8)
    label[8:12, 2:8] = 1
    for seed in range(4):
        image, moved = damage("rotation", label[None].astype(np.float32), label, (0, 1), seed)
        both = ((image[0] > 0.5) & (moved == 1)).sum()
        assert 2 * both / ((image[0] > 0.5).sum() + moved.sum()) > 0.8
        assert (moved != label).any()


def test_a_crop_removes_what_it_hides():
    image, label = example((16, 16), 1)
    label[:] = 1
    found, moved = damage("crop", image, label, (0, 1), seed=1)
    assert 0 < (moved == 0).sum() < moved.size
    assert np.ptp(found[0][moved == 0]) == 0


def test_inverting_exchanges_bright_and_dark():
    image, label = example((16, 16), 1)
    found, _ = damage("inverted", image, label, (0, 1), seed=0)
    assert np.corrcoef(found.ravel(), image.ravel())[0, 1] == pytest.approx(-1)


def test_kinds_of_several_channels_need_several():
    assert set(KINDS) - set(kinds_for(1)) == {"missing channel", "swapped channels"}
    image, label = example((8, 8), 3)
    found, _ = damage("swapped channels", image, label, (0, 1), seed=0)
    assert sorted(found.sum((1, 2)).tolist()) == sorted(image.sum((1, 2)).tolist())
    found, _ = damage("missing channel", image, label, (0, 1), seed=0)
    assert (found == 0).all((1, 2)).sum() == 1


def test_a_constant_image_stays_finite():
    flat = np.full((2, 8, 8), 1.5, np.float32)
    for kind in KINDS:
        assert np.isfinite(damage(kind, flat, np.zeros((8, 8), np.uint8), (0, 1), seed=2)[0]).all()
