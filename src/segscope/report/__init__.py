"""Pages and figures from results; no model is ever seen here."""

from segscope.report.audit_page import (
    COVERAGES,
    audit_sections,
    layer_means,
    most_suspicious,
    quality_row,
    worst_first,
)
from segscope.report.figures import (
    Panel,
    Tile,
    attention_figure,
    contour_sheet,
    feature_sheet,
    learning_figure,
    pruning_figure,
    scores_figure,
    tile_sheet,
    widest_slice,
)
from segscope.report.html import Lines, Picture, Section, Table, page, read_log

__all__ = [
    "COVERAGES",
    "Lines",
    "Panel",
    "Picture",
    "Section",
    "Table",
    "Tile",
    "attention_figure",
    "audit_sections",
    "contour_sheet",
    "feature_sheet",
    "layer_means",
    "learning_figure",
    "most_suspicious",
    "page",
    "pruning_figure",
    "quality_row",
    "read_log",
    "scores_figure",
    "tile_sheet",
    "widest_slice",
    "worst_first",
]
