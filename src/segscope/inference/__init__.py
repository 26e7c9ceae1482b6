"""Trained networks on images: load, predict, prune."""

from segscope.inference.cases import predict_cases, target
from segscope.inference.device import choose_device, parse_level
from segscope.inference.kind import Kind, OpenOptions
from segscope.inference.manifest import (
    hash_cases,
    input_hashes,
    made_with,
    write_manifest,
)
from segscope.inference.meant import compare, judge, limits
from segscope.inference.model import (
    ModelSpec,
    NetworkSpec,
    TrainedModel,
    load_model,
    read_spec,
    save_model,
)
from segscope.inference.open_model import kind_of_model, open_model
from segscope.inference.parts import Described, ForeignSpec, How, Inferer, Parts
from segscope.inference.predict import predict_labels, predict_prepared, predict_probabilities
from segscope.inference.predicted import NotMeantError, Predicted, SomeFailedError
from segscope.inference.prune import LevelRow, Pruned, choose_level, measure_levels, prune_run
from segscope.inference.run_files import read_fingerprint
from segscope.inference.verdict import FAR, Verdict
from segscope.inference.weights import fit_weights, load_into, load_weights, save_weights
from segscope.predict_options import PredictOptions

__all__ = [
    "FAR",
    "Described",
    "ForeignSpec",
    "How",
    "Inferer",
    "Kind",
    "LevelRow",
    "ModelSpec",
    "NetworkSpec",
    "NotMeantError",
    "OpenOptions",
    "Parts",
    "PredictOptions",
    "Predicted",
    "Pruned",
    "SomeFailedError",
    "TrainedModel",
    "Verdict",
    "choose_device",
    "choose_level",
    "compare",
    "fit_weights",
    "hash_cases",
    "input_hashes",
    "judge",
    "kind_of_model",
    "limits",
    "load_into",
    "load_model",
    "load_weights",
    "made_with",
    "measure_levels",
    "open_model",
    "parse_level",
    "predict_cases",
    "predict_labels",
    "predict_prepared",
    "predict_probabilities",
    "prune_run",
    "read_fingerprint",
    "read_spec",
    "save_model",
    "save_weights",
    "target",
    "write_manifest",
]
