"""The result of an audit survives its file and lies in tidy rows."""

import json

import pytest
import torch

from segscope.audit import DatasetAudit, audit, read_audit
from segscope.audit.result import from_dict
from segscope.data import json_ready
from segscope.errors import InputError
from tests.audit.built import disc, threshold_network


def test_results_survive_json_and_lay_out_tidily(tmp_path):
    found = audit(threshold_network(), [disc("=a"), ("b", torch.zeros(1, 8, 8), None)])
    text = json.dumps(json_ready(found.to_dict()))
    again = from_dict(json.loads(text))
    assert isinstance(again, DatasetAudit)
    assert str(again) == str(found)  # nan is not equal to itself
    tables = found.tables()
    assert tables["cases"].splitlines()[1].startswith("'=a,")  # no formula in a spreadsheet
    assert len(tables["layers"].splitlines()) == 1 + 2
    assert len(tables["units"].splitlines()) == 1 + 2 * 2
    file = tmp_path / "audit.json"
    with pytest.raises(InputError, match="run segscope audit first"):
        read_audit(file)
    file.write_text('{"format": 99}')
    with pytest.raises(InputError, match="not an audit of this version"):
        read_audit(file)
