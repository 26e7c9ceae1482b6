"""The table of DICOM fields names everything that changes pixels or places."""

from pydicom.datadict import DicomDictionary, RepeatersDictionary

from segscope.data.decoders.dicom_fields import FIELDS, field_of
from segscope.data.decoders.dicom_tags import TAGS

GROUPS = (0x0020, 0x0028, 0x5200, 0x7FE0)


def test_every_attribute_of_pixels_places_and_frames_is_accounted_for():
    keywords = [v[4] for tag, v in DicomDictionary.items() if tag >> 16 in GROUPS and v[4]]
    repeated = ("0020", "0028", "60", "7F")
    keywords += [v[4] for mask, v in RepeatersDictionary.items() if mask.startswith(repeated)]
    assert len(keywords) > 400
    assert [word for word in keywords if field_of(word) is None] == []


def test_the_table_of_fields_is_what_the_code_reads():
    alive = {name for name, field in FIELDS.items() if field.fate != "harmless"}
    assert alive == set(TAGS)
    for name, (number, vr) in TAGS.items():
        kinds, *_, keyword = DicomDictionary[number]
        assert keyword == name
        assert vr in kinds.split(" or ")
    dead = {name for name, field in FIELDS.items() if field.fate == "harmless"}
    known = {v[4] for v in (*DicomDictionary.values(), *RepeatersDictionary.values())}
    assert dead <= known
