"""Which installed packages a recipe takes things from: noted in it, and looked for again."""

import logging
from typing import Any

from segscope.data import Dataset, packages_of_dataset
from segscope.losses import LOSS
from segscope.networks import NETWORK
from segscope.plugins import Kind
from segscope.training.recipe import Recipe

_LOG = logging.getLogger(__name__)


def note_packages(recipe: Recipe, dataset: Dataset | None = None) -> Recipe:
    """Note which packages the network and the losses are of, and the dataset's files and layout.

    Raises:
        InputError: The recipe says that they are of a package that is not here.
    """
    found: dict[str, str] = {}
    for kind, name in _named(recipe):
        key = f"{kind.what} {name}"
        remark = kind.need(name, recipe.packages.get(key))
        if remark:
            _LOG.warning("%s", remark)
        here = kind.declared(name)
        if here is not None:
            found[key] = here.package
    if dataset is not None:
        found |= packages_of_dataset(dataset)
    return recipe.model_copy(update={"packages": found})


def _named(recipe: Recipe) -> list[tuple[Kind[Any], str]]:
    losses = dict.fromkeys((recipe.loss.name, *recipe.loss.plus))
    return [(NETWORK, recipe.network.name), *((LOSS, name) for name in losses)]
