"""The audit: which layers and units can segment, and how far each prediction can be trusted."""

from segscope.audit.cases import AuditCase, Opened
from segscope.audit.choose import WHICH, choose_cases, read_from
from segscope.audit.kept import KeptCases
from segscope.audit.maps import Drawn, UnitPicture, draw_case
from segscope.audit.measured import Measured
from segscope.audit.named_preparation import Named, name_preparation
from segscope.audit.names import SCORE, SCORES, QualityScore, check_scores
from segscope.audit.neighbours import Neighbour, far_better, try_neighbours
from segscope.audit.pieces import Pieces, prepare_pieces
from segscope.audit.quality import (
    available,
    measure_figures,
    quality_of,
    snapshots,
    with_figures,
)
from segscope.audit.result import (
    CaseAudit,
    DatasetAudit,
    LayerScores,
    UnitScores,
    layer_groups,
    read_audit,
)
from segscope.audit.run import CaseMaps, audit, audit_cases, audit_subject, dataset_audit
from segscope.audit.subject import Preparation, Subject, open_subject

__all__ = [
    "SCORE",
    "SCORES",
    "WHICH",
    "AuditCase",
    "CaseAudit",
    "CaseMaps",
    "DatasetAudit",
    "Drawn",
    "KeptCases",
    "LayerScores",
    "Measured",
    "Named",
    "Neighbour",
    "Opened",
    "Pieces",
    "Preparation",
    "QualityScore",
    "Subject",
    "UnitPicture",
    "UnitScores",
    "audit",
    "audit_cases",
    "audit_subject",
    "available",
    "check_scores",
    "choose_cases",
    "dataset_audit",
    "draw_case",
    "far_better",
    "layer_groups",
    "measure_figures",
    "name_preparation",
    "open_subject",
    "prepare_pieces",
    "quality_of",
    "read_audit",
    "read_from",
    "snapshots",
    "try_neighbours",
    "with_figures",
]
