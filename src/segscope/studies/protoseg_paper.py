"""The segmentation-ability paper's own figures, to stand beside a user's."""

DATASETS = ("BraTS", "ISIC", "COVID", "Prostate", "Pancreas")

OUTPUTS: dict[str, tuple[float, float, float, float]] = {
    "BraTS": (0.8471, 0.7944, 0.8428, 0.8514),
    "ISIC": (0.8330, 0.8260, 0.8353, 0.8445),
    "COVID": (0.4862, 0.5123, 0.4840, 0.5597),
    "Prostate": (0.7232, 0.6365, 0.7557, 0.7585),
    "Pancreas": (0.6475, 0.3439, 0.6441, 0.6635),
}
"""Table 1: mean Dice of output B and last layer's map, offline; the same online."""

KEPT: dict[str, tuple[float, float, float, float]] = {
    "BraTS": (0.8428, 0.9102, 0.9344, 0.9446),
    "ISIC": (0.8353, 0.8457, 0.8421, 0.8551),
    "COVID": (0.4880, 0.5400, 0.5778, 0.6229),
    "Prostate": (0.7557, 0.7959, 0.8344, 0.8660),
    "Pancreas": (0.6441, 0.6850, 0.7255, 0.7529),
}
"""Table 2: mean Dice at coverage 100, 90, 70 and 50 percent."""

SEPARABLENESS: dict[str, tuple[float, float, float]] = {
    "BraTS": (0.657, 0.842, 0.185),
    "ISIC": (0.667, 0.835, 0.168),
    "COVID": (0.411, 0.484, 0.072),
    "Prostate": (0.230, 0.757, 0.525),
    "Pancreas": (0.030, 0.644, 0.613),
}
"""Table 3: SA of the intensities, Dice of the output, mean distance m(d)."""
