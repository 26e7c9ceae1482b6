"""The language of bundles: references and a few forms; all else is Python, and refused."""

from pathlib import Path

import pytest

from segscope.errors import InputError
from segscope.inference.foreign.bundle_config import BundleConfig, read_config


def plain(value, **values):
    return BundleConfig(Path("inference.json"), values).plain(value, "place")


@pytest.mark.parametrize(("value", "expected"), [
    ("@a", [1, {"b": 2}]), ("@a#1#b", 2), ("@a::1::b", 2), ("%a#0", 1), ("$@a#0", 1),
    ("$[1, 2]", [1, 2]), ("$(1.5,)", [1.5]), ("$-1", -1), ("$None", None), ("$'x'", "x"),
    ("$torch.float32", "float32"), ("$np.uint8", "uint8"),
    ("$[3] if @yes else [4]", [3]), ("$'a' if @no else 'b'", "b"),
    ({"k": ["@yes"]}, {"k": [True]}), ("plain", "plain"), (3, 3),
])  # fmt: skip
def test_known_forms_are_values(value, expected):
    assert plain(value, a=[1, {"b": 2}], yes=True, no=False) == expected


@pytest.mark.parametrize("value", [
    "$__import__('os')", "$[x for x in (1,)]", "$1 + 1", "$open('f')", "$@a + 1", "$lambda: 1",
    "$[1] if @text else [2]", "$torch.load('f')", "$f'{1}'",
])  # fmt: skip
def test_anything_else_is_refused_with_its_place(value):
    with pytest.raises(InputError, match=r"place: .* is Python, which is never run"):
        plain(value, a=1, text="x")


def test_yaml_is_read_too_and_what_is_no_object_is_refused(tmp_path):
    (tmp_path / "configs").mkdir()
    file = tmp_path / "configs" / "inference.yaml"
    file.write_text("a: [1]\nb: '@a#0'\n")
    config = read_config(tmp_path, "inference")
    assert config.raw("b") == 1
    file.write_text("!!python/object/apply:os.system ['true']")
    with pytest.raises(InputError, match="is not YAML"):
        read_config(tmp_path, "inference")
    file.write_text("[1]")
    with pytest.raises(InputError, match="no object with keys"):
        read_config(tmp_path, "inference")
