"""Cases that are kept on disk come back as they were, and leave nothing behind."""

import numpy as np
import pytest
import torch

from segscope.audit import KeptCases, Opened
from segscope.audit.cases import turned
from segscope.errors import WorkError
from segscope.images import Case, Grid, Image
from segscope.preprocessing import ChannelPlan, Plan


@pytest.mark.parametrize("axes", ["xyz", "zyx"])
def test_a_case_from_files_comes_back_bit_for_bit(tmp_path, axes):
    plan = Plan(image_dims=3, spatial_dims=3, channels=(ChannelPlan(name="T1"),))
    values = np.random.default_rng(0).random((1, 3, 4, 5))
    prepared = plan.apply(Image(values, Grid.from_spacing((3, 4, 5))))
    truth = turned(torch.arange(60).reshape(1, 3, 4, 5), axes)
    case = Opened("a", turned(torch.from_numpy(prepared.array), axes), truth, prepared, plan,
                  ("a note",), axes=axes)  # fmt: skip
    with KeptCases(tmp_path) as kept:
        kept.keep(case)
        assert list(tmp_path.iterdir())
        found = kept[0]
        assert torch.equal(found.image, case.image)
        assert torch.equal(found.truth, truth)
        assert found.truth.dtype == torch.int64
        np.testing.assert_array_equal(found.prepared.array, prepared.array)
        assert (found.plan, found.notes, found.axes) == (plan, ("a note",), axes)
        found.image.add_(1)  # of a copy
        assert torch.equal(kept.named("a").image, case.image)
    assert not list(tmp_path.iterdir())


def test_cases_come_in_order_with_other_numbers_and_without_truth():
    with KeptCases() as kept:
        kept.keep(Opened("b", torch.zeros(1, 2), torch.tensor([[0, 300]])))
        kept.keep(Opened("a", torch.ones(1, 2), None))
        assert [case.name for case in kept] == ["b", "a"]
        assert kept[:1][0].truth.tolist() == [[0, 300]]
        assert kept.named("a").truth is None


def test_a_disk_that_takes_no_more_is_told(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with KeptCases() as kept:
        monkeypatch.setattr(np, "save", full)
        with pytest.raises(WorkError, match=r"No space left on device.*free some space"):
            kept.keep(Opened("a", torch.zeros(1, 2), None))


def test_kept_cases_stand_in_the_places_of_their_files():
    files = [Case(name, ()) for name in "abc"]
    with KeptCases() as kept:
        kept.keep(Opened("b", torch.ones(1, 2), None))
        found = kept.instead_of(files)
        assert [type(one) for one in found] == [Case, Opened, Case]
        assert found[1].image.sum() == 2
        assert [one.name for one in found[1:]] == ["b", "c"]
        assert (kept.knows("b"), kept.knows("a")) == (True, False)
