"""Every table of fields says what becomes of each, and why."""

import re
from dataclasses import FrozenInstanceError
from typing import get_args

import pytest

from segscope.data.decoders import (
    bmp,
    dicom_fields,
    jpeg_markers,
    metaimage_fields,
    nifti_fields,
    nrrd_fields,
    png,
    tiff_tags,
)
from segscope.data.decoders.fields import Fate, Field

TABLES = (
    bmp, dicom_fields, jpeg_markers, metaimage_fields, nifti_fields, nrrd_fields, png, tiff_tags
)  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_field_has_a_known_fate_and_a_reason(table):
    assert table.FIELDS
    for name, field in table.FIELDS.items():
        assert field.fate in get_args(Fate), name
        assert re.search(r"\w", field.why), name
    # a format that uses nothing would be no image
    assert any(field.fate == "used" for field in table.FIELDS.values())


def test_a_fate_is_not_changed_later():
    with pytest.raises(FrozenInstanceError):
        Field("used", "x").fate = "harmless"
