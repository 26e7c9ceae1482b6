"""Maps of gradients: saliency, SHAP, and what they leave behind."""

import torch
from torch import nn

from segscope.explain import class_activation_map
from tests.explain.cam_networks import classifier


def test_saliency_is_the_largest_absolute_gradient_of_the_channels():
    net, x = classifier().eval(), torch.rand(1, 2, 8, 8, requires_grad=True)
    (g,) = torch.autograd.grad(net(x)[:, 1].sum(), x)
    found = class_activation_map(net, x, 1, method="saliency")
    torch.testing.assert_close(found, g.abs().amax(1))


def test_gradientshap_of_a_linear_network_is_exact_but_for_its_noise():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 8), nn.Flatten())
    x = torch.rand(1, 2, 8, 8)
    exact = (net[0].weight[1] * x[0]).sum(0)
    found = class_activation_map(net, x[0], 1, method="gradientshap")
    assert (found - exact.abs()).abs().mean() < 0.1 * exact.abs().mean()
    again = class_activation_map(net, x[0], 1, method="gradientshap")
    assert torch.equal(found, again)


def test_a_map_of_random_baselines_does_not_depend_on_its_batch():
    net, x = (
        classifier().eval(),
        torch.rand(3, 2, 8, 8) * torch.tensor([1.0, 5.0, 0.2]).view(3, 1, 1, 1),
    )
    whole = class_activation_map(net, x, 1, method="gradientshap")
    alone = torch.stack([class_activation_map(net, one, 1, method="gradientshap") for one in x])
    torch.testing.assert_close(whole, alone, atol=1e-6, rtol=1e-4)
