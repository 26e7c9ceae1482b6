"""Networks that segment, 2D and 3D by one code."""

from segscope.networks.blocks import Segmenter
from segscope.networks.classifiers import (
    CLASSIFIERS,
    Classifier,
    check_classifier,
    classifier,
    take_weights,
)
from segscope.networks.dense_unet import DenseUNet
from segscope.networks.fold import fold_batch_norms
from segscope.networks.measure import count_parameters, multiply_adds
from segscope.networks.names import NETWORK, NETWORKS, build_network
from segscope.networks.nested import ANUNet, UNetPlusPlus
from segscope.networks.own import Network
from segscope.networks.prior_unet import PriorUNet
from segscope.networks.unet import AttentionR2UNet, AttentionUNet, R2UNet, UNet

__all__ = [
    "CLASSIFIERS",
    "NETWORK",
    "NETWORKS",
    "ANUNet",
    "AttentionR2UNet",
    "AttentionUNet",
    "Classifier",
    "DenseUNet",
    "Network",
    "PriorUNet",
    "R2UNet",
    "Segmenter",
    "UNet",
    "UNetPlusPlus",
    "build_network",
    "check_classifier",
    "classifier",
    "count_parameters",
    "fold_batch_norms",
    "multiply_adds",
    "take_weights",
]
