"""ONNX files: the standard's operators, one file, activations as further outputs."""

import sys

import pytest
import torch

from segscope.errors import InputError
from segscope.features import FeatureHooks
from segscope.inference.foreign.onnx_program import read_onnx
from tests.inference.foreign.programs import image, onnx_file, spots


def test_activations_are_those_of_the_network(tmp_path):
    net, signature = read_onnx(onnx_file(tmp_path / "m.onnx"))
    assert signature.shape == (1, 1, None, None)
    own, x = spots(), image()
    with torch.no_grad(), FeatureHooks(net) as found, FeatureHooks(own) as expected:
        torch.testing.assert_close(net(x), own(x), rtol=1e-4, atol=1e-5)
    assert list(found.features) == ["body.1"]
    torch.testing.assert_close(
        found.features["body.1"], expected.features["body.1"], rtol=1e-4, atol=1e-5
    )


def test_nothing_more_is_computed_where_nobody_looks(tmp_path):
    net, _ = read_onnx(onnx_file(tmp_path / "m.onnx"))
    net(image())
    assert net._telling is None


def test_operators_of_others_are_refused_by_their_domain(tmp_path):
    from onnx import helper

    node = helper.make_node("System", ["logits"], ["z"], domain="evil.ops")
    file = onnx_file(tmp_path / "m.onnx", nodes=[node], opsets=[helper.make_opsetid("evil.ops", 1)])
    with pytest.raises(InputError, match=r"operators of evil\.ops"):
        read_onnx(file)


def test_data_in_other_files_is_refused(tmp_path):
    file = onnx_file(tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0,
                     location="weights.bin")  # fmt: skip
    with pytest.raises(InputError, match="in another file, which is never read"):
        read_onnx(file)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named_with_what_to_install(package, tmp_path, monkeypatch):
    from importlib import util

    file, found = onnx_file(tmp_path / "m.onnx"), util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda n, *a: None if n == package else found(n, *a))
    with pytest.raises(InputError, match=rf"need {package}; install segscope\[export\]"):
        read_onnx(file)
    assert sys.modules.get(package) is not None  # it is only hidden from the look-up
