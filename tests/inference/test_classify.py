"""A classifier is read as it was written."""

import json

import pytest

from segscope.errors import InputError
from segscope.inference.classify import (
    ClassifierSpec,
    build_classifier,
    load_classifier,
    save_classifier,
)


@pytest.fixture
def classes(tmp_path):
    spec = ClassifierSpec(
        network="mobilenetv2", classes=("normal", "tumour"), channel_names=("US",), size=(32, 32),
        mean=(0.5,), sd=(0.25,),
    )  # fmt: skip
    save_classifier(tmp_path, spec, build_classifier(spec), name="best")
    return tmp_path, json.loads((tmp_path / "classifier.json").read_text())


def test_a_classifier_is_read_as_it_was_written_or_refused(classes):
    folder, facts = classes
    file = folder / "classifier.json"
    assert load_classifier(folder).notes == ()
    changes = [{key: KeyError} for key in facts]
    changes += [{"classes": ["a", "a"]}, {"classes": ["a", " "]}, {"classes": ["a"]}, {"sd": [0]},
                {"sd": [1e-40]}, {"mean": [1e300]}, {"mean": ["0.5"]}, {"size": [0, 32]},
                {"size": [32, 1 << 20]}, {"size": [32]}, {"network": "nonet"}, {"format": True},
                {"classes": ["tumour", "normal"]}, {"mean": [0.25]}]  # fmt: skip
    for change in changes:
        new = {key: value for key, value in (facts | change).items() if value is not KeyError}
        file.write_text(json.dumps(new))
        with pytest.raises(InputError) as caught:
            load_classifier(folder)
        assert "classifier.json" in str(caught.value), change
