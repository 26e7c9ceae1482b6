"""Pages and figures from results; no model is ever seen here."""

from segscope.report.figures import (
    Panel,
    attention_figure,
    contour_sheet,
    pruning_figure,
    scores_figure,
    widest_slice,
)
from segscope.report.html import Lines, Picture, Section, Table, page, read_log

__all__ = [
    "Lines",
    "Panel",
    "Picture",
    "Section",
    "Table",
    "attention_figure",
    "contour_sheet",
    "page",
    "pruning_figure",
    "read_log",
    "scores_figure",
    "widest_slice",
]
