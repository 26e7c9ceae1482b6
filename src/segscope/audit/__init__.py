"""The audit: which layers and units can segment, and how far each prediction can be trusted."""

from segscope.audit.choose import WHICH, choose_cases, read_from
from segscope.audit.maps import Drawn, UnitPicture, draw_case
from segscope.audit.pieces import Pieces, prepare_pieces
from segscope.audit.quality import FIGURES, add_quality, available, quality_of, snapshots
from segscope.audit.result import (
    CaseAudit,
    DatasetAudit,
    LayerScores,
    UnitScores,
    layer_groups,
    read_audit,
)
from segscope.audit.run import CaseMaps, audit, audit_subject
from segscope.audit.subject import AuditCase, Opened, Preparation, Subject

__all__ = [
    "FIGURES",
    "WHICH",
    "AuditCase",
    "CaseAudit",
    "CaseMaps",
    "DatasetAudit",
    "Drawn",
    "LayerScores",
    "Opened",
    "Pieces",
    "Preparation",
    "Subject",
    "UnitPicture",
    "UnitScores",
    "add_quality",
    "audit",
    "audit_subject",
    "available",
    "choose_cases",
    "draw_case",
    "layer_groups",
    "prepare_pieces",
    "quality_of",
    "read_audit",
    "read_from",
    "snapshots",
]
