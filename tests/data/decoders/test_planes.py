"""All plane formats behind one door: one rule, written back, in threads, and changed at random."""

import io
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from segscope.data import read_image, read_label, write_label
from segscope.data.decoders.planes import decode_plane, write_plane
from segscope.errors import InputError
from segscope.images import Grid, LabelMap
from tests.fuzz_planes import compare, mutations

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)
MASK = RANDOM.integers(0, 3, (20, 30), dtype=np.uint8)
LOSSLESS = (".png", ".tif", ".tiff", ".bmp")


@pytest.mark.parametrize("ending", LOSSLESS)
@pytest.mark.parametrize("mode", ["1", "P", "L", "RGB", "RGBA"])
def test_one_picture_is_read_alike_in_every_format(ending, mode, tmp_path):
    picture = PillowImage.fromarray(COLOUR).convert(mode)
    path = tmp_path / f"a{ending}"
    picture.save(path)
    found = read_image(path)
    expected = np.asarray(picture if mode == "L" else picture.convert("RGB"))
    expected = np.atleast_3d(expected)
    if mode == "1":  # a palette of two in BMP, a bit elsewhere
        expected = expected[..., :1] // (1 if ending == ".bmp" else 255)
    np.testing.assert_array_equal(np.moveaxis(found.array, 0, -1), expected)
    said = {"RGBA": "opaque", "P": "palette", "1": "palette" if ending == ".bmp" else "1 bit"}
    assert (said[mode] in found.notes[0]) if mode in said else found.notes == ()


@pytest.mark.parametrize("ending", LOSSLESS)
@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_one_mask_is_read_alike_in_every_format(ending, mode, tmp_path):
    path = tmp_path / f"a{ending}"
    picture = PillowImage.fromarray(MASK)
    if mode == "P":
        picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    (picture.convert("RGB") if mode == "RGB" else picture).save(path)
    np.testing.assert_array_equal(read_label(path).array, MASK)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("ending", LOSSLESS)
def test_what_is_written_reads_back_equal(kind, ending, tmp_path):
    array = RANDOM.integers(0, np.iinfo(kind).max + 1, (11, 7)).astype(kind)
    path = tmp_path / f"a{ending}"
    grid = Grid(array.shape, np.eye(3))
    if ending == ".bmp" and kind == np.uint16:
        with pytest.raises(InputError, match=r"BMP holds 8 bits"):
            write_plane(path, array, grid)
        assert not path.exists()
        return
    write_plane(path, array, grid)
    theirs = np.asarray(PillowImage.open(path))
    np.testing.assert_array_equal(theirs, array)
    np.testing.assert_array_equal(decode_plane(path, stored=True).array[0], array)


def test_a_mask_of_a_turned_picture_is_written_as_viewers_see_it(tmp_path):
    exif = PillowImage.Exif()
    exif[274] = 6
    PillowImage.fromarray(COLOUR).save(tmp_path / "a.jpg", exif=exif)
    image = read_image(tmp_path / "a.jpg")
    assert image.grid.shape == (30, 20)
    seen = np.rot90(MASK, -1)
    write_label(tmp_path / "m.png", LabelMap(np.ascontiguousarray(seen), image.grid))
    np.testing.assert_array_equal(np.asarray(PillowImage.open(tmp_path / "m.png")), seen)
    label = read_label(tmp_path / "m.png")
    np.testing.assert_array_equal(label.array, seen)
    assert label.notes == ()


def saved(kind):
    stream = io.BytesIO()
    PillowImage.fromarray(COLOUR).save(stream, kind)
    return stream.getvalue()


def test_a_name_that_promises_another_format_is_said(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(saved("jpeg"))
    assert read_image(path).notes == ("is named .png and holds JPEG",)
    with pytest.raises(InputError, match="changes labels"):
        read_label(path)
    path.write_bytes(saved("tiff"))
    np.testing.assert_array_equal(read_image(path).array, np.moveaxis(COLOUR, -1, 0))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PDF"])
def test_other_formats_are_named(kind, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(saved(kind))
    with pytest.raises(InputError, match=f"(?i)holds {kind}, which is not read; save it as PNG"):
        read_image(path)


def test_a_phones_picture_by_another_name_is_named(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(InputError, match=r"holds HEIC, AVIF or a film, .* save it as PNG"):
        read_image(path)


def test_large_pictures_raise_no_warning_and_need_no_global_limit(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 100)  # ours is not Pillow's
    for kind in ("png", "jpeg", "bmp", "tiff"):
        path = tmp_path / f"a.{kind}"
        path = path.with_suffix({"tiff": ".tif", "jpeg": ".jpg"}.get(kind, path.suffix))
        path.write_bytes(saved(kind))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert read_image(path).array.shape == (3, 20, 30)
        assert not caught
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "tiff"])
def test_an_array_may_be_written_to(kind, tmp_path):
    path = tmp_path / "a.png"
    for array in (COLOUR, COLOUR[..., 0]):
        PillowImage.fromarray(array).save(path, kind)
        found = read_image(path).array
        found[:, 0, 0] = 7
        assert found.flags.c_contiguous


def test_threads_read_what_one_thread_reads(tmp_path):
    files = []
    for k, (_, ending, data) in enumerate(mutations(5, 60)):
        files.append(tmp_path / f"{k}{ending}")
        files[-1].write_bytes(data)

    def read(path: Path):
        try:
            return read_image(path).array.tobytes()
        except InputError as error:
            return str(error)

    alone = [read(file) for file in files]
    before = warnings.filters[:]
    gate = threading.Barrier(4)

    def begin(_):
        gate.wait(timeout=60)
        return [read(file) for file in files]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(begin, range(4)):
            assert found == alone
    assert warnings.filters == before


def test_changed_headers_are_refused_or_read_as_others_read_them(tmp_path):
    for name, ending, data in mutations(0, 300):
        path = tmp_path / f"a{ending}"
        path.write_bytes(data)
        fault = compare(path)
        assert fault is None, f"{name}{ending}: {fault}"


def test_good_files_of_the_changed_headers_are_read(tmp_path):
    whole = [m for m in mutations(1, 1500) if m[0].endswith(", whole")]
    assert len(whole) > 30
    for name, ending, data in whole:
        path = tmp_path / f"a{ending}"
        path.write_bytes(data)
        assert read_image(path).array.size, name


def test_the_comparison_sees_a_single_changed_sample_and_a_crash(tmp_path, monkeypatch):
    for ending, kind in ((".png", "png"), (".tif", "tiff"), (".bmp", "bmp"), (".jpg", "jpeg")):
        path = tmp_path / f"a{ending}"
        path.write_bytes(saved(kind))
        assert compare(path) is None

        def changed(path):
            image = read_image(path)
            image.array[0, 2, 3] += 99
            return image

        def broken(path):
            raise KeyError("x")

        with monkeypatch.context() as patch:
            patch.setattr("tests.fuzz_planes.read_image", changed)
            assert "ours" in (compare(path) or "")
            patch.setattr("tests.fuzz_planes.read_image", broken)
            assert compare(path) == "KeyError: 'x'"
