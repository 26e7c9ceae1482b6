"""Counts of units' maps against maps made one by one."""

import pytest
import torch
from torch.nn import functional

from segscope.features import map_counts, segmentation_ability_map, to_labels, unit_counts
from segscope.features import yardstick as units_module


def one_by_one(features, guide, references, tissue=None):
    """Every channel alone through the map of whole layers."""
    sizes, overlaps, maps = [], [], []
    valid = torch.ones_like(references[0], dtype=torch.bool) if tissue is None else tissue > 0
    classes = max(2, guide.shape[1]) - 1
    for k in range(features.shape[1]):
        labels = to_labels(segmentation_ability_map(features[:, k : k + 1], guide, tissue=tissue))
        hits = torch.cat([(labels == c + 1) & valid for c in range(classes)], 1)
        maps.append(hits.float())
        sizes.append(hits.flatten(2).sum(-1))
        inside = [torch.cat([r == c + 1 for c in range(classes)], 1) for r in references]
        overlaps.append(torch.stack([(hits & i).flatten(2).sum(-1) for i in inside], -1))
    return torch.stack(sizes, 1), torch.stack(overlaps, 1), torch.stack(maps).mean(0)


def draw(small, classes, dims=2, seed=0):
    torch.manual_seed(seed)
    large = (12,) * dims
    features = torch.randn(2, 7, *(small,) * dims)
    guide = torch.rand(2, classes, *large)
    guide = guide.softmax(1) if classes > 1 else guide
    references = [torch.randint(0, max(2, classes), (2, 1, *large)) for _ in range(2)]
    return features, guide, references


@pytest.mark.parametrize("classes", [1, 2, 4])
@pytest.mark.parametrize(("small", "dims"), [(12, 2), (5, 2), (12, 3), (12, 1)])
@pytest.mark.parametrize("masked", [False, True])
def test_all_units_at_once_equal_units_one_by_one(classes, small, dims, masked):
    features, guide, references = draw(small, classes, dims)
    tissue = (torch.rand(references[0].shape) > 0.3).float() if masked else None
    found = unit_counts(features, guide, references, tissue=tissue)
    sizes, overlaps, mean_map = one_by_one(features, guide, references, tissue)
    assert (found.size - sizes).abs().max() <= 1  # a tie
    assert (found.overlap - overlaps).abs().max() <= 1
    assert (found.mean_map - mean_map).abs().max() <= 1 / 7 + 1e-6
    assert (found.mean_map != mean_map).double().mean() < 0.01


def test_the_size_of_the_pieces_changes_nothing(monkeypatch):
    features, guide, references = draw(5, 1)
    whole = unit_counts(features, guide, references)
    monkeypatch.setattr(units_module, "_CHUNK_VALUES", 150)
    pieces = unit_counts(features, guide, references)
    assert torch.equal(whole.size, pieces.size)
    assert torch.equal(whole.overlap, pieces.overlap)
    torch.testing.assert_close(whole.mean_map, pieces.mean_map)


def test_a_unit_that_is_darker_on_the_object_counts_too():
    truth = torch.tensor([[[0, 0, 1, 1]]])
    features = torch.tensor([[[5.0, 6.0, 1.0, 0.0]]])
    found = unit_counts(features, truth.float(), [truth])
    assert found.size.item() == found.overlap.item() == 2


@pytest.mark.parametrize("classes", [1, 3])
def test_constant_units_and_empty_guides_have_empty_maps(classes):
    features = torch.ones(1, 2, 4, 4)
    guide = torch.rand(1, classes, 4, 4)
    truth = torch.ones(1, 1, 4, 4, dtype=torch.long)
    assert unit_counts(features, guide, [truth]).size.sum() == 0
    empty = torch.zeros(1, classes, 4, 4)
    if classes > 1:
        empty[:, 0] = 1
    assert unit_counts(torch.randn(1, 2, 4, 4), empty, [truth]).size.sum() == 0


@pytest.mark.parametrize("classes", [1, 3])
def test_layer_counts_by_hand(classes):
    labels = torch.tensor([[[0, 1, 1, 0]]])
    p = labels.float() if classes == 1 else functional.one_hot(labels[:, 0], 3).movedim(-1, 1) * 1.0
    found = map_counts(p, [torch.tensor([[[1, 1, 0, 0]]])], tissue=torch.tensor([[[1, 1, 1, 0]]]))
    assert found.size[0].tolist() == [2.0] + [0.0] * (max(2, classes) - 2)
    assert found.overlap[0, 0].tolist() == [1.0]
