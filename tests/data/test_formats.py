"""Endings: which are read, and what is said of those that are known and not read."""

from pathlib import Path

import numpy as np
import pytest

from segscope.data import image_endings, read_image, write_label
from segscope.data.formats import FORMATS, NOT_READ, image_ending, unknown_kind
from segscope.errors import InputError
from segscope.images import Grid, LabelMap
from tests.packages import install


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a.nhdr", "one .nrrd file"), ("a.mhd", "one .mha file"), ("a.raw", "one .mha file"),
        ("a.hdr", "one .nii.gz file"), ("a.img.gz", "one .nii.gz file"),
        ("a.GIPL.gz", "convert it to .nii.gz"), ("a.mnc", "convert it to .nii.gz"),
        ("a.nii.zst", "convert it to .nii.gz"), ("a.vtk", "convert it to .nii.gz"),
        ("a.mgz", "convert it to .nii.gz"), ("a.dcm", "the folder of its DICOM series"),
        ("a.webp", "convert it to .png"),
    ],
    ids=lambda word: word.replace(" ", "-"),
)  # fmt: skip
def test_known_endings_that_are_not_read_come_with_a_remedy(tmp_path, name, remedy):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match="unknown kind of file") as raised:
        read_image(tmp_path / name)
    assert remedy in str(raised.value)


def test_unknown_endings_come_without_one():
    assert "unknown kind of file; segscope reads" in unknown_kind(Path("a.txt"))


def test_no_ending_is_read_and_not_read():
    assert not set(FORMATS) & set(NOT_READ)
    assert all(image_ending(Path(f"a{ending}")) is None for ending in NOT_READ)


OWN = """
    import numpy as np
    from segscope.data import Decoded, Format

    def flat(path, *, stored=False):
        return Decoded(np.zeros((4, 5), np.uint8), np.eye(3))

    def plain(path, *, stored=False):
        return np.zeros((1, 4, 5))

    def failing(path, *, stored=False):
        raise KeyError("offset")

    def good(path, *, stored=False):
        return Decoded(np.zeros((1, 4, 5), np.uint8), np.eye(3))

    def lazy(path, array, grid, like):
        pass

    def forgetful(path, array, grid, like):
        path.write_bytes(b"")

    FLAT, PLAIN, FAILING = (Format(decode, None, 2) for decode in (flat, plain, failing))
    LAZY, FORGETFUL = Format(good, lazy, 2), Format(good, forgetful, 2)
    FOUR = Format(good, None, 4)
"""


@pytest.fixture
def own_formats(tmp_path, monkeypatch):
    names = ("FLAT", "PLAIN", "FAILING", "LAZY", "FORGETFUL", "FOUR")
    entries = {f"segscope.formats:.{name.lower()}": name for name in names}
    install(tmp_path / "site", "own-formats", OWN, entries)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (".flat", r"array \(4, 5\) with an affine \(3, 3\), expected are 3 axes"),
        (".plain", "decodes to a ndarray, expected is Decoded"),
        (".failing", r"failed \(KeyError: 'offset'\)"),
        (".four", "has the dims 4, expected 2 or 3"),
    ],
)
def test_what_another_package_decodes_wrongly_is_told(own_formats, ending, said):
    (own_formats / f"a{ending}").write_bytes(b"")
    with pytest.raises(InputError, match=rf"'{ending}' of own-formats==1.2 .*{said}"):
        read_image(own_formats / f"a{ending}")


@pytest.mark.parametrize(
    ("ending", "said"),
    [(".lazy", "was not written"), (".forgetful", "holds other voxels than were written")],
)
def test_what_another_package_writes_is_read_back(own_formats, ending, said):
    label = LabelMap(np.ones((4, 5), np.uint8), Grid.from_spacing((4, 5), (1.0, 1.0)))
    with pytest.raises(InputError, match=said):
        write_label(own_formats / f"a{ending}", label)


@pytest.mark.parametrize("name", ["npa", ".NPA", ".seg.nii.gz"])
def test_a_name_that_is_no_ending_of_its_own_is_refused(tmp_path, monkeypatch, name):
    install(tmp_path, "odd-formats", OWN, {f"segscope.formats:{name}": "LAZY"})
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match=rf"'{name}' of odd-formats==1.2 .*: (is no|ends)"):
        image_endings()
