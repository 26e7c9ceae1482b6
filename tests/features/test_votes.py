"""Counts of label maps against references, worked by hand."""

import pytest
import torch

from segscope.features.votes import Votes, likeliest, to_labels

LABEL = torch.tensor([[0, 1, 2, 2, 1, 0]])
FIRST = torch.tensor([[[0, 1, 2, 1, 1, 2]]])
SECOND = torch.tensor([[[2, 2, 2, 2, 255, -1]]])  # the last two are no class


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_counts_of_several_classes(dtype):
    found = Votes([FIRST, SECOND], 3).of_labels(LABEL.to(dtype))
    assert found.tolist() == [[[2.0, 2.0, 0.0], [2.0, 1.0, 2.0]]]


def test_more_classes_than_a_byte_holds_are_counted_too():
    label = torch.tensor([[1, 299, 299]], dtype=torch.int32)
    found = Votes([torch.tensor([[[1, 299, 1]]])], 300).of_labels(label)
    assert found[0, 0].tolist() == [1.0, 1.0]
    assert found[0, 298].tolist() == [2.0, 1.0]
    assert found.sum() == 5


def test_voxels_outside_the_tissue_count_nowhere():
    tissue = torch.tensor([[[1, 0, 1, 0, 1, 1]]])
    votes = Votes([FIRST], 3, tissue)
    assert votes.of_labels(LABEL).tolist() == [[[1.0, 1.0], [1.0, 1.0]]]
    alone = Votes([FIRST], 2, tissue).of_object(LABEL == 1)
    assert alone.tolist() == [[[1.0, 1.0]]]


def test_of_equal_scores_the_first_class_wins():
    scores = torch.tensor([[1.0, 0.0, 3.0], [1.0, 2.0, 3.0], [0.0, 2.0, 4.0]])
    assert likeliest(scores).tolist() == [0, 1, 2]
    assert to_labels(torch.full((1, 4, 2, 2), 0.25)).sum() == 0
