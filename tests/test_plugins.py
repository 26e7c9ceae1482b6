"""Names of installed packages: found when asked for, refused with the package's name."""

import pytest

from segscope import plugins
from segscope.errors import InputError
from segscope.plugins import Kind, installed
from tests.packages import install

KIND = Kind("colour", "segscope.colours", {"red": 1}, lambda f: "" if f != 3 else "is three")


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_package_is_imported_only_when_its_own_name_is_asked_for(site):
    install(site, "blue-things", "raise RuntimeError('imported')", {"segscope.colours:blue": "B"})
    assert KIND.names() == ("red", "blue")
    assert KIND.get("red") == 1
    assert installed() == {"segscope.colours:blue": "blue-things==1.2"}
    with pytest.raises(
        InputError,
        match=r"colour 'blue': blue-things==1.2 declares it, and "
        r"importing blue_things:B fails \(RuntimeError: imported\); install",
    ):
        KIND.get("blue")  # fmt: skip


@pytest.mark.parametrize(
    ("code", "said"),
    {
        "a library is missing": ("import no_such_thing", "No module named 'no_such_thing'"),
        "the object is missing": ("other = 1", "has no attribute 'GREEN'"),
        "it is no Python": ("def (", "SyntaxError"),
        "it ends the program": ("raise SystemExit(0)", "SystemExit"),
    }.values(),
    ids=["library", "object", "syntax", "exit"],
)
def test_what_fails_to_import_is_told_in_one_line(site, code, said, request):
    name = f"green-{request.node.callspec.id}"
    install(site, name, code, {"segscope.colours:green": "GREEN"})
    with pytest.raises(InputError, match=said) as told:
        KIND.get("green")
    assert name in str(told.value)
    assert "\n" not in str(told.value)


def test_two_of_one_name_are_refused_with_both_packages(site):
    install(site, "red-things", "RED = 2", {"segscope.colours:red": "RED"})
    with pytest.raises(InputError, match=r"'red': is declared by segscope and by red-things==1.2"):
        KIND.get("red")
    for name in ("pink-one", "pink-two"):
        install(site, name, "PINK = 2", {"segscope.colours:pink": "PINK"})
    fresh = Kind("colour", "segscope.colours", {}, lambda found: "")
    plugins._searched.cache_clear()  # what is installed while a program runs, the next one finds
    with pytest.raises(InputError, match=r"declared by pink-one==1.2 and by pink-two==1.2; unin"):
        fresh.get("pink")


def test_a_wrong_object_is_told_with_package_and_place(site):
    install(site, "three-things", "THREE = 3", {"segscope.colours:three": "THREE"})
    with pytest.raises(InputError, match=r"three-things==1.2 \(three_things:THREE\): is three"):
        KIND.get("three")


def test_the_package_of_a_run_is_looked_for(site):
    install(site, "grey-things", "GREY = 2", {"segscope.colours:grey": "GREY"})
    assert KIND.need("red", None) == ""
    assert KIND.need("grey", "grey-things==1.2") == ""
    assert "is of grey-things==1.2 now" in KIND.need("grey", "grey-things==1.0")
    with pytest.raises(InputError, match=r"here grey-things==1.2 does; install it: pip install a"):
        KIND.need("grey", "a==1.0")
    with pytest.raises(InputError, match=r"no package here declares it; install it: pip install a"):
        KIND.need("gray", "a==1.0")
    with pytest.raises(InputError, match="segscope has one of this name"):
        KIND.need("red", "a==1.0")


def test_errors_of_a_package_name_it_and_those_of_segscope_pass(site):
    install(site, "cyan-things", "CYAN = 2", {"segscope.colours:cyan": "CYAN"})
    with pytest.raises(InputError, match=r"cyan-things==1.2 .*: failed \(KeyError: 4\)"), \
            KIND.running("cyan"):  # fmt: skip
        raise KeyError(4)
    with pytest.raises(KeyError), KIND.running("red"):
        raise KeyError(4)
    with pytest.raises(MemoryError), KIND.running("cyan"):
        raise MemoryError
    with pytest.raises(InputError, match=r"^a file$"), KIND.running("cyan"):
        raise InputError("a file")
