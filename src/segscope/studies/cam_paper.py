"""What the classifier-map paper reports (Tables I and II), to stand beside what is measured."""

from typing import NamedTuple


class PaperRow(NamedTuple):
    """One classifier on DDSM: validation accuracies and the averaged mean-Dice of its maps."""

    accuracy: float
    dice: float
    cam_accuracy: float
    mask_accuracy: float
    inverse_accuracy: float | None = None


PAPER: dict[str, PaperRow] = {
    "xception": PaperRow(0.856, 0.435, 0.816, 0.880),
    "resnet50v2": PaperRow(0.840, 0.365, 0.792, 0.880),
    "nasnetmobile": PaperRow(0.848, 0.353, 0.768, 0.872),
    "inceptionv3": PaperRow(0.872, 0.256, 0.776, 0.904, 0.616),
    "mobilenetv2": PaperRow(0.840, 0.034, 0.736, 0.872),
    "densenet121": PaperRow(0.872, 0.030, 0.704, 0.896),
}
