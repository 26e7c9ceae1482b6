"""The audit: which layers and units can segment, and how far each prediction can be trusted."""

from segscope.audit.pieces import Pieces, prepare_pieces
from segscope.audit.result import CaseAudit, DatasetAudit, LayerScores, UnitScores, read_audit
from segscope.audit.run import CaseMaps, audit
from segscope.audit.subject import AuditCase, Opened

__all__ = [
    "AuditCase",
    "CaseAudit",
    "CaseMaps",
    "DatasetAudit",
    "LayerScores",
    "Opened",
    "Pieces",
    "UnitScores",
    "audit",
    "prepare_pieces",
    "read_audit",
]
