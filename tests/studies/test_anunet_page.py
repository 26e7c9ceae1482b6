"""The paper's numbers obey arithmetic."""

from segscope.studies.anunet_page import NETWORKS
from segscope.studies.declared import read_paper


def test_the_papers_numbers_obey_arithmetic():
    printed = read_paper("anunet")
    for rows in printed["segmentation"].values():
        assert list(rows) == list(NETWORKS)
        for name, (iou, dice, _, _) in rows.items():
            implied = 200 * iou / (100 + iou)
            # one cell of Table 2 repeats a precision, as its docstring says
            assert (abs(implied - dice) < 0.1) or (name == "anunet" and dice == 98.15)
    for _, _, dice, iou in printed["pruning"].values():
        assert dice is None or iou is None or iou <= dice
