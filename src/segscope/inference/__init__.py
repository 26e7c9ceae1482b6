"""Trained networks on images: load, predict, prune."""

from segscope.inference.cases import Predicted, predict_cases, target
from segscope.inference.device import choose_device, parse_level
from segscope.inference.manifest import PredictOptions, input_hashes
from segscope.inference.model import (
    ModelSpec,
    NetworkSpec,
    TrainedModel,
    load_model,
    read_spec,
    save_model,
)
from segscope.inference.predict import predict_labels, predict_prepared, predict_probabilities
from segscope.inference.prune import LevelRow, Pruned, choose_level, measure_levels, prune_run
from segscope.inference.weights import load_weights, save_weights

__all__ = [
    "LevelRow",
    "ModelSpec",
    "NetworkSpec",
    "PredictOptions",
    "Predicted",
    "Pruned",
    "TrainedModel",
    "choose_device",
    "choose_level",
    "input_hashes",
    "load_model",
    "load_weights",
    "measure_levels",
    "parse_level",
    "predict_cases",
    "predict_labels",
    "predict_prepared",
    "predict_probabilities",
    "prune_run",
    "read_spec",
    "save_model",
    "save_weights",
    "target",
]
