"""Other people's state dicts: a prefix or a kind of number may differ, and it is said; no more."""

import pytest
import torch
from torch import nn

from segscope.errors import InputError
from segscope.features.state_dicts import as_numbers, fit_state, match_names, rename_state


def make(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1))


def fit(state, net=None):
    return fit_state("w.pt", state, (net or make(1)).state_dict(), remedy="use its own")


PREFIXES = ["module.", "_orig_mod.", "model.", "net.", "network.", "module._orig_mod.",
            "_orig_mod.module.", "model.net.", "module.model.",
            "_forward_module.model."]  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_is_taken_off_and_said(prefix):
    own = make().state_dict()
    fitted = fit({f"{prefix}{name}": value for name, value in own.items()})
    assert fitted.notes == (f"w.pt: names begin with {prefix!r}, which was taken off",)
    assert fitted.state.keys() == own.keys()
    assert all(torch.equal(fitted.state[name], own[name]) for name in own)


def test_real_wrappers_are_opened():
    own = make().state_dict()
    wrapped = {
        "parallel": nn.DataParallel(make()),
        "compiled": torch.compile(make()),
        "both": torch.compile(nn.DataParallel(make())),
        "averaged": torch.optim.swa_utils.AveragedModel(make()),
    }
    for name, net in wrapped.items():
        fitted = fit(net.state_dict())
        assert all(torch.equal(fitted.state[key], own[key]) for key in own), name
        assert len(fitted.notes) == 1, name
    assert "n_averaged" in fit(wrapped["averaged"].state_dict()).notes[0]


def test_a_part_that_was_compiled_alone_is_opened():
    net = make()
    net[0] = torch.compile(net[0])
    fitted = fit(net.state_dict())
    assert torch.equal(fitted.state["0.weight"], net.state_dict()["0._orig_mod.weight"])
    assert "taken for its own (0.weight)" in fitted.notes[0]


def test_a_wrapped_network_takes_plain_weights():
    own = make().state_dict()
    fitted = fit(own, nn.DataParallel(make(1)))
    assert fitted.notes == ("w.pt: names lack the network's 'module.', which was put on",)
    assert torch.equal(fitted.state["module.0.weight"], own["0.weight"])


def test_names_of_the_network_itself_stay():
    holder = nn.Module()
    holder.model = make()
    fitted = fit_state("w.pt", holder.state_dict(), holder.state_dict(), remedy="")
    assert fitted.notes == ()
    assert list(fitted.state) == list(holder.state_dict())


@pytest.mark.parametrize(
    "change",
    [
        lambda name: f"other.{name}",
        lambda name: name.upper(),
        lambda name: f"module.{name}" if name.startswith("0") else name + "_",
        lambda name: f"model.{name}" if name.startswith("0") else f"net.{name}",
    ],
    ids=["unknown-prefix", "case", "a-part-only", "two-prefixes"],
)
def test_more_than_a_prefix_is_refused(change):
    state = {change(name): value for name, value in make().state_dict().items()}
    with pytest.raises(InputError, match=r"w\.pt: does not fit the network; use its own") as caught:
        fit(state)
    assert any("is missing" in problem for problem in caught.value.problems)
    assert rename_state("w.pt", state, make().state_dict()).notes == ()


def test_the_nearest_name_is_said():
    state = make().state_dict()
    state["0.wieght"] = state.pop("0.weight")
    with pytest.raises(InputError) as caught:
        fit(state)
    assert caught.value.problems[0] == "0.weight: is missing (there is 0.wieght)"


def test_a_missing_tensor_is_no_prefix():
    state = {f"module.{name}": value for name, value in make().state_dict().items()}
    del state["module.2.bias"]
    with pytest.raises(InputError):
        fit(state)


def test_names_that_become_one_are_not_matched():
    assert match_names(["module.a", "a"], ["a"]) is None
    assert match_names(["module"], ["module"]) is None


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_other_floats_are_converted_and_said(kind):
    own = {k: v.to(kind) for k, v in make().state_dict().items()}  # the counter of batches too
    fitted = fit(own)
    assert fitted.state["0.weight"].dtype == torch.float32
    assert fitted.state["1.num_batches_tracked"].dtype == torch.int64
    assert torch.equal(fitted.state["0.weight"], own["0.weight"].float())
    said = str(kind).removeprefix("torch.")
    assert f"{said} where the network has float32 (0.bias, ...), and were converted" in (
        " ".join(fitted.notes)
    )
    assert f"1 tensors are {said} where the network has int64" in " ".join(fitted.notes)


def quantised(value):
    return torch.quantize_per_tensor(value, 0.1, 0, torch.qint8)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: v.to(torch.int8), "float32 expected, int8 found"),
        (lambda v: v.to(torch.uint8), "float32 expected, uint8 found"),
        (lambda v: v.bool(), "float32 expected, bool found"),
        (lambda v: v.to(torch.complex64), "float32 expected, complex64 found"),
        (lambda v: v.to(torch.float8_e4m3fn), "float32 expected, float8_e4m3fn found"),
        (lambda v: v.to_sparse(), "is sparse_coo; a plain tensor is expected"),
        (lambda v: v.to("meta"), "holds no values"),
        (lambda v: v.double() * 1e300, "its values are too large for that"),
        (lambda v: v * torch.nan, "holds NaN or infinities"),
        (lambda v: v / 0, "holds NaN or infinities"),
        (lambda v: v.half() / 0, "holds NaN or infinities"),
        (lambda v: v[None], "shape (2, 2, 1, 1) expected, (1, 2, 2, 1, 1) found"),
        (lambda v: v[..., 0, 0], "shape (2, 2, 1, 1) expected, (2, 2) found"),
    ],
    ids=["int8", "uint8", "bool", "complex", "float8", "sparse", "meta", "too-large", "nan", "inf",
         "half-inf", "one-axis-more", "two-axes-less"],
)  # fmt: skip
def test_numbers_that_are_no_weights_are_refused(change, said):
    state = make().state_dict()
    state["2.weight"] = change(state["2.weight"])
    with pytest.raises(InputError) as caught:
        fit(state)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("2.weight: ")
    assert said in caught.value.problems[0]


@pytest.mark.filterwarnings("ignore")
def test_quantised_tensors_are_refused():
    state = make().state_dict()
    state["2.weight"] = quantised(state["2.weight"])
    with pytest.raises(InputError, match=r"2\.weight: is quantised"):
        fit(state)


@pytest.mark.parametrize("value", [2.5, 1e30], ids=["broken", "too-large"])
def test_counters_must_be_whole(value):
    with pytest.raises(ValueError, match="not whole, or too large"):
        as_numbers(torch.tensor(value), torch.int64)
    assert as_numbers(torch.tensor(3.0), torch.int64).item() == 3
    with pytest.raises(ValueError, match="not whole, or too large"):
        as_numbers(torch.tensor(300), torch.uint8)


def test_memory_and_gradients_do_not_matter():
    own = make().state_dict()
    other = dict(own)
    other["0.weight"] = nn.Parameter(own["0.weight"].to(memory_format=torch.channels_last))
    other["2.weight"] = own["2.weight"].transpose(0, 1).contiguous().transpose(0, 1)
    other["1.weight"] = other["1.running_var"]  # shared
    fitted = fit(other)
    net = make(1)
    net.load_state_dict(fitted.state)
    assert fitted.notes == ()
    assert torch.equal(net[0].weight, own["0.weight"])
    assert torch.equal(net[2].weight, own["2.weight"])


def test_a_tensor_that_claims_more_than_there_is_memory_is_refused_by_its_shape():
    state = make().state_dict()
    state["2.weight"] = torch.zeros(1).expand(1 << 20, 1 << 20)
    with pytest.raises(InputError, match="1048576, 1048576"):
        fit(state)
