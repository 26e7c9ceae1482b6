"""Another tool's network takes and gives what our own do."""

import pytest
import torch
from torch import nn

from segscope.errors import InputError
from segscope.features import FeatureHooks
from segscope.inference.foreign.wrapped import Form, Wrapped


class Ramp(nn.Module):
    """Logits are the place along the first axis of what it is shown."""

    def forward(self, x):
        return torch.arange(x.shape[2]).view(1, 1, -1, 1, 1) + 0 * x


def test_axes_in_reverse_are_turned_on_both_ways():
    found = Wrapped(Ramp(), 3, 1, 1, Form(axes="zyx", output="logits"))(torch.zeros(1, 1, 2, 3, 4))
    assert found.shape == (1, 1, 2, 3, 4)
    assert found[0, 0, 0, 0].tolist() == [0, 1, 2, 3]


def test_probabilities_come_back_as_they_were():
    x = torch.tensor([[[0.0, 0.3, 1.0]], [[0.1, 0.9, 0.5]]])
    net = Wrapped(nn.Identity(), 1, 1, 1, Form(output="probabilities"))
    torch.testing.assert_close(net(x).sigmoid(), x, atol=1e-6, rtol=0)
    two = torch.cat([x, 1 - x], 1)
    net = Wrapped(nn.Identity(), 1, 2, 2, Form(output="probabilities"))
    torch.testing.assert_close(net(two).softmax(1), two, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("form", "values", "said"), [
    (Form(), [0.2, 0.8], "output: probabilities"),
    (Form(output="probabilities"), [-1.0, 3.0], "output: logits"),
])  # fmt: skip
def test_outputs_of_the_other_kind_are_refused(form, values, said):
    with pytest.raises(InputError, match=said):
        Wrapped(nn.Identity(), 1, 1, 1, form)(torch.tensor([[values]]))


def test_classes_that_overlap_are_told_from_those_that_exclude_each_other():
    x = torch.full((1, 2, 3), 0.9)
    with pytest.raises(InputError, match="exclusive: false"):
        Wrapped(nn.Identity(), 1, 2, 2, Form(output="probabilities"))(x)
    net = Wrapped(nn.Identity(), 1, 2, 2, Form(output="probabilities", exclusive=False))
    torch.testing.assert_close(net(x).sigmoid(), x)


def test_images_come_one_by_one_where_the_network_takes_one():
    seen = []
    inner = nn.Conv1d(1, 1, 1)
    inner.register_forward_pre_hook(lambda m, given: seen.append(len(given[0])))
    Wrapped(inner, 1, 1, 1, Form(one_by_one=True, output="logits"))(torch.zeros(3, 1, 4))
    assert seen == [1, 1, 1]


def test_layers_have_the_names_that_their_own_network_gives_them():
    inner = nn.Sequential(nn.Conv1d(1, 2, 1), nn.ReLU(), nn.Conv1d(2, 1, 1))
    net = Wrapped(inner, 1, 1, 1, Form(output="logits"))
    with FeatureHooks(net) as hooks:
        net(torch.zeros(1, 1, 4))
    assert list(hooks.features) == ["1"]


def test_sides_are_those_that_are_fixed_or_multiples():
    assert Wrapped(Ramp(), 2, 1, 1, Form(multiple=(4, 8))).padded((5, 5)) == (8, 8)
    assert Wrapped(Ramp(), 2, 1, 1, Form(fixed=(6, 6))).padded((5, 5)) == (6, 6)


def test_another_number_of_outputs_is_refused():
    with pytest.raises(InputError, match="not a map of 2 classes"):
        Wrapped(nn.Identity(), 1, 1, 2, Form(output="logits"))(torch.zeros(1, 1, 4))
