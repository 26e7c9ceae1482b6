"""Is a model meant for an image? Cases with hand-made numbers, real images, and the whole way."""

import json

import nibabel as nib
import numpy as np
import pytest

from segscope.cli.main import main
from segscope.data import image_facts, load_case, measure_fingerprint, open_dataset, read_image
from segscope.errors import InputError
from segscope.images import Grid, Image
from segscope.inference import (
    NotMeantError,
    SomeFailedError,
    TrainedModel,
    compare,
    limits,
    load_model,
    predict_cases,
    save_model,
)
from segscope.inference.meant import read_seen
from segscope.preprocessing import ChannelPlan, Plan, plan_preprocessing
from tests.inference.fingerprints import EVEN, TWENTY, facts, intensities, plan_of, seen_in
from tests.inference.nets import random_model, threshold_model


def test_an_image_like_those_of_training_is_seen():
    found = compare(TWENTY, facts(), plan_of())
    assert (found.level, found.describe(), found.reasons) == ("seen", (), ())


def test_what_preparing_makes_equal_is_not_outside():
    photos = seen_in(*[facts(shape=(256, 256), spacing=(1.0, 1.0))] * 9)
    large = facts(shape=(3000, 2500), spacing=(1.0, 1.0))
    assert compare(photos, large, plan_of(dims=2)).level == "far outside"
    assert compare(photos, large, plan_of(dims=2, resize=(64, 64))).level == "outside"
    coarse = facts(shape=(256, 256), spacing=(30.0, 30.0))
    assert compare(photos, coarse, plan_of(dims=2)).level == "seen"  # no size of pixels is known


def test_slices_are_not_compared_across_their_planes():
    thick = facts(shape=(40, 50, 400), spacing=(1.0, 1.0, 20.0))
    slices = Plan(
        image_dims=3, spatial_dims=2, slice_axis=2, spacing_mm=(1, 1, 1),
        channels=(ChannelPlan(name="x"),),
    )  # fmt: skip
    assert compare(TWENTY, thick, slices).level == "seen"
    assert compare(TWENTY, thick, plan_of()).level == "far outside"


CT = {"lower": -150.0, "upper": 250.0, "mean": 60.0, "sd": 40.0}
BODY = (-1000.0, -990.0, -600.0, 20.0, 60.0, 300.0, 900.0)


@pytest.mark.parametrize(
    ("value", "level", "word"),
    [
        (intensities(BODY), "seen", ""),
        (intensities(BODY, lowest=-3024.0), "seen", ""),
        (intensities(BODY, offset=1024.0), "far outside", "intercept was lost"),
        (intensities(BODY, scale=10.0), "far outside", "10 times larger"),
        (intensities(EVEN, scale=12.0), "far outside", "no negative value"),
        (intensities(BODY, offset=-1024.0), "outside", "lies elsewhere"),
    ],
    ids=["body", "padding", "no intercept", "ten times", "MRI", "offset twice"],
)
def test_ct_is_compared_in_hounsfield_units(value, level, word):
    trained = seen_in(*[facts(intensities(BODY))] * 20)
    found = compare(trained, facts(value), plan_of("CT", scheme="ct", window=CT))
    assert found.level == level
    assert word in " ".join(found.describe())


@pytest.mark.parametrize(
    ("value", "level", "word"),
    [
        (intensities(scale=4.0), "seen", ""),
        (intensities(scale=1000.0), "outside", "1e+03 times larger"),
        (intensities(scale=0.01), "outside", "100 times smaller"),
        (intensities(scale=0.03, offset=-1.5), "outside", "negative values"),
        (intensities(BODY), "far outside", "looks like CT"),
        (intensities((7.0,) * 7), "outside", "constant (7)"),
        (intensities((0.0,) * 7, highest=9.0), "outside", "hardly any voxel"),
    ],
    ids=["unit", "thousand", "hundredth", "normalised", "CT", "constant", "one voxel"],
)
def test_images_that_are_normalised_one_by_one_may_be_in_any_unit_but_it_is_said(
    value, level, word
):
    found = compare(TWENTY, facts(value), plan_of())
    assert found.level == level
    assert word in " ".join(found.describe())


def test_a_wrong_unit_is_far_where_the_network_sees_it():
    said = compare(TWENTY, facts(intensities(scale=257.0)), plan_of(scheme="none"))
    assert said.level == "far outside"
    near = compare(TWENTY, facts(intensities(scale=4.0)), plan_of(scheme="none"))
    assert near.level == "outside"
    moved = compare(TWENTY, facts(intensities(offset=500.0)), plan_of(scheme="none"))
    assert moved.level == "far outside"


def test_an_inverted_image_is_recognised_by_its_distribution():
    dark = intensities((0.0, 0.0, 0.0, 2.0, 40.0, 80.0, 100.0), highest=140.0)
    bright = intensities((40.0, 60.0, 100.0, 138.0, 140.0, 140.0, 140.0), lowest=0.0)
    trained = seen_in(*[facts(dark)] * 20)
    found = compare(trained, facts(bright), plan_of())
    assert (found.level, "inverted" in found.describe()[0]) == ("far outside", True)
    assert compare(trained, facts(dark), plan_of()).level == "seen"


@pytest.mark.parametrize(
    ("trained", "shown", "names", "level"),
    [
        ("MR", "CT", ("x",), "far outside"),
        (None, "CT", ("MRI_T1",), "far outside"),
        (None, "MR", ("CT",), "far outside"),
        (None, "MR", ("FLAIR",), "seen"),
        ("DX", "CR", ("x",), "seen"),
        ("MR", "OT", ("x",), "seen"),
        (None, "CT", ("x",), "seen"),
        (None, "CT", ("cortex",), "seen"),
        ("CT", None, ("x",), "seen"),
    ],
    ids=[
        "both DICOM", "CT for T1", "MR for CT", "FLAIR is MR", "both X-ray", "derived", "unknown",
        "no word of it", "no DICOM",
    ],
)  # fmt: skip
def test_another_modality_is_far(trained, shown, names, level):
    known = seen_in(*[facts(modality=trained)] * 5)
    assert compare(known, facts(modality=shown), plan_of(*names)).level == level


def test_a_grey_image_is_not_colour_and_channels_are_not_twins():
    colour = facts(*[intensities()] * 3, shape=(64, 64), spacing=(1.0, 1.0))
    grey = colour.model_copy(update={"twins": ((0, 1), (0, 2), (1, 2))})
    plan = plan_of("R", "G", "B", dims=2)
    assert "grey image" in compare(seen_in(colour), grey, plan).describe()[0]
    assert compare(seen_in(colour), grey, plan).level == "far outside"
    assert compare(seen_in(grey), colour, plan).level == "outside"
    twice = facts(intensities(), intensities(), twins=((0, 1),))
    plain = facts(intensities(), intensities())
    found = compare(seen_in(plain), twice, plan_of("FLAIR", "T1"))
    assert "channels FLAIR and T1 hold the same values" in found.describe()[0]


def test_few_cases_widen_every_range():
    spacing, scale = facts(spacing=(1.9, 1.9, 1.9)), facts(intensities(scale=20.0))
    for image in (spacing, scale):
        assert compare(TWENTY, image, plan_of()).level == "outside"
        assert compare(seen_in(facts()), image, plan_of()).level == "seen"


def test_axes_in_another_order_are_noted_and_flips_are_not():
    assert compare(TWENTY, facts(orientation="LPS"), plan_of()).notes == ()
    found = compare(TWENTY, facts(orientation="PSR"), plan_of())
    assert (found.level, "PSR" in found.describe()[0]) == ("seen", True)


def test_a_fingerprint_of_before_compares_geometry_and_says_that_this_is_all(tmp_path):
    old = TWENTY.model_dump(mode="json")
    del old["images"]
    (tmp_path / "fingerprint.json").write_text(json.dumps(old))
    seen = read_seen(tmp_path, plan_of())
    assert compare(seen, facts(intensities(BODY)), plan_of()).level == "seen"
    assert compare(seen, facts(spacing=(9.0, 9.0, 9.0)), plan_of()).level == "far outside"
    assert "older version" in limits(seen)[0]
    assert "no fingerprint.json" in limits(read_seen(tmp_path / "none", plan_of()))[0]
    assert limits(TWENTY) == ()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"dataset": 1}', "[" * 100_000],
    ids=["empty", "a list", "no key", "one key", "deep"],
)
def test_a_damaged_fingerprint_is_refused(tmp_path, text):
    (tmp_path / "fingerprint.json").write_text(text)
    with pytest.raises(
        InputError,
        match=r"fingerprint\.json: (is not a fingerprint|cannot be read as JSON|is empty)",
    ):
        read_seen(tmp_path, plan_of())


def test_a_fingerprint_of_another_run_is_refused(tmp_path):
    (tmp_path / "fingerprint.json").write_text(TWENTY.model_dump_json())
    for plan in (plan_of("T1", "T2"), plan_of(dims=2)):
        with pytest.raises(InputError, match=r"does not belong to model\.json"):
            read_seen(tmp_path, plan)


# --- real images -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hippocampus(shared_data):
    dataset = open_dataset(shared_data / "hippocampus")
    seen = measure_fingerprint(dataset)
    return dataset, seen, plan_preprocessing(seen)


def without(seen, names):
    kept = [k for k, name in enumerate(seen.cases) if name not in names]
    return seen.model_copy(
        update={f: tuple(getattr(seen, f)[k] for k in kept)
                for f in ("cases", "shapes", "spacings_mm", "images")}
    )  # fmt: skip


def test_no_subject_is_outside_of_all_others(hippocampus):
    dataset, seen, plan = hippocampus
    group = {case.name: case.group for case in dataset.training}
    for image in seen.images:
        others = without(seen, {n for n in seen.cases if group[n] == group[image.name]})
        assert compare(others, image, plan).level == "seen", image.name


@pytest.mark.parametrize(
    ("file", "level"),
    [
        ("dicom_samples/ct_abdomen_jpeg2000/ct", "far outside"),
        ("dicom_samples/ct_3slice_with_dicom_seg/ct", "far outside"),
        ("dicom_samples/mr_brain_flair", "far outside"),
        ("single_case_samples/ct_spleen_crop/spleen2_0000.nii.gz", "far outside"),
        ("single_case_samples/mr_spinalcord/t1_0000.nii.gz", "outside"),
        ("dicom_samples/mr_hippocampus_crop/study1", "seen"),
        ("dicom_samples/mr_hippocampus_crop/study2", "seen"),
        ("dicom_samples/mr_hippocampus_crop/study3", "seen"),
    ],
    ids=["abdomen", "three slices", "brain", "spleen", "cord", "crop 1", "crop 2", "crop 3"],
)
def test_foreign_images_are_outside_and_others_of_its_kind_are_not(
    shared_data, hippocampus, file, level
):
    _, seen, plan = hippocampus
    image = read_image(shared_data / file)
    assert compare(seen, image_facts("x", image), plan).level == level


def test_a_ct_of_the_very_same_geometry_is_far(hippocampus):
    _, seen, plan = hippocampus
    rng = np.random.default_rng(0)
    array = np.where(rng.random((1, 36, 50, 36)) < 0.3, -1000, rng.normal(40, 30, (1, 36, 50, 36)))
    found = compare(seen, image_facts("x", Image(array, Grid.from_spacing((36, 50, 36)))), plan)
    assert found.level == "far outside"


def test_inverted_crops_do_not_pass_without_a_word(hippocampus):
    dataset, seen, plan = hippocampus
    for case in dataset.training[::40]:
        image = load_case(case, channels=1).image
        turned = Image(image.array.max() - image.array.astype(float), image.grid)
        assert compare(seen, image_facts("x", turned), plan).level != "seen"


# --- the whole way -----------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path):
    """A run whose model knows ten crops, one image of their kind, and two that are not."""
    rng = np.random.default_rng(0)

    def crop():
        return (rng.random((20, 22, 18)) * 100).astype(np.float32)

    images = [Image(crop()[None], Grid.from_spacing((20, 22, 18))) for _ in range(10)]
    seen = seen_in(*[image_facts(f"c{k}", image) for k, image in enumerate(images)])
    model = threshold_model(
        3, above=0.0, channels=[{"name": "MRI", "scheme": "zscore"}], spacing_mm=(1, 1, 1)
    )
    (tmp_path / "in").mkdir()
    body = np.where(crop() < 50, -1000, 40).astype(np.int16)
    for name, array, spacing in (("kin", crop(), 1), ("ct", body, 1), ("far", crop(), 100)):
        nib.save(
            nib.Nifti1Image(array, np.diag([spacing] * 3 + [1])), tmp_path / "in" / f"{name}.nii.gz"
        )
    return tmp_path, TrainedModel(model.spec, model.net, seen=seen)


def cases_of(folder, *names):
    from segscope.images import Case

    return [Case(name, (folder / "in" / f"{name}.nii.gz",)) for name in names]


def test_what_is_far_outside_is_refused_and_the_others_are_predicted(place):
    folder, model = place
    with pytest.raises(SomeFailedError, match="2 of 3 cases failed") as caught:
        predict_cases(model, cases_of(folder, "ct", "far", "kin"), folder / "out")
    done = caught.value.done
    assert done.written == ("kin",)
    assert "looks like CT" in done.failed["ct"]
    assert "--anyway" in done.failed["ct"]
    assert "spacing 100 x 100 x 100 mm, training had 1 x 1 x 1 mm" in done.failed["far"]
    assert done.verdicts["far"].level == "far outside"
    assert sorted(f.name for f in (folder / "out").iterdir()) == ["kin.nii.gz", "manifest.json"]


def test_anyway_predicts_with_a_note_that_stays_with_the_prediction(place):
    folder, model = place
    with pytest.raises(NotMeantError, match="nothing was predicted"):
        predict_cases(model, cases_of(folder, "ct"), folder / "out")
    done = predict_cases(model, cases_of(folder, "ct"), folder / "out", anyway=True)
    assert done.notes["ct"][0].startswith("FAR OUTSIDE of what this model has seen")
    entry = json.loads((folder / "out" / "manifest.json").read_text())["cases"]["ct"]
    assert entry["verdict"]["level"] == "far outside"
    assert entry["notes"] == list(done.notes["ct"])
    again = predict_cases(model, cases_of(folder, "ct"), folder / "out", anyway=True)
    assert (again.reused, again.notes) == (("ct",), done.notes)
    with pytest.raises(NotMeantError):  # nor is it handed out to who does not say so
        predict_cases(model, cases_of(folder, "ct"), folder / "out")


def test_a_spacing_in_wrong_units_is_refused_at_once_whoever_says_anyway(place):
    folder, model = place
    said = r"far\.nii\.gz: its spacing 100 x 100 x 100 mm is 100 times the model's 1 x 1 x 1 mm"
    with pytest.raises(SomeFailedError, match=said):
        predict_cases(model, cases_of(folder, "far"), folder / "out", anyway=True)


def test_a_model_without_a_fingerprint_says_so_once(place):
    folder, model = place
    bare = TrainedModel(model.spec, model.net)
    done = predict_cases(bare, cases_of(folder, "ct", "kin"), folder / "out")
    assert len(done.remarks) == 1
    assert "nothing tells whether it is meant for these images" in done.remarks[0]


def test_the_command_says_it_refuses_and_goes_on_anyway(place, capsys):
    folder, model = place
    save_model(folder / "run", random_model(3).spec, random_model(3).net)
    (folder / "run" / "fingerprint.json").write_text(model.seen.model_dump_json())

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main(["predict", str(folder / "run"), "-o", str(folder / "out"), *map(str, words)])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    assert load_model(folder / "run").seen == model.seen
    code, out, err = run("-i", folder / "in" / "ct.nii.gz")
    assert (code, out) == (2, "")
    assert "FAR OUTSIDE" in err
    assert "--anyway" in err
    assert not (folder / "out" / "ct.nii.gz").exists()
    code, out, err = run("-i", folder / "in" / "ct.nii.gz", "--anyway", "--json")
    assert code == 0
    assert "FAR OUTSIDE" in err
    assert json.loads(out)["verdicts"]["ct"]["level"] == "far outside"
    code, out, err = run("-i", folder / "in")
    assert code == 1
    assert "1 label maps written" in out
    code, _, err = run("-i", folder / "in" / "kin.nii.gz")
    assert (code, "OUTSIDE" in err) == (0, False)
