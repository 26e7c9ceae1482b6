r"""Class activation maps of any network: where a class's score comes from.

activation    :math:`\frac{1}{K}\sum_k f^k`: no gradient at all
gradcam       :math:`ReLU(\sum_k \bar g^k f^k)`, :math:`\bar g^k` the spatial mean of
              :math:`g^k = \partial Y / \partial f^k` (Selvaraju 2017, arXiv:1610.02391)
hirescam      :math:`ReLU(\sum_k g^k f^k)`, element by element (Draelos 2020, arXiv:2011.08891)
..._signed    gradcam and hirescam without the ReLU, as in eqs. 2 and 8 of "A Sneak Attack on
              Segmentation of Medical Images Using Deep Neural Network Classifiers": what speaks
              against the class is below 0 (captum's default)
gradcam++     gradcam with weights :math:`\sum_{ij} \alpha^k_{ij} ReLU(g^k_{ij})`,
              :math:`\alpha^k_{ij} = (g^k_{ij})^2 / (2 (g^k_{ij})^2 + (g^k_{ij})^3 \sum_{ab}
              f^k_{ab})` (Chattopadhay 2018, arXiv:1710.11063, eq. 19: the sum runs over the
              features alone; MONAI's GradCAMpp sums :math:`f g^3`, pytorch-grad-cam does as here)
saliency      :math:`\max_c |\partial Y / \partial x_c|` (Simonyan 2013, arXiv:1312.6034)
gradientshap  expected gradients times the distance from a noisy baseline (Lundberg 2017,
              arXiv:1705.07874)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from segscope.errors import InputError
from segscope.explain.gradients import image_gradient, layer_features, layer_gradient
from segscope.explain.last_layer import last_layer
from segscope.features import Layer, answer_of, inner, shapes_of, taken, untouched
from segscope.features.interpolation import upsample
from segscope.plugins import Kind, other_than, plain

Target = int | Callable[[Tensor], Tensor]

MakeMap = Callable[[nn.Module, Tensor, Target, Layer | None], Tensor]


@dataclass(frozen=True)
class CamMethod:
    """How a map is made.

    Args:
        make: Called with the network, images ``(N, C, *S)``, the target (see `class_score`) and a
            layer, or None for the last one; returns a map ``(N, *s)`` of floating-point numbers,
            larger where more speaks for the target. It is enlarged to the image's sides. `by_layer`
            makes one from a layer's features and their gradient.
        of_layer: Whether it looks at a layer; others look at the image's own pixels.
    """

    make: MakeMap
    of_layer: bool = True


_SAMPLES = 16
_NOISE = 0.1


def class_activation_map(
    model: nn.Module,
    image: Tensor,
    target: Target,
    *,
    method: str,
    layer: Layer | None = None,
    resize: bool = True,
    signed: bool = False,
) -> Tensor:
    """Show where a class's score comes from.

    The network is left as it was: its mode, its weights, their ``requires_grad`` and ``grad``, its
    hooks, the random numbers and the image. Its weights may be frozen, and of any number type; it
    may write over its tensors as it likes, the map is of what the layer gave. Of several outputs
    the one called ``out`` or ``logits`` counts, else the first.

    Args:
        model: A classifier with scores ``(N, classes)`` before softmax, or a segmentation network
            with logits ``(N, K, *S)``, whose score of a class is the sum of its logits over the
            region that it predicts for it (over everything where it predicts none).
        image: ``(N, C, *S)``, or ``(C, *S)``.
        target: Number of the class (of one-channel logits: 1 is the object), or a function from
            the model's output to a score per sample ``(N,)``.
        method: One of `METHODS`, or of an installed package.
        layer: Where features are taken from, a name or a module; `last_layer` by default. A module
            that runs several times means its last run; ``name#2`` is its second, ``name#1`` its
            first. Maps with their channels last are turned.
        resize: Interpolate to the image's sides.
        signed: Keep what speaks against the class, below 0, as the classifier-map paper prints
            Grad-CAM; as the methods that end in ``_signed`` do.

    Returns:
        ``(N, *S)``, or ``(*S)`` for a single image, in float32, on the image's device; of the
        layer's sides without ``resize``.

    Raises:
        ValueError: An unknown method, layer or class; a layer without a map, or which the score
            does not depend on; an image that is not finite; a quantised network.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(),
        ...                     nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
        >>> tuple(class_activation_map(net, torch.rand(1, 8, 8), 1, method="gradcam").shape)
        (8, 8)
    """
    method = signed_method(method) if signed else method
    if method not in METHOD.names():
        raise ValueError(f"method must be one of {', '.join(METHOD.names())}, got {method!r}")
    net = inner(model)
    dims = _dims(net)
    single = image.ndim == (dims + 1 if dims else 3)
    with torch.inference_mode(False), untouched(model):
        x = taken(net, image[None] if single else image)
        found = _mapped(net, x, target, method, layer)
        if resize:
            found = upsample(found[:, None], x.shape[2:])[:, 0]
        found = found.to(device=image.device, dtype=torch.float32)
    return found[0] if single else found


def class_score(output: Any, target: Target) -> Tensor:
    """Score of a class per sample: its logit, or the sum over the region predicted for it.

    Args:
        output: ``(N, classes)`` or ``(N, K, *S)``; of several the one called ``out`` or ``logits``,
            else the first.
        target: As of `class_activation_map`.

    Example:
        >>> class_score(torch.tensor([[1.0, 3.0]]), 1).tolist()
        [3.0]
        >>> class_score(torch.tensor([[[2.0, -1.0, 4.0]]]), 1).tolist()
        [6.0]
    """
    answer = answer_of(output, lambda t: t.ndim > 1 and t.is_floating_point())
    if callable(target):
        return _own_score(target(output if answer is None else answer.tensor))
    if answer is None:
        raise ValueError(
            f"the network's output has no scores (N, classes) or (N, K, *S): {shapes_of(output)}"
        )
    output = answer.tensor
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


def _own_score(found: object) -> Tensor:
    if not isinstance(found, Tensor):
        raise ValueError(f"target: its score must be a tensor (N,), got {type(found).__name__}")
    return found


def _mapped(net: nn.Module, x: Tensor, target: Target, method: str, layer: Layer | None) -> Tensor:
    """Apply a method; of a package's, see that it returns a map."""
    make = METHOD.get(method).make
    if method in METHODS:
        return make(net, x, target, layer)
    with METHOD.running(method):
        found: object = make(net, x, target, layer)
    if not isinstance(found, Tensor):
        raise METHOD.fault(method, f"returns {plain(found)}, a tensor (N, *s) is expected")
    if found.ndim != x.ndim - 1 or len(found) != len(x) or not found.is_floating_point():
        raise METHOD.fault(
            method,
            f"returns {found.dtype} of shape {tuple(found.shape)} for images {tuple(x.shape)}; "
            f"floating point (N, *s) is expected: {x.ndim - 1} axes, {len(x)} maps",
        )
    if not found.isfinite().all():
        raise METHOD.fault(method, "returns a map with NaN or infinities")
    return found.detach()


def by_layer(combine: Callable[[Tensor, Tensor], Tensor]) -> MakeMap:
    """Make maps from what it does with a layer's features and the score's gradient to them.

    Args:
        combine: From features and gradient, each ``(N, K, *s)``, to a map ``(N, *s)``.

    Example:
        >>> layercam = CamMethod(by_layer(lambda f, g: (g.relu() * f).sum(1).relu()))
    """

    def method(net: nn.Module, x: Tensor, target: Target, layer: Layer | None) -> Tensor:
        layer = last_layer(net, x) if layer is None else layer
        found = layer_gradient(net, x, layer, lambda output: class_score(output, target).sum())
        f, g = (_wide(one) for one in found)
        return combine(f, g)

    return method


def _activation(net: nn.Module, x: Tensor, target: Target, layer: Layer | None) -> Tensor:
    return _wide(layer_features(net, x, last_layer(net, x) if layer is None else layer)).mean(1)


def _hirescam(f: Tensor, g: Tensor) -> Tensor:
    return (g * f).sum(1)


def _gradcam(f: Tensor, g: Tensor) -> Tensor:
    return (g.mean(tuple(range(2, f.ndim)), keepdim=True) * f).sum(1)


def _gradcam_pp(f: Tensor, g: Tensor) -> Tensor:
    dims = tuple(range(2, f.ndim))
    below = 2 * g.square() + f.sum(dims, keepdim=True) * g.pow(3)
    alpha = g.square() / torch.where(below == 0, torch.ones_like(below), below)
    weights = (alpha * g.relu()).sum(dims, keepdim=True)
    return (weights * f).sum(1).relu()


def _gradient(net: nn.Module, x: Tensor, target: Target) -> Tensor:
    return _wide(image_gradient(net, x, lambda output: class_score(output, target).sum()))


def _saliency(net: nn.Module, x: Tensor, target: Target, layer: Layer | None) -> Tensor:
    return _gradient(net, x, target).abs().amax(1)


def _gradientshap(net: nn.Module, x: Tensor, target: Target, layer: Layer | None) -> Tensor:
    random = torch.Generator().manual_seed(0)
    plain_x = _wide(x)
    spread = plain_x.flatten(1).std(1).nan_to_num().view(-1, *[1] * (x.ndim - 1))
    total = torch.zeros_like(plain_x)
    for _ in range(_SAMPLES):
        # the same for all images: a map does not depend on what else is in the batch
        noise = torch.randn((1, *x.shape[1:]), generator=random).to(plain_x) * _NOISE * spread
        share = torch.rand((1, *[1] * (x.ndim - 1)), generator=random).to(plain_x)
        away = plain_x + noise  # from an image of zeros
        total += _gradient(net, (share * away).to(x.dtype), target) * away
    return (total / _SAMPLES).sum(1).abs()


def _wide(x: Tensor) -> Tensor:
    """Half precision as float32; float64 stays."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _dims(net: nn.Module) -> int | None:
    """Spatial dimensions of a network, by its first convolution or recurrent layer."""
    kinds: dict[type[nn.Module], int] = {
        nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3, nn.RNNBase: 1
    }  # fmt: skip
    for module in net.modules():
        for kind, dims in kinds.items():
            if isinstance(module, kind):
                return dims
    return None


def no_method(found: object) -> str:
    """What keeps an object from being a `CamMethod`, or nothing.

    Example:
        >>> no_method("gradcam")
        'is a str, where a segscope.explain.CamMethod is expected'
    """
    if isinstance(found, CamMethod) and not callable(found.make):
        return f"has the make {found.make!r}, no function"
    return other_than(found, CamMethod)


METHODS: dict[str, CamMethod] = {
    "gradcam": CamMethod(by_layer(lambda f, g: _gradcam(f, g).relu())),
    "hirescam": CamMethod(by_layer(lambda f, g: _hirescam(f, g).relu())),
    "gradcam_signed": CamMethod(by_layer(_gradcam)),
    "hirescam_signed": CamMethod(by_layer(_hirescam)),
    "gradcam++": CamMethod(by_layer(_gradcam_pp)),
    "saliency": CamMethod(_saliency, of_layer=False),
    "gradientshap": CamMethod(_gradientshap, of_layer=False),
    "activation": CamMethod(_activation),
}
"""A new one is a function here, or in a file of this room, and a line."""

METHOD: Kind[CamMethod] = Kind("CAM method", "segscope.cam_methods", METHODS, no_method)


def check_method(name: str) -> CamMethod:
    """Return the method of a name, before any work.

    Raises:
        InputError: There is none, or its package fails.

    Example:
        >>> check_method("saliency").of_layer
        False
    """
    if name not in METHOD.names():
        raise InputError(f"cam: method must be one of {', '.join(METHOD.names())}, got {name!r}")
    return METHOD.get(name)


def signed_method(name: str) -> str:
    """Name the form of a method that has no ReLU.

    Raises:
        InputError: It has none.

    Example:
        >>> signed_method("gradcam")
        'gradcam_signed'
    """
    if name.endswith("_signed") and name in METHODS:
        return name
    if f"{name}_signed" not in METHODS:
        raise InputError(f"cam: signed maps are of gradcam and hirescam, not of {name!r}")
    return f"{name}_signed"


def package_of_method(name: str) -> dict[str, str]:
    """Which package a method is of, for a record; nothing for segscope's own.

    Example:
        >>> package_of_method("gradcam")
        {}
    """
    known = METHOD.declared(name)
    return {} if known is None else {"package": known.package}
