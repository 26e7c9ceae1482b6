"""Pages and figures from results; no model is ever seen here."""

from segscope.report.audit_page import audit_sections
from segscope.report.charts import Lines
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
from segscope.report.html import (
    Answer,
    CaseList,
    Number,
    Picture,
    Section,
    Table,
    page,
    read_log,
)

__all__ = [
    "Answer",
    "CaseList",
    "Lines",
    "Number",
    "Panel",
    "Picture",
    "Section",
    "Table",
    "Tile",
    "attention_figure",
    "audit_sections",
    "contour_sheet",
    "feature_sheet",
    "learning_figure",
    "page",
    "pruning_figure",
    "read_log",
    "scores_figure",
    "tile_sheet",
    "widest_slice",
]
