"""Networks planned for a small dataset, with weights as they were drawn."""

from segscope.data import measure_fingerprint
from segscope.inference import TrainedModel
from segscope.training import load_partial, plan_recipe
from segscope.training.setup import make_network, model_spec


def untrained(dataset, preset=None, seed=1, **changes):
    """A planned network; its weights depend on the seed alone."""
    small = {"network": {"widths": [4, 4, 6, 6, 8][: changes.pop("levels", 2)]}, **changes}
    recipe = plan_recipe(
        measure_fingerprint(dataset), load_partial(preset) if preset else {}, small
    )
    spec = model_spec(recipe, dataset)
    return TrainedModel(spec, make_network(spec, seed).eval())
