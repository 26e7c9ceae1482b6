"""Archives are looked into before anything of them is used."""

import zipfile

import pytest

from segscope.errors import InputError
from segscope.inference.foreign.archives import members, opened_archive


def packed(file, names, data=b"x", kind=zipfile.ZIP_STORED):
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name in names:
            archive.writestr(name, data)
    return file


def test_members_are_listed_and_what_is_no_archive_has_none(tmp_path):
    assert members(packed(tmp_path / "a.pt2", ["m/a", "m/b"])) == ("m/a", "m/b")
    (tmp_path / "b.pt2").write_bytes(b"text")
    assert members(tmp_path / "b.pt2") == ()


@pytest.mark.parametrize("name", ["../a", "/etc/a", "m/../../a", "m\\a"])
def test_members_that_would_lie_outside_are_refused(name, tmp_path):
    file = packed(tmp_path / "a.pt2", [name])
    with pytest.raises(InputError, match="outside"):
        members(file)


def test_a_file_that_unpacks_to_far_more_is_refused(tmp_path):
    file = packed(tmp_path / "a.pt2", ["m/a"], bytes(8 << 20), zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="unpacks to 8388608"):
        members(file)


def test_a_damaged_member_is_an_error_of_the_file(tmp_path):
    file = packed(tmp_path / "a.pt2", ["m/a"], b"abcdefgh" * 64)
    data = bytearray(file.read_bytes())
    data[60] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.pt2: is damaged"), opened_archive(file) as archive:
        archive.read("m/a")
