"""The network of an nnU-Net folder: from literal tables, or refused by its name."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from segscope.errors import InputError
from segscope.inference.foreign.nnunet_network import build_network, fit_state, known_trainer
from segscope.inference.foreign.nnunet_plans import read_description
from tests.inference.foreign.results_folder import DATASET, plans, rewrite

FILE = Path("checkpoint_final.pth")


def built(folder, said, trainer="nnUNetTrainer"):
    rewrite(folder, "plans.json", said)
    rewrite(folder, "dataset.json", DATASET)
    return build_network(folder, read_description(folder, "tiny"), trainer)


def architecture(said):
    return said["configurations"]["tiny"]["architecture"]


def old_form(dims=3, name="PlainConvUNet"):
    """The same network as plans of before 2.2 say it."""
    said = plans(dims)
    tiny = said["configurations"]["tiny"]
    del tiny["architecture"]
    tiny |= {
        "UNet_class_name": name, "UNet_base_num_features": 2, "unet_max_num_features": 320,
        "n_conv_per_stage_encoder": [1, 1], "n_conv_per_stage_decoder": [1],
        "conv_kernel_sizes": [[3] * dims] * 2, "pool_op_kernel_sizes": [[1] * dims, [2] * dims],
        "num_pool_per_axis": [1] * dims,
    }  # fmt: skip
    return said


@pytest.mark.parametrize("dims", [2, 3])
def test_heads_and_sides(dims, tmp_path):
    found = built(tmp_path, plans(dims))(torch.zeros(1, 1, *[8] * dims))
    assert tuple(found.shape) == (1, 3, *[8] * dims)


@pytest.mark.parametrize("dims", [2, 3])
def test_old_plans_make_the_same_network(dims, tmp_path):
    new, old = built(tmp_path, plans(dims)), built(tmp_path, old_form(dims))
    assert repr(new) == repr(old)
    old.load_state_dict(new.state_dict())


def test_old_plans_know_residual_encoders(tmp_path):
    assert type(built(tmp_path, old_form(name="ResidualEncoderUNet"))).__name__ == (
        "ResidualEncoderUNet"
    )


def test_a_trainer_with_batch_norms_has_them(tmp_path):
    net = built(tmp_path, plans(2), "nnUNetTrainerBN")
    assert any(isinstance(one, nn.BatchNorm2d) for one in net.modules())
    assert not any(isinstance(one, nn.InstanceNorm2d) for one in net.modules())
    assert known_trainer("nnUNetTrainerBN")
    assert not known_trainer("nnUNetTrainer_250epochs")


@pytest.mark.parametrize(("change", "said"), [
    (lambda a: a.update(network_class_name="subprocess.Popen"), "subprocess.Popen is not known"),
    (lambda a: a.update(network_class_name="my.PlainConvUNet"), "my.PlainConvUNet is not known"),
    (lambda a: a["arch_kwargs"].update(conv_op="os.system"), "conv_op os.system is not a layer"),
    (lambda a: a["arch_kwargs"].update(nonlin=["x"]), "nonlin"),
    (lambda a: a["arch_kwargs"].update(block="os.system"), "text 'os.system'"),
    (lambda a: a["arch_kwargs"].update(features_per_stage=[2, 10**9]), "1000000000"),
    (lambda a: a["arch_kwargs"].update(strange=1), "strange"),
    (lambda a: a["arch_kwargs"].update(n_stages=3), "cannot build PlainConvUNet"),
])  # fmt: skip
def test_classes_layers_and_numbers_that_are_not_known_are_refused(change, said, tmp_path):
    found = plans()
    change(architecture(found))
    with pytest.raises(InputError, match=rf"plans\.json: .*{said}"):
        built(tmp_path, found)


def test_other_networks_and_lost_numbers_are_refused(tmp_path):
    with pytest.raises(InputError, match="nnUNet_Primus_M_Trainer"):
        built(tmp_path, plans(), "nnUNet_Primus_M_Trainer")
    lost = old_form()
    del lost["configurations"]["tiny"]["conv_kernel_sizes"]
    with pytest.raises(InputError, match="neither architecture nor conv_kernel_sizes"):
        built(tmp_path, lost)


def test_names_are_bared_of_what_wrappers_put_before_them(tmp_path):
    net = built(tmp_path, plans())
    state = {f"module._orig_mod.{name}": value for name, value in net.state_dict().items()}
    assert fit_state(FILE, state, net, "nnUNetTrainer").keys() == net.state_dict().keys()


@pytest.mark.parametrize(("change", "said"), [
    (lambda s: s.pop("decoder.seg_layers.0.weight"), "no decoder.seg_layers.0.weight"),
    (lambda s: s.update(more=torch.zeros(1)), "left over more"),
    (lambda s: s.update({"decoder.seg_layers.0.bias": torch.zeros(7)}), r"has \(7,\), not \(3,\)"),
    (lambda s: s["decoder.seg_layers.0.bias"].fill_(float("nan")), "NaN or infinite"),
])  # fmt: skip
def test_weights_of_another_network_are_refused(change, said, tmp_path):
    net = built(tmp_path, plans())
    state = {name: value.clone() for name, value in net.state_dict().items()}
    change(state)
    with pytest.raises(InputError, match=rf"checkpoint_final\.pth: .*{said}"):
        fit_state(FILE, state, net, "nnUNetTrainer")


def test_without_the_extra_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dynamic_network_architectures.architectures", None)
    with pytest.raises(InputError, match=r"pip install segscope\[nnunet\]"):
        built(tmp_path, plans())
