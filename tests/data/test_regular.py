"""Why a path is no file, told without opening it."""

import os

import pytest

from segscope.data.regular import why_no_file


def test_a_file_and_a_link_to_one_are_files(tmp_path):
    file, link = tmp_path / "a", tmp_path / "b"
    file.write_bytes(b"")
    link.symlink_to(file)
    assert why_no_file(file) is None
    assert why_no_file(link) is None


def test_what_is_not_there_and_a_link_to_it_are_told_apart(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "none")
    assert why_no_file(tmp_path / "none") == ("is missing", "put it here")
    assert why_no_file(link)[0] == "is a link to a file that is not there"
    (tmp_path / "file").write_bytes(b"")
    assert why_no_file(tmp_path / "file" / "below")[0] == "is missing"


def test_a_folder_is_none(tmp_path):
    assert why_no_file(tmp_path) == ("is a folder", "put a file here")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are POSIX")
def test_a_pipe_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert why_no_file(tmp_path / "pipe")[0].startswith("is no regular file")


def test_paths_that_no_system_opens_are_told_with_its_words(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, words in ((loop, "symbolic links"), (tmp_path / ("x" * 300), "too long"),
                        (tmp_path / "a\0b", "null")):  # fmt: skip
        fault, remedy = why_no_file(path)
        assert fault.startswith("cannot be opened (")
        assert words in fault
        assert remedy == "check the path"
