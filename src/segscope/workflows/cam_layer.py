"""Which layer of a classifier its maps are taken from, chosen where nobody has drawn a mask."""

from collections.abc import Sequence
from statistics import fmean

import torch
from torch import Tensor

from segscope.data import AS_STORED, ReadOptions
from segscope.errors import InputError
from segscope.explain import class_activation_map, deletion_insertion
from segscope.explain.last_layer import last_layer
from segscope.features import FeatureHooks, run, untouched
from segscope.images import Case
from segscope.inference.classify import ClassifierModel, class_probabilities, prepare_image

FAITHFUL = "faithful"
"""In a layer's place: the one whose maps tell most, by deletion and insertion."""

_CASES = 12


def faithful_layers(
    model: ClassifierModel,
    cases: Sequence[Case],
    *,
    method: str,
    number: int | None = None,
    reading: ReadOptions = AS_STORED,
) -> dict[str, float]:
    """Score the last layer of each size of maps, and the network's last one, without any mask.

    Args:
        model: A classifier.
        cases: Images; twelve of them, evenly taken, are looked at.
        method: Of maps, see `segscope.explain.CAM_METHODS`.
        number: Of the class; that which is predicted for each image where not given.
        reading: What may be changed when images are read.

    Returns:
        Layer to insertion less deletion (see `segscope.explain.deletion_insertion`), mean over the
        images, best first; pixels that are taken away get the training images' mean.

    Raises:
        InputError: No layer with a map; an image is refused.
    """
    images = [prepare_image(model, one, reading).to(model.device) for one in _some(cases)]
    found: dict[str, list[float]] = {name: [] for name in candidates(model, images[0][None])}
    for image in images:
        chosen = number
        if chosen is None:
            chosen = int(class_probabilities(model, image[None].cpu())[0].argmax())

        def probability(shown: Tensor, k: int = chosen) -> Tensor:
            return torch.from_numpy(class_probabilities(model, shown)[:, k])

        for layer, scores in found.items():
            heat = class_activation_map(model.net, image, chosen, method=method, layer=layer)
            scores.append(deletion_insertion(heat.cpu().numpy(), image, probability).score)
    means = {layer: fmean(scores) for layer, scores in found.items()}
    return dict(sorted(means.items(), key=lambda one: -one[1]))


def candidates(model: ClassifierModel, x: Tensor) -> list[str]:
    """The last layer of each size of maps, and the one that is taken where nothing is said.

    Raises:
        InputError: There is none.
    """
    sizes: dict[tuple[int, ...], str] = {}

    def note(name: str, features: Tensor) -> None:
        if features.shape[2:].numel() > 1:
            sizes[tuple(features.shape[2:])] = name

    model.net.eval()
    try:
        with untouched(model.net), torch.no_grad(), FeatureHooks(model.net, "auto", note):
            run(model.net, x)
        last = last_layer(model.net, x)
    except ValueError as error:
        raise InputError(f"cam: {error}") from None
    return list(dict.fromkeys([*sizes.values(), last]))


def _some(cases: Sequence[Case]) -> list[Case]:
    step = max(1, len(cases) // _CASES)
    return list(cases[::step][:_CASES])
