"""A MONAI bundle is data: parts of a list are built, Python in it is never run."""

import nibabel as nib
import numpy as np
import pytest
import torch

from segscope.audit import audit
from segscope.data import read_image
from segscope.errors import InputError
from segscope.images import Case
from segscope.inference import open_model, predict_labels, predict_probabilities
from segscope.inference.kind import OpenOptions
from tests.commands import call_flat
from tests.inference.foreign.bundles import changed, write_bundle

AFFINE = np.array([[0, -1.2, 0, 5], [1.1, 0, 0, -3], [0, 0, 2.5, 7], [0, 0, 0, 1.0]])


@pytest.fixture
def bundle(tmp_path):
    return write_bundle(tmp_path / "bundle")


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A bright block away from the border; the rest is 0 and cropped."""
    array = np.zeros((24, 20, 14), np.float32)
    array[4:18, 3:16, 2:11] = np.random.default_rng(0).normal(50, 9, (14, 13, 9))
    file = tmp_path_factory.mktemp("scan") / "a_0000.nii.gz"
    nib.save(nib.Nifti1Image(array, AFFINE), file)
    return file


def by_monai(folder, file):
    """What MONAI's own parser makes of the bundle, which evaluates it."""
    import warnings

    from monai.bundle import ConfigParser
    from monai.inferers import SlidingWindowInferer
    from monai.networks.nets import UNet

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser = ConfigParser(globals={"os": "os"})
        parser.read_config(str(folder / "configs/inference.json"))
        parser["imports"] = ["$import torch"]
        parser["postprocessing"]["transforms"].pop()
        before = parser.get_parsed_content("preprocessing")
        after = parser.get_parsed_content("postprocessing")
        net = UNet(3, 1, 2, [2, 4], [2], norm="batch").eval()
        net.load_state_dict(torch.load(folder / "models/model.pt", weights_only=True))
        data = before({"image": str(file)})
        with torch.inference_mode():
            pred = SlidingWindowInferer([8, 8, 8], overlap=0.5)(data["image"][None], net)[0]
        pred.applied_operations = []
        return after({**data, "pred": pred})["pred"][0].numpy()


def test_turned_resampled_and_cropped_scans_are_labelled_as_by_monai(bundle, scan):
    found = predict_labels(open_model(bundle), read_image(scan))
    expected = by_monai(bundle, scan)
    assert 0.02 < expected.mean() < 0.98  # both labels are there
    np.testing.assert_array_equal(found.array, expected)


def test_probabilities_add_up_and_agree_with_labels(bundle, scan):
    model = open_model(bundle)
    found = predict_probabilities(model, read_image(scan)).array
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)
    assert np.mean(found.argmax(0) == predict_labels(model, read_image(scan)).array) > 0.99


def test_an_audit_takes_the_bundles_own_preparation(bundle, scan):
    found = audit(open_model(bundle), [Case("a", (scan,))])
    assert found.classes == ("node",)
    assert all("adn.A" in layer for layer in found.layers)


def test_an_evaluated_value_is_refused_by_its_place_and_never_runs(tmp_path, scan, capsys):
    mark = tmp_path / "ran"
    code = f"$__import__('pathlib').Path({str(mark)!r}).touch()"
    for change in (changed("network_def", "out_channels", to=code),
                   changed("inferer", "overlap", to=code),
                   changed("preprocessing", "transforms", 2, "axcodes", to=code),
                   changed("postprocessing", "transforms", to=code),
                   {"inferer": code}, {"fine": code}):  # fmt: skip
        folder = write_bundle(tmp_path / "bundle", change)
        code_, _, err = call_flat(capsys, "predict", folder, "-i", scan, "-o", tmp_path / "out")
        assert code_ == 2, err
        assert "is Python, which is never run" in err, change
    ignored = {"imports": [code], "initialize": [code], "run": [code], "output_dir": code}
    code_, _, err = call_flat(capsys, "predict", write_bundle(tmp_path / "bundle", ignored), "-i",
                              scan, "-o", tmp_path / "out")  # fmt: skip
    assert code_ == 0, err
    assert not mark.exists()


@pytest.mark.parametrize("change, said", [
    (changed("network_def", "_target_", to="subprocess.Popen"), "subprocess.Popen"),
    (changed("network_def", "_target_", to="monai.bundle.run"), "'run'"),
    (changed("preprocessing", "transforms", 2, "_target_", to="Lambdad"), "'Lambdad'"),
    (changed("inferer", "_target_", to="os.system"), "os.system"),
    (changed("inferer", "wrong", to=1), "inferer#wrong"),
    (changed("network_def", "_requires_", to="@run"), "_requires_"),
    (changed("network_def", "channels", to="@no#such"), "no#such"),
    (changed("network_def", "channels", to="@network_def#channels"), "circle"),
    (changed("network_def", "channels", to="%/etc/passwd#a"), "another file"),
])  # fmt: skip
def test_parts_that_are_not_monais_known_ones_are_refused_by_name(change, said, tmp_path):
    with pytest.raises(InputError, match=said):
        open_model(write_bundle(tmp_path / "bundle", change))


def test_disabled_parts_are_left_out_and_several_weights_are_asked_for(bundle, tmp_path):
    (bundle / "models/other.pt").write_bytes(b"x")
    (bundle / "models/model.pt").rename(bundle / "models/first.pt")
    with pytest.raises(InputError, match=r"first\.pt, other\.pt; say which by --weights"):
        open_model(bundle)
    assert open_model(bundle, OpenOptions(weights="first.pt")).spec.facts["weights"] == "first.pt"
    off = changed("preprocessing", "transforms", 3, "_disabled_", to=True)
    small = open_model(write_bundle(tmp_path / "off", off))
    assert not any("Spacingd" in said for said in small.preparer.sentences())


def test_python_after_the_network_leaves_regions_and_is_said(tmp_path, scan):
    post = {"_target_": "Compose", "transforms": [
        {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
        {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
        {"_target_": "Lambdad", "keys": "pred", "func": "$lambda x: os.remove(x)"},
    ]}  # fmt: skip
    model = open_model(write_bundle(tmp_path / "bundle", {"postprocessing": post}))
    assert not model.parts.exclusive
    assert model.spec.labels == {"background": 0, "background region": 1, "node": 2}
    assert any("predicted as regions" in note for note in model.notes)
    assert set(np.unique(predict_labels(model, read_image(scan)).array)) <= {0, 1, 2}


def test_a_bundle_that_only_trains_or_lacks_weights_says_what_it_lacks(bundle, capsys):
    (bundle / "models/model.pt").unlink()
    code, _, err = call_flat(capsys, "model", "inspect", bundle)
    assert code == 2
    assert "without models/model.pt" in err


def test_mirroring_is_refused_where_the_bundle_does_not_speak_of_it(bundle, scan, tmp_path, capsys):
    code, _, err = call_flat(capsys, "predict", bundle, "-i", scan, "-o", tmp_path, "--mirror")
    assert code != 0
    assert "--mirror" in err
