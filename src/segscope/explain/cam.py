r"""Class activation maps of any network: where a class's score comes from.

activation    :math:`\frac{1}{K}\sum_k f^k`: no gradient at all
gradcam       :math:`ReLU(\sum_k \bar g^k f^k)`, :math:`\bar g^k` the spatial mean of
              :math:`g^k = \partial Y / \partial f^k` (Selvaraju 2017, arXiv:1610.02391)
hirescam      :math:`ReLU(\sum_k g^k f^k)`, element by element (Draelos 2020, arXiv:2011.08891)
gradcam++     gradcam with weights :math:`\sum \alpha^k ReLU(g^k)`,
              :math:`\alpha = g^2 / (2 g^2 + \sum f g^3)` (Chattopadhay 2018, arXiv:1710.11063)
saliency      :math:`\max_c |\partial Y / \partial x_c|` (Simonyan 2013, arXiv:1312.6034)
gradientshap  expected gradients times the distance from a noisy baseline (Lundberg 2017,
              arXiv:1705.07874)
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from segscope.explain.last_layer import last_layer
from segscope.features import Taps, inner
from segscope.features.interpolation import upsample

METHODS = ("gradcam", "hirescam", "gradcam++", "saliency", "gradientshap", "activation")
METHODS_OF_INPUT = ("saliency", "gradientshap")
"""Those that look at the image's own pixels, and at no layer."""

Target = int | Callable[[Tensor], Tensor]

_SAMPLES = 16
_NOISE = 0.1


def class_activation_map(
    model: nn.Module,
    image: Tensor,
    target: Target,
    *,
    method: str,
    layer: str | None = None,
    resize: bool = True,
) -> Tensor:
    """Show where a class's score comes from.

    The model's mode, its parameters' ``requires_grad`` and its hooks are as before afterwards.

    Args:
        model: A classifier with scores ``(N, classes)`` before softmax, or a segmentation network
            with logits ``(N, K, *S)``, whose score of a class is the sum of its logits over the
            region that it predicts for it (over everything where it predicts none).
        image: ``(N, C, *S)``, or ``(C, *S)``.
        target: Number of the class (of one-channel logits: 1 is the object), or a function from
            the model's output to a score per sample ``(N,)``.
        method: One of `METHODS`.
        layer: Where features are taken from; `last_layer` by default.
        resize: Interpolate to the image's sides.

    Returns:
        ``(N, *S)``, or ``(*S)`` for a single image; of the layer's sides without ``resize``.

    Raises:
        ValueError: An unknown method, layer or class.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(),
        ...                     nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
        >>> tuple(class_activation_map(net, torch.rand(1, 8, 8), 1, method="gradcam").shape)
        (8, 8)
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    net = inner(model)
    dims = _dims(net)
    single = image.ndim == (dims + 1 if dims else 3)
    x = image[None] if single else image
    with _Untouched(net), torch.enable_grad(), torch.inference_mode(False):
        x = x.detach().clone().float()
        if method in METHODS_OF_INPUT:
            found = _of_input(net, x, target, method)
        else:
            found = _of_layer(net, x, target, method, layer)
            if resize:
                found = upsample(found[:, None], x.shape[2:])[:, 0]
    return found[0] if single else found


def class_score(output: Any, target: Target) -> Tensor:
    """Score of a class per sample: its logit, or the sum over the region predicted for it.

    Args:
        output: ``(N, classes)`` or ``(N, K, *S)``; of several outputs the first.
        target: As of `class_activation_map`.

    Example:
        >>> class_score(torch.tensor([[1.0, 3.0]]), 1).tolist()
        [3.0]
        >>> class_score(torch.tensor([[[2.0, -1.0, 4.0]]]), 1).tolist()
        [6.0]
    """
    while isinstance(output, (list, tuple)):
        output = output[0]
    if isinstance(output, dict):
        output = output.get("out", next(iter(output.values())))
    if callable(target):
        return target(output)
    channels = output.shape[1]
    if not 0 <= target < max(2, channels):
        raise ValueError(
            f"target {target}: the network has the classes 0 to {max(2, channels) - 1}"
        )
    if channels == 1:
        logits, region = output[:, 0] * (1 if target else -1), (output[:, 0] > 0) == bool(target)
    else:
        logits, region = output[:, target], output.argmax(1) == target
    if logits.ndim == 1:
        return logits
    inside = region.flatten(1)
    inside = inside | ~inside.any(1, keepdim=True)
    return (logits.flatten(1) * inside).sum(1)


def _of_layer(net: nn.Module, x: Tensor, target: Target, method: str, layer: str | None) -> Tensor:
    kept: list[Tensor] = []
    with Taps(net, [layer or last_layer(net, x)], lambda name, features: kept.append(features)):
        output = net(x)
    if not kept:
        raise ValueError(f"layer {layer}: does not run on this image")
    # a copy was not made: what runs in place afterwards would change it, so gradients are of it
    features = kept[-1]  # of its last call
    if method == "activation":
        return features.detach().mean(1)
    score = class_score(output, target).sum()
    (gradient,) = torch.autograd.grad(score, features)
    f, g = features.detach(), gradient
    dims = tuple(range(2, f.ndim))
    if method == "hirescam":
        return (g * f).sum(1).relu()
    if method == "gradcam":
        weights = g.mean(dims, keepdim=True)
    else:
        below = 2 * g.square() + (f * g.pow(3)).sum(dims, keepdim=True)
        alpha = g.square() / torch.where(below == 0, torch.ones_like(below), below)
        weights = (alpha * g.relu()).sum(dims, keepdim=True)
    return (weights * f).sum(1).relu()


def _of_input(net: nn.Module, x: Tensor, target: Target, method: str) -> Tensor:
    if method == "saliency":
        x.requires_grad_()
        (gradient,) = torch.autograd.grad(class_score(net(x), target).sum(), x)
        return gradient.abs().amax(1)
    random = torch.Generator().manual_seed(0)
    spread = x.flatten(1).std(1).view(-1, *[1] * (x.ndim - 1))
    total = torch.zeros_like(x)
    for _ in range(_SAMPLES):
        noise = torch.randn(x.shape, generator=random).to(x) * _NOISE * spread
        start = torch.zeros_like(x)
        share = torch.rand((len(x), *[1] * (x.ndim - 1)), generator=random).to(x)
        point = (start + share * (x + noise - start)).requires_grad_()
        (gradient,) = torch.autograd.grad(class_score(net(point), target).sum(), point)
        total += gradient * (x + noise - start)
    return (total / _SAMPLES).sum(1).abs()


def _dims(net: nn.Module) -> int | None:
    """Spatial dimensions of a network, by its first convolution."""
    kinds = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
    for module in net.modules():
        for kind, dims in kinds.items():
            if isinstance(module, kind):
                return dims
    return None


class _Untouched:
    """Evaluation mode without gradients of the weights; everything as before afterwards."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net

    def __enter__(self) -> None:
        self.modes = {name: module.training for name, module in self.net.named_modules()}
        self.wanted = {name: p.requires_grad for name, p in self.net.named_parameters()}
        # activations that write into their input would change the features that are read
        self.in_place = [m for m in self.net.modules() if getattr(m, "inplace", False) is True]
        for module in self.in_place:
            module.inplace = False  # type: ignore[assignment]
        self.net.eval()

    def __exit__(self, *error: object) -> None:
        for module in self.in_place:
            module.inplace = True  # type: ignore[assignment]
        for name, module in self.net.named_modules():
            module.training = self.modes[name]
        for name, parameter in self.net.named_parameters():
            parameter.requires_grad_(self.wanted[name])
