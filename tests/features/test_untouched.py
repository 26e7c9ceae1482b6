"""Networks and images are as before after they have run."""

import pytest
import torch
from torch import nn

from segscope.features import feature_names, run, taken, untouched


class Stubborn(nn.Module):
    """Keeps its norm in evaluation mode while it learns, as many do."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.drop = nn.Conv1d(1, 2, 1), nn.BatchNorm1d(2), nn.Dropout()

    def train(self, mode=True):
        super().train(mode)
        self.bn.eval()
        return self

    def forward(self, x):
        return self.drop(self.bn(self.conv(x + torch.rand(1))))


def test_modes_and_random_numbers_come_back_also_after_an_error():
    net = Stubborn().train()
    net.drop.eval()
    before, random = [m.training for m in net.modules()], torch.get_rng_state()
    assert before == [True, True, False, False]
    feature_names(net, ["bn"], torch.zeros(1, 1, 4))

    def fail():
        with untouched(net):
            assert not any(module.training for module in net.modules())
            torch.rand(1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [m.training for m in net.modules()] == before
    assert torch.equal(torch.get_rng_state(), random)
    assert net.bn.num_batches_tracked == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_images_are_given_in_the_networks_number_type(dtype):
    net = nn.Sequential(nn.Conv1d(1, 1, 1), nn.ReLU()).to(dtype)
    for image in (torch.ones(1, 1, 4), torch.ones(1, 1, 4).double(), torch.ones(1, 1, 4).int()):
        assert taken(net, image).dtype == dtype
        assert run(net, image).dtype == dtype


def test_of_mixed_types_the_first_product_decides():
    class Backwards(nn.Module):
        """Written in another order than it runs in."""

        def __init__(self):
            super().__init__()
            self.head = nn.Conv1d(2, 2, 1)
            self.norm = nn.BatchNorm1d(1)
            self.body = nn.Conv1d(1, 2, 1).double()

        def forward(self, x):
            return self.head(self.body(x).float())

    assert run(Backwards(), torch.ones(1, 1, 4)).dtype == torch.float32
    half = nn.Sequential(nn.BatchNorm1d(1), nn.Conv1d(1, 2, 1).bfloat16())
    assert taken(half, torch.ones(1, 1, 4)).dtype == torch.bfloat16
    assert taken(nn.Flatten(), torch.ones(1, 1, 4).int()).dtype == torch.float32
    assert not any(m._forward_pre_hooks for m in half.modules())


def test_images_are_copied():
    class Writes(nn.Module):
        def forward(self, x):
            return x.mul_(2)

    x = torch.ones(1, 1, 4)
    assert run(Writes(), x).max() == 2
    assert x.max() == 1


def test_what_a_network_cannot_take_is_said():
    net = nn.Sequential(nn.Conv1d(1, 2, 1))
    with pytest.raises(
        ValueError, match=r"fails on an image of shape \(1, 3, 8\), float32: .*chan"
    ):
        run(net, torch.zeros(1, 3, 8))
    with pytest.raises(ValueError, match="not finite in float16"):
        taken(nn.Conv1d(1, 1, 1).half(), torch.full((1, 1, 4), 1e6))
    with pytest.raises(ValueError, match="plain real numbers, got complex64"):
        taken(net, torch.zeros(1, 1, 8, dtype=torch.complex64))

    class NotHere(nn.Module):
        def forward(self, x):
            raise RuntimeError("\"slow_conv\" not implemented for 'Half'")

    with pytest.raises(ValueError, match=r"cannot be computed in float32 on cpu .*\.float\(\)"):
        run(NotHere(), torch.zeros(1, 1, 8))

    class Full(nn.Module):
        def forward(self, x):
            raise torch.OutOfMemoryError("no memory")

    with pytest.raises(torch.OutOfMemoryError):
        run(Full(), torch.zeros(1, 1, 8))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:torch.quantize_per_tensor")
def test_quantised_networks_are_refused():
    plain = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(16, 2)).eval()
    quantised = torch.ao.quantization.quantize_dynamic(plain, {nn.Linear})
    with pytest.raises(ValueError, match=r"the network is quantised .2: Linear"):
        run(quantised, torch.zeros(1, 1, 4, 4))


@pytest.mark.parametrize("kind", [AssertionError, TypeError, KeyError, NameError])
def test_whatever_a_network_raises_on_an_image_is_said(kind):
    class Picky(nn.Module):
        def forward(self, x):
            raise kind("my words")

    with pytest.raises(ValueError, match=rf"fails on an image .*{kind.__name__}: .*my words"):
        run(Picky(), torch.zeros(1, 1, 4))


def test_a_network_without_an_evaluation_mode_is_said():
    class Exported(nn.Module):
        def train(self, mode=True):
            raise NotImplementedError("Calling train() is not supported yet.")

    with pytest.raises(ValueError, match="evaluation mode"), untouched(Exported()):
        pass
