"""Whatever a library raises about a file is its error: one line, and the others are read."""

import builtins
import contextlib
import importlib
import warnings

import pytest

from segscope.cli.main import main
from segscope.data import check_dataset, find_cases, read_image, read_label
from segscope.data.check import _examine
from segscope.data.formats import FORMATS, Format
from segscope.data.layouts import open_dataset
from segscope.errors import InputError, WorkError
from segscope.inference import predict_cases
from tests.corpus import write_dataset
from tests.inference.nets import random_model

LIBRARIES = ("imagecodecs", "tifffile", "pydicom", "SimpleITK", "PIL", "nibabel", "isal", "zlib",
             "_lzma", "lzma", "gzip", "bz2", "_bz2", "struct", "numpy", "json", "codecs",
             "builtins", "igzip_lib", "isal_zlib", "segscope")  # fmt: skip
MODULES = (
    "imagecodecs", "tifffile", "tifffile.tifffile", "pydicom", "pydicom.errors",
    "pydicom.pixels", "pydicom.pixels.decoders", "SimpleITK", "PIL.Image", "PIL.PngImagePlugin",
    "PIL.TiffImagePlugin", "PIL.JpegImagePlugin", "PIL.BmpImagePlugin", "nibabel",
    "nibabel.volumeutils", "nibabel.openers", "nibabel.filebasedimages", "isal.isal_zlib",
    "isal.igzip", "isal.igzip_lib", "zlib", "lzma", "gzip", "bz2", "struct", "json",
    "numpy.exceptions", "numpy.lib", "segscope.errors",
)  # fmt: skip


def subclasses(kind):
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def collected():
    """Every class of exception that these libraries define, once, by its full name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = [importlib.import_module(name) for name in MODULES]
        for name in dir(loaded[0]):  # imagecodecs loads each codec when it is asked for
            if name.endswith("Error"):
                with contextlib.suppress(Exception):
                    getattr(loaded[0], name)
    found = {
        f"{one.__module__}.{one.__qualname__}": one
        for one in {Exception, *subclasses(Exception)}
        if one.__module__.split(".")[0] in LIBRARIES
    }
    for module in loaded:  # what is an error by another base than Exception's own tree
        for name in dir(module) if module is not loaded[0] else ():
            one = getattr(module, name, None)
            if isinstance(one, type) and issubclass(one, Exception):
                found.setdefault(f"{one.__module__}.{one.__qualname__}", one)
    return found


def instance(kind):
    """Make one of a class whose arguments nobody knows."""
    if issubclass(kind, UnicodeDecodeError):
        return kind("utf-8", b"\xff", 0, 1, "what")
    if issubclass(kind, UnicodeEncodeError):
        return kind("utf-8", "x", 0, 1, "what")
    if issubclass(kind, UnicodeTranslateError):
        return kind("x", 0, 1, "what")
    if issubclass(kind, BaseExceptionGroup):
        return kind("two", [ValueError("what"), KeyError("else")])
    for arguments in (("what\nit says",), (), ("what", 2), (2, "what"), ("a", "b", "c")):
        try:
            return kind(*arguments)
        except Exception:
            continue
    return kind.__new__(kind)


class SpeechlessError(Exception):
    def __str__(self):
        raise RuntimeError("cannot even say what it is")


FOUND = collected()
ERRORS = [instance(FOUND[name]) for name in sorted(FOUND)]
ERRORS += [SpeechlessError(), OSError(5, "Input/output error", "inner"), OSError("without number")]
PASSING = (InputError, WorkError)  # they say all that there is


class Raises:
    """A decoder whose answer to the n-th case is the n-th error."""

    def __init__(self, errors):
        self.errors = errors

    def __call__(self, path, *, stored=False):
        number = int(path.name.split("_")[0].split(".")[0].removeprefix("c"))
        raise self.errors[number]


@pytest.fixture
def raising(monkeypatch):
    for ending in (".nii.gz", ".nii", ".png"):
        kind = FORMATS[ending]
        monkeypatch.setitem(FORMATS, ending, Format(Raises(ERRORS), kind.write, kind.dims))
    return ERRORS


def test_the_classes_of_all_libraries_are_there():
    libraries = {name.split(".")[0] for name in FOUND}
    assert {"imagecodecs", "tifffile", "pydicom", "PIL", "nibabel", "zlib", "builtins",
            "struct", "numpy"} <= libraries  # fmt: skip
    assert {"builtins.RecursionError", "builtins.MemoryError",
            "builtins.OverflowError", "builtins.BrokenPipeError", "builtins.UserWarning",
            "builtins.StopIteration", "PIL.UnidentifiedImageError"} <= set(FOUND)  # fmt: skip
    assert importlib.import_module("isal.igzip_lib").IsalError in FOUND.values()
    assert sum("imagecodecs" in name for name in FOUND) > 20  # one per codec
    assert len(FOUND) > 150


def check_said(path, error, said):
    assert said.startswith(f"{path}: "), said
    assert "\n" not in said
    assert "; " in said
    if not isinstance(error, (OSError, MemoryError)):
        assert type(error).__name__ in said


@pytest.mark.parametrize("reader", [read_image, read_label], ids=["image", "label"])
def test_each_is_one_line_that_names_the_file(tmp_path, raising, reader):
    for number, error in enumerate(raising):
        path = tmp_path / f"c{number}.nii.gz"
        path.write_bytes(b"x")
        if isinstance(error, PASSING):
            with pytest.raises(type(error)):
                reader(path)
            continue
        with pytest.raises(InputError) as caught:
            reader(path)
        check_said(path, error, str(caught.value))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, BaseException])
def test_what_is_no_error_passes(tmp_path, monkeypatch, kind):
    monkeypatch.setitem(FORMATS, ".nii", Format(Raises([kind("stop")]), None, 3))
    (tmp_path / "c0.nii").write_bytes(b"x")
    with pytest.raises(kind, match="stop"):
        read_image(tmp_path / "c0.nii")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = write_dataset(tmp_path_factory.mktemp("errors") / "data", ".nii.gz", cases=1)
    image = (folder / "imagesTr" / "c0_0000.nii.gz").read_bytes()
    for number in range(len(ERRORS)):
        (folder / "imagesTr" / f"c{number}_0000.nii.gz").write_bytes(image)
        (folder / "labelsTr" / f"c{number}.nii.gz").write_bytes(image)
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_a_check_reports_every_file_and_goes_on(dataset, raising, monkeypatch, workers):
    lasting = [e if not isinstance(e, WorkError) else ValueError("x") for e in raising]
    kind = Format(Raises(lasting), FORMATS[".nii.gz"].write, 3)
    monkeypatch.setitem(FORMATS, ".nii.gz", kind)
    report = check_dataset(dataset, workers=workers)
    named = {problem.file for problem in report.problems if problem.case}
    assert named == {
        str(file) for part in ("imagesTr", "labelsTr") for file in (dataset / part).iterdir()
    }


def test_the_commands_say_each_in_one_line_with_exit_code_2(dataset, raising, capsys):
    for number, error in list(enumerate(raising))[::4]:  # the same door as above: some will do
        if isinstance(error, PASSING):
            continue
        file = dataset / "imagesTr" / f"c{number}_0000.nii.gz"
        with pytest.raises(SystemExit) as ended:
            main(["data", "inspect", str(file)])
        said = capsys.readouterr().err.strip().removeprefix("segscope: ")
        assert ended.value.code == 2, error
        assert "defect" not in said
        check_said(file, error, said)


def test_predicting_names_every_file_and_makes_no_defect(dataset, raising, tmp_path):
    model = random_model(3, widths=(4, 6), patch=(16,) * 3, channels=[{"name": "MR"}])
    cases = find_cases(dataset / "imagesTr", channels=1)
    with pytest.raises(WorkError) as caught:
        predict_cases(model, cases, tmp_path / "out")
    said = str(caught.value)
    assert f"{len(ERRORS)} of {len(ERRORS)} cases failed" in said
    for case, error in zip(cases, sorted(range(len(ERRORS)), key=lambda k: f"c{k}"), strict=True):
        if not isinstance(ERRORS[error], WorkError):
            assert str(case.image_files[0]) in said


def test_an_error_while_a_case_is_measured_is_a_problem_of_the_case(tmp_path, monkeypatch):
    folder = write_dataset(tmp_path / "data", ".nii.gz", cases=2)
    opened = open_dataset(folder)

    def broken(loaded, labels):
        raise MemoryError("Unable to allocate 16 GiB")

    monkeypatch.setattr("segscope.data.check.case_facts", broken)
    (problem,) = _examine(opened.training[0], opened).problems
    assert problem.file == str(opened.training[0].image_files[0])
    assert "too large for this machine's memory" in problem.fault
    assert len(check_dataset(folder).problems) == 2


def test_all_classes_of_python_itself_are_among_them():
    own = {n for n, v in vars(builtins).items() if isinstance(v, type) and issubclass(v, Exception)}
    assert own - {"EnvironmentError", "IOError", "WindowsError"} <= {
        name.removeprefix("builtins.") for name in FOUND
    }
