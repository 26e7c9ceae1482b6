"""A .pt2 file is read as data: nothing of it is evaluated, and only torch's own operations run."""

import json

import pytest
import torch
from torch import nn

from segscope.errors import InputError
from segscope.features import FeatureHooks
from segscope.inference.foreign.exported import read_exported
from tests.inference.foreign.programs import export_pt2, image, rewrite, spots, with_nodes


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return export_pt2(tmp_path_factory.mktemp("pt2") / "m.pt2")


def test_layers_and_weights_have_the_names_of_the_network(file):
    net, signature = read_exported(file)
    assert signature.shape == (1, 1, 16, 16)
    own = spots()
    assert dict(net.named_parameters()).keys() == dict(own.named_parameters()).keys()
    x = image()
    with torch.no_grad(), FeatureHooks(net) as found, FeatureHooks(own) as expected:
        torch.testing.assert_close(net(x), own(x))
    assert list(found.features) == ["body.1"]
    torch.testing.assert_close(found.features["body.1"], expected.features["body.1"])


def test_gradients_flow_as_in_the_network(file):
    net, _ = read_exported(file)
    x, y = image().requires_grad_(), image().requires_grad_()
    net(x).sum().backward()
    spots()(y).sum().backward()
    torch.testing.assert_close(x.grad, y.grad)


def test_several_outputs_and_sides_of_any_size(tmp_path):
    class Both(nn.Module):
        def forward(self, x):
            return torch.cat([x, x * 2], 1), x.mean((2, 3))

    side = torch.export.Dim("side", min=4, max=64)
    program = torch.export.export(Both(), (image(),), dynamic_shapes={"x": {2: side, 3: side}})
    torch.export.save(program, tmp_path / "m.pt2")
    net, signature = read_exported(tmp_path / "m.pt2")
    assert signature.shape == (1, 1, None, None)
    assert signature.outputs == 2
    large, mean = net(torch.ones(1, 1, 20, 20))
    assert large.shape == (1, 2, 20, 20)
    assert mean.tolist() == [[1.0]]


@pytest.mark.parametrize("target", [
    "torch.ops.aten.from_file.default", "torch.ops.mine.relu.default", "os.system",
    "torch.ops.aten.__class__.default", "_operator.attrgetter", "torch.hub.load",
    "torch.ops.higher_order.cond",
])  # fmt: skip
def test_other_operations_are_refused_by_name(target, file, tmp_path):
    def planted(nodes):
        nodes[0]["target"] = target

    with pytest.raises(InputError, match=target.replace(".", r"\.")):
        read_exported(with_nodes(file, tmp_path / "p.pt2", planted))


def test_expressions_of_the_file_are_never_evaluated(file, tmp_path, monkeypatch):
    """torch's own reader hands ``range_constraints`` and guards to a parser that evaluates."""
    mark = tmp_path / "ran"

    def planted(name, data):
        if not name.endswith("models/model.json"):
            return data
        facts = json.loads(data)
        facts["guards_code"] = [f"__import__('pathlib').Path({str(mark)!r}).touch()"]
        facts["range_constraints"] = {facts["guards_code"][0]: {"min_val": 1, "max_val": 2}}
        return json.dumps(facts).encode()

    net, _ = read_exported(rewrite(file, tmp_path / "p.pt2", planted))
    net(image())
    assert not mark.exists()


def test_pickled_parts_are_refused(file, tmp_path):
    from zipfile import ZipFile

    bad = rewrite(file, tmp_path / "p.pt2", lambda name, data: data)
    with ZipFile(bad, "a") as packed:
        packed.writestr("m/data/weights/x.pkl", b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InputError, match="pickle"):
        read_exported(bad)

    def flagged(name, data):
        return data.replace(b'"use_pickle": false', b'"use_pickle": true')

    with pytest.raises(InputError, match="pickled"):
        read_exported(rewrite(file, tmp_path / "q.pt2", flagged))


def test_weights_that_are_short_or_not_finite_are_refused(file, tmp_path):
    def short(name, data):
        return data[:4] if name.endswith("weight_0") else data

    def endless(name, data):
        return b"\xff" * len(data) if name.endswith("weight_0") else data

    with pytest.raises(InputError, match=r"body\.0\.weight is cut short"):
        read_exported(rewrite(file, tmp_path / "s.pt2", short))
    with pytest.raises(InputError, match=r"body\.0\.weight has values that are not finite"):
        read_exported(rewrite(file, tmp_path / "n.pt2", endless))


def test_what_is_missing_is_named(file, tmp_path):
    def without(name, data):
        return None if name.endswith("models/model.json") else data

    with pytest.raises(InputError, match="one model is expected"):
        read_exported(rewrite(file, tmp_path / "p.pt2", without))

    def renamed(nodes):
        del nodes[0]["inputs"]

    with pytest.raises(InputError, match=r"no graph of torch\.export"):
        read_exported(with_nodes(file, tmp_path / "q.pt2", renamed))
