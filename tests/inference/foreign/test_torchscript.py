"""TorchScript: what its program may call, and how it is known."""

import warnings

import pytest
import torch

from segscope.errors import InputError
from segscope.inference.foreign.torchscript import read_script
from tests.inference.foreign.programs import image, rewrite, script, spots


def test_a_script_gives_what_its_network_gives(tmp_path):
    net = read_script(script(tmp_path / "m.ts"))
    torch.testing.assert_close(net(image()), spots()(image()))


@pytest.mark.parametrize("call", ["torch.save([x], 'f')", "print(x)", "ops.mine.thing(x)",
                                  "torch.from_file('f')"])  # fmt: skip
def test_programs_that_reach_further_are_refused(call, tmp_path):
    def planted(name, data):
        if name.endswith(".py") and b"def forward" in data:
            return data.replace(b"    return", f"    {call}\n    return".encode(), 1)
        return data

    file = rewrite(script(tmp_path / "m.ts"), tmp_path / "p.ts", planted)
    with pytest.raises(InputError, match="more than a network needs"):
        read_script(file)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    net = spots()
    net.head.weight.data.fill_(torch.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(net, image(), check_trace=False).save(str(tmp_path / "m.ts"))
    with pytest.raises(InputError, match=r"head\.weight has values that are not finite"):
        read_script(tmp_path / "m.ts")
