"""The state file: everything comes back bit for bit, and nothing in it can run."""

import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segscope.errors import InputError
from segscope.training.checkpoint import load_state, random_state, save_state, set_random_state

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.text()
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.one_of(st.text(), st.integers(0, 9)), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(tree=trees)
def test_plain_values_come_back_with_their_kinds(tmp_path_factory, tree):
    file = tmp_path_factory.mktemp("state") / "s.safetensors"
    save_state(file, {"tree": tree})
    assert load_state(file) == {"tree": tree}


def test_an_optimiser_continues_exactly(tmp_path):
    def make():
        torch.manual_seed(0)
        net = torch.nn.Linear(3, 2)
        return net, torch.optim.AdamW(net.parameters(), 0.1)

    def step(net, optimizer):
        net(torch.randn(4, 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    net, optimizer = make()
    step(net, optimizer)
    state = {"w": dict(net.state_dict()), "o": optimizer.state_dict(), "r": random_state()}
    save_state(tmp_path / "s", state)
    step(net, optimizer)

    again, other = make()
    loaded = load_state(tmp_path / "s")
    again.load_state_dict(loaded["w"])
    other.load_state_dict(loaded["o"])
    set_random_state(loaded["r"])
    step(again, other)
    assert torch.equal(again.weight, net.weight)


def test_a_missing_state_says_how_to_start(tmp_path):
    with pytest.raises(InputError, match="without --resume"):
        load_state(tmp_path / "none")


class _Trap:
    fired = False

    def __reduce__(self):
        return (setattr, (_Trap, "fired", True))


def test_a_booby_trapped_state_is_refused_and_does_nothing(tmp_path):
    torch.save({"x": _Trap()}, tmp_path / "a")
    (tmp_path / "b").write_bytes(pickle.dumps(_Trap()))
    _Trap.fired = False
    for name in ("a", "b"):
        with pytest.raises(InputError, match="not a state"):
            load_state(tmp_path / name)
    assert not _Trap.fired


def test_a_state_cut_short_is_refused(tmp_path):
    save_state(tmp_path / "s", {"w": torch.zeros(100)})
    whole = (tmp_path / "s").read_bytes()
    (tmp_path / "s").write_bytes(whole[:-7])
    with pytest.raises(InputError, match="not a state"):
        load_state(tmp_path / "s")
