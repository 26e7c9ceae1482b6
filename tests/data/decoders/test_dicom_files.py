"""No slice is dropped without a word: links, packed, bare and damaged files, folders beside."""

import gzip
import os
import socket

import numpy as np
import pytest

from segscope.data import find_cases, read_image
from segscope.data.decoders import dicom_files
from segscope.data.decoders.dicom_files import is_series
from segscope.errors import InputError
from segscope.inference.manifest import input_hashes
from tests.data.decoders.dicom_made import expected_values, refused, write_series
from tests.fuzz_dicom import encode, slice_elements


@pytest.fixture
def series(tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    return write_series(folder)


def replaced(folder, number, data=None, *, name=None):
    file = folder / f"{number}.dcm"
    whole = file.read_bytes()
    file.unlink()
    if data is not None:
        (folder / (name or file.name)).write_bytes(data(whole))


@pytest.mark.parametrize("number", [0, 1, 3], ids=["first", "middle", "last"])
@pytest.mark.parametrize("target", ["nowhere", "loop"], ids=["dangling", "loop"])
def test_a_link_without_its_file_is_no_slice_less(series, number, target):
    replaced(series, number)
    file = series / f"{number}.dcm"
    file.symlink_to(file.name if target == "loop" else target)
    said = rf"{number}\.dcm: is a link to a file that is not there; fetch the file"
    refused(series, said)
    with pytest.raises(InputError, match=said):
        input_hashes((series,))
    with pytest.raises(InputError, match=said):
        find_cases(series.parent, channels=1)


def test_a_link_to_a_slice_is_a_slice(series, tmp_path):
    (series / "3.dcm").rename(tmp_path / "3.dcm")
    (series / "3.dcm").symlink_to(tmp_path / "3.dcm")
    np.testing.assert_array_equal(read_image(series).array[0], expected_values())


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (None, lambda d: b"", r"3\.dcm: .*no DICOM file \(0 bytes\)"),
        (None, lambda d: d[:100], "perhaps a damaged slice"),
        (None, lambda d: d[132:], "begins as a DICOM data set, without the preamble"),
        ("3.raw", lambda d: d[132:], r"3\.raw: begins as a DICOM data set, without"),
        ("3.dcm.gz", lambda d: gzip.compress(d, mtime=0), r"3\.dcm\.gz: is a packed slice; unpack"),
        ("3.DCM.GZ", lambda d: gzip.compress(d, mtime=0), "is a packed slice"),
        ("3.dcm.part", lambda d: d[:90], r"3\.dcm\.part: .*damaged slice"),
        ("3.dcm~", lambda d: d[:90], "damaged slice"),
        ("3.ima", lambda d: b"version https://git-lfs", "damaged slice"),
    ],
    ids=["empty", "cut", "bare", "bare of another name", "packed", "packed in capitals",
         "unfinished", "old copy", "pointer"],
)  # fmt: skip
def test_a_slice_that_cannot_be_read_is_named(series, name, data, said):
    replaced(series, 3, data, name=name)
    refused(series, said)
    with pytest.raises(InputError, match=said):
        input_hashes((series,))


def test_all_damaged_slices_are_listed_together(series):
    replaced(series, 0, lambda d: b"")
    replaced(series, 2)
    (series / "2.dcm").symlink_to("nowhere")
    with pytest.raises(InputError) as raised:
        read_image(series)
    assert len(raised.value.problems) == 2
    assert ["2.dcm" in p or "0.dcm" in p for p in raised.value.problems] == [True, True]


def test_what_may_not_be_read_is_an_input_error(series, monkeypatch):
    real = dicom_files.Path.open

    def forbidden(self, *words, **named):
        if self.name == "2.dcm":
            raise PermissionError(13, "Permission denied")
        return real(self, *words, **named)

    monkeypatch.setattr(dicom_files.Path, "open", forbidden)
    refused(series, r"2\.dcm: cannot be read; check its permissions")
    with pytest.raises(InputError, match=r"2\.dcm"):
        input_hashes((series,))


def test_a_folder_that_may_not_be_listed_is_an_input_error(series, monkeypatch):
    def forbidden(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(dicom_files.Path, "iterdir", forbidden)
    for call in (is_series, read_image, lambda f: input_hashes((f,))):
        with pytest.raises(InputError, match=r"cannot be listed .Permission denied"):
            call(series)
    with pytest.raises(InputError, match="cannot be listed"):
        find_cases(series, channels=1)


@pytest.mark.parametrize("name", ["9.dcm", "notes"], ids=["as a slice", "as another file"])
def test_a_pipe_is_never_opened(series, name):
    os.mkfifo(series / name)
    if name == "9.dcm":
        refused(series, r"9\.dcm: is no regular file")
    else:
        assert read_image(series).notes[1] == "1 other files beside its slices left out (notes)"
        assert input_hashes((series,))


def test_a_pipe_or_socket_as_input_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "f.nii.gz")
    with pytest.raises(InputError, match="is no regular file"):
        find_cases(tmp_path / "f.nii.gz", channels=1)
    with socket.socket(socket.AF_UNIX) as one:
        here = os.getcwd()
        os.chdir(tmp_path)  # a socket's path is short
        try:
            one.bind("s")
        finally:
            os.chdir(here)
        with pytest.raises(InputError, match="is no regular file"):
            find_cases(tmp_path / "s", channels=1)


def directory_record():
    return encode({0x00080016: ("UI", "1.2.3")}).replace(
        b"\x02\x00\x10\x00UI", b"\x02\x00\x02\x00UI\x14\x001.2.840.10008.1.3.10\x02\x00\x10\x00UI"
    )


def test_what_lies_beside_is_left_out_with_a_word(series):
    (series / "DICOMDIR").write_bytes(encode(slice_elements(9)))
    (series / "index.dcm").write_bytes(directory_record())
    (series / "readme.txt").write_text("words")
    (series / ".1.dcm").write_bytes(encode(slice_elements(9)))
    (series / "._2.dcm").write_bytes(b"mac")
    (series / "thumbs").mkdir()
    image = read_image(series)
    np.testing.assert_array_equal(image.array[0], expected_values())
    assert image.notes[1:] == (
        "3 other files beside its slices left out (DICOMDIR)",
        "1 folders beside its slices left out (thumbs)",
        "2 hidden files beside its slices left out (.1.dcm)",
    )


def test_hidden_and_other_files_are_no_part_of_the_hash(series):
    before = input_hashes((series,))
    (series / ".DS_Store").write_bytes(b"x")
    (series / "readme.txt").write_bytes(b"x")
    assert input_hashes((series,)) == before
    replaced(series, 1, lambda d: d[:-1] + b"\x01")
    assert input_hashes((series,)) != before


@pytest.mark.parametrize("same", [True, False], ids=["same series", "another series"])
def test_slices_in_a_folder_beside_are_not_lost(series, same):
    (series / "more").mkdir()
    elements = slice_elements(4)
    if not same:
        elements[0x0020000E] = ("UI", "1.2.9")
    (series / "more" / "4.dcm").write_bytes(encode(elements))
    if same:
        refused(series, "more: holds slices of the series that lies beside it")
    else:
        assert read_image(series).notes[1] == "1 folders beside its slices left out (more)"


def test_names_without_endings_and_names_that_are_uids_are_slices(tmp_path):
    write_series(tmp_path)
    for k, name in enumerate(["IM0", "1.2.840.113619.4", "slice.4", "a.b"]):
        (tmp_path / f"{k}.dcm").rename(tmp_path / name)
    np.testing.assert_array_equal(read_image(tmp_path).array[0], expected_values())


def test_nifti_files_that_were_dicom_are_no_series(tmp_path):
    (tmp_path / "head.dcm.nii.gz").write_bytes(b"x")
    assert not is_series(tmp_path)
    assert len(find_cases(tmp_path, channels=1)) == 1


# several series


def test_all_faults_of_a_folder_of_series_are_told_at_once(tmp_path):
    for name in "abcde":
        (tmp_path / name).mkdir()
        write_series(tmp_path / name)
    (tmp_path / "b" / "1.dcm").write_bytes(b"")
    (tmp_path / "c" / "2.dcm").unlink()
    (tmp_path / "c" / "2.dcm").symlink_to("nowhere")
    for file in (tmp_path / "d").iterdir():
        file.unlink()
    (tmp_path / "e" / "deep").mkdir()
    for file in (tmp_path / "e").glob("*.dcm"):
        file.rename(tmp_path / "e" / "deep" / file.name)
    (tmp_path / "f").symlink_to("lost")
    with pytest.raises(InputError) as raised:
        find_cases(tmp_path, channels=1)
    said = sorted(raised.value.problems)
    assert len(said) == 5
    for problem, words in zip(
        said,
        ["b/1.dcm: lies among", "c/2.dcm: is a link", "d: is empty", "e: holds its DICOM series",
         "f: is a link to a file that is not there"],
        strict=True,
    ):  # fmt: skip
        assert words in problem


def test_a_folder_of_another_kind_does_not_stop_series(tmp_path):
    (tmp_path / "a").mkdir()
    write_series(tmp_path / "a")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("words")
    assert [case.name for case in find_cases(tmp_path, channels=1)] == ["a"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("loop", "is a link to what is not there"), ("x" * 300, "cannot be read .File name too long"),
     ("file/x.nii", "cannot be read .Not a directory|no such file")],
    ids=["loop", "long name", "below a file"],
)  # fmt: skip
def test_what_the_system_says_of_a_path_is_an_input_error(tmp_path, name, words):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(InputError, match=words):
        find_cases(tmp_path / name, channels=1)
