"""One door to classifiers of any kind."""

from segscope.inference.classify import ClassifierSpec, build_classifier, save_classifier
from segscope.inference.open_classifier import holds_classifier, open_classifier


def test_a_run_and_a_folder_of_timm_are_told_apart(tmp_path, shared_models):
    spec = ClassifierSpec(
        network="mobilenetv2", classes=("a", "b"), channel_names=("US",), size=(32, 32),
        mean=(0.5,), sd=(0.25,),
    )  # fmt: skip
    save_classifier(tmp_path, spec, build_classifier(spec), name="best")
    assert holds_classifier(tmp_path)
    assert open_classifier(tmp_path).images is None
    other = shared_models / "timm_mobilenetv3" / "model"
    assert holds_classifier(other)
    assert open_classifier(other).images is not None
    assert not holds_classifier(shared_models)
