"""Arrays on grids: what every other room hands around."""

from segscope.images.case import Case
from segscope.images.fingerprint import ChannelStatistics, Fingerprint, ImageFacts, Intensities
from segscope.images.frame import Frame
from segscope.images.grid import Grid, is_invertible
from segscope.images.image import Image, LabelMap, Probabilities, likeliest

__all__ = [
    "Case",
    "ChannelStatistics",
    "Fingerprint",
    "Frame",
    "Grid",
    "Image",
    "ImageFacts",
    "Intensities",
    "LabelMap",
    "Probabilities",
    "is_invertible",
    "likeliest",
]
