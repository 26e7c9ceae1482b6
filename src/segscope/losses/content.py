r"""The Siamese content loss: images masked by truth and by prediction, compared by what VGG19 sees.

Mac, Moody and Khademi, "Siamese Content Loss Networks for Highly Imbalanced Medical Image
Segmentation", eq. 1. A missed lesion changes what its whole surroundings look like to a network
with a receptive field, however few voxels it has.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from segscope.losses.target import as_probabilities, as_target, foreground, widen
from segscope.losses.vgg import MEAN, STD, VGG19Features


def content_loss(
    logits: Tensor,
    target: Tensor,
    image: Tensor,
    phi: VGG19Features,
    *,
    soft_labels: float = 0.1,
    normalise: bool = True,
    slice_axis: int = -1,
) -> Tensor:
    r"""Mean squared difference of phi's features of the masked images, averaged over layers.

    :math:`\frac{1}{|P|} \sum_{l \in P} \frac{1}{L_l} \sum_i (\phi_l(x y) - \phi_l(x y'))_i^2`
    (eq. 1 for each pooling layer), where truth 0 counts as ``soft_labels`` and 1 as 1 less that
    (section 3.2.2), so that the loss is 0 at these probabilities and not where a sigmoid has no
    slope.

    Each foreground class masks the image for itself. Volumes are taken slice by slice. An empty
    truth is like any other: the image dimmed to a tenth. The gradient reaches ``logits`` alone;
    the branch of the truth stores nothing for it, unless phi's parameters are made to learn.

    Args:
        logits: ``(N, K, *S)`` of two or three sides; the masks are computed in float32 at least and
            phi in its own precision, whatever autocast says.
        target: Labels ``(N, 1, *S)`` or probabilities ``(N, K, *S)``.
        image: ``(N, C, *S)``, what the network saw. Three channels are phi's red, green and blue;
            otherwise each channel is repeated to three and compared for itself.
        phi: Features; masks and image are on its device.
        soft_labels: In [0, 0.5).
        normalise: Give phi the intensities it expects: ``image`` is in 0..1, and ImageNet's means
            are subtracted and its deviations divided by, *before* masking as in the paper. False
            where the image was normalised already, to these or to zero mean and unit variance.
        slice_axis: Of a volume's three axes, the one that slices are cut across: the last is the
            axial one of RAS+ volumes.

    Returns:
        Scalar, at least 0.

    Raises:
        ValueError: A shape or an option that is none of the above, or as of `target.as_target`.

    Example:
        >>> phi, target = VGG19Features("random", pools=(1,)), torch.tensor([[[[0, 1], [1, 0]]]])
        >>> z, x = torch.logit(0.1 + 0.8 * target), torch.rand(1, 1, 2, 2)
        >>> [round(content_loss(sign * z, target, x, phi).item(), 6) > 0 for sign in (1, -1)]
        [False, True]
    """
    _check(logits, image, phi, slice_axis)
    prediction, truth = foreground(as_probabilities(logits), as_target(logits, target))
    truth = soft_labels + (1 - 2 * soft_labels) * truth
    kind = next(phi.parameters()).dtype
    x = _as_rgb(image, normalise).to(kind)
    learns = torch.is_grad_enabled() and any(p.requires_grad for p in phi.parameters())
    with torch.autocast(logits.device.type, enabled=False):
        with torch.set_grad_enabled(learns):
            wanted = phi(_masked(x, truth.to(kind), slice_axis))
        found = phi(_masked(x, prediction.to(kind), slice_axis))
        # not mse_loss, whose gradient comes in another memory layout than the features have
        terms = [(f - w).square().mean() for f, w in zip(found, wanted, strict=True)]
    return torch.stack(terms).mean()


class ContentLoss(nn.Module):
    """`content_loss` as a module that owns its phi, frozen and always in evaluation.

    The paper's fine-tuned variant (table 2) is a game: freeze ``loss.phi`` and take a step of the
    segmentation network down the loss; then ``loss.phi.requires_grad_(True)``, detach the logits
    and take a step of ``loss.phi.parameters()`` up the loss, at a learning rate of 1e-5. Both
    branches carry a gradient while phi learns.

    Args:
        weights: Of phi: ``imagenet``, a file, a state dict, or ``random``; see `VGG19Features`.
            ``loss.phi.source`` says which were used.
        pools: Pooling layers that are compared; the paper's choice is the first two.
        soft_labels: As of `content_loss`.
        normalise: As of `content_loss`.
        slice_axis: As of `content_loss`.
        cache: As of `VGG19Features`.
        seed: As of `VGG19Features`.

    Raises:
        ValueError: ``soft_labels``, ``slice_axis`` or ``pools`` out of range; no image was given.
        InputError: As of `VGG19Features`.

    Example:
        >>> loss = ContentLoss(weights="random")
        >>> z, target, x = torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8), torch.rand(1, 1, 8, 8)
        >>> loss(z, target, image=x).item() > 0, any(p.requires_grad for p in loss.parameters())
        (True, False)
    """

    needs_image = True

    def __init__(
        self,
        *,
        weights: str | Path | Mapping[str, Tensor] = "imagenet",
        pools: Sequence[int] = (1, 2),
        soft_labels: float = 0.1,
        normalise: bool = True,
        slice_axis: int = -1,
        cache: Path | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 0 <= soft_labels < 0.5:
            raise ValueError(f"soft_labels must lie in [0, 0.5), got {soft_labels}")
        _check_axis(slice_axis)
        self.phi = VGG19Features(weights, pools, cache=cache, seed=seed)
        self.soft_labels, self.normalise, self.slice_axis = soft_labels, normalise, slice_axis

    def forward(self, logits: Tensor, target: Tensor, image: Tensor | None = None) -> Tensor:
        if image is None:
            raise ValueError("the content loss compares masked images: pass image=, (N, C, *S)")
        return content_loss(
            logits,
            target,
            image,
            self.phi,
            soft_labels=self.soft_labels,
            normalise=self.normalise,
            slice_axis=self.slice_axis,
        )


def _as_rgb(image: Tensor, normalise: bool) -> Tensor:
    """Turn ``(N, C, *S)`` into G pictures of three channels each, ``(N, G, 3, *S)``."""
    x = widen(image.detach()).unsqueeze(1 if image.shape[1] == 3 else 2)
    x = x.expand(-1, -1, 3, *image.shape[2:])
    if not normalise:
        return x
    shape = (3, *(1,) * (image.ndim - 2))
    mean, std = (x.new_tensor(values).view(shape) for values in (MEAN, STD))
    return (x - mean) / std


def _masked(x: Tensor, mask: Tensor, slice_axis: int) -> Tensor:
    """Mask each of G pictures by each of K classes: ``(N * G * K * slices, 3, H, W)``."""
    product = x[:, :, None] * mask[:, None, :, None]  # (N, G, K, 3, *S)
    if product.ndim == 7:
        product = product.movedim(4 + slice_axis % 3, 3)
    return product.flatten(0, -4)


def _check(logits: Tensor, image: Tensor, phi: VGG19Features, slice_axis: int) -> None:
    _check_axis(slice_axis)
    if logits.ndim not in (4, 5):
        raise ValueError(f"the content loss takes images or volumes, got {tuple(logits.shape)}")
    if image.ndim != logits.ndim or (image.shape[0], *image.shape[2:]) != (
        logits.shape[0],
        *logits.shape[2:],
    ):
        raise ValueError(
            f"image must be (N, C, *S) of the logits' N and S, got image {tuple(image.shape)} for "
            f"logits {tuple(logits.shape)}"
        )
    sides = list(logits.shape[2:])
    if len(sides) == 3:
        del sides[slice_axis]
    if min(sides) < phi.smallest:
        raise ValueError(
            f"pooling layer {max(phi.pools)} needs sides of at least {phi.smallest}, got "
            f"{tuple(sides)}; use fewer pools or larger patches"
        )


def _check_axis(slice_axis: int) -> None:
    if not -3 <= slice_axis <= 2:
        raise ValueError(f"slice_axis must be one of -3 to 2, got {slice_axis}")
