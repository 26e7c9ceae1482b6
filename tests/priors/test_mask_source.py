"""What makes a run's masks: taken up from its folder, with the frame where that is asked for."""

import numpy as np
import pytest

from segscope.data import AS_STORED, read_frame, write_image
from segscope.errors import InputError
from segscope.images import Case, Grid, Image
from segscope.preprocessing import MaskPlan
from segscope.priors import make_masks, masked, open_mask_source, resolve_mask_plan

GRID = Grid.from_spacing((64, 64))


@pytest.fixture
def cases(tmp_path):
    """A head of two ellipses, and the same 7 rows further and 4 columns back."""
    rows, columns = np.indices(GRID.shape)
    head = (((rows - 26) / 14) ** 2 + ((columns - 34) / 20) ** 2 <= 1) * 120
    head += (((rows - 22) / 5) ** 2 + ((columns - 40) / 6) ** 2 <= 1) * 100
    made = []
    for name, array in (("first", head), ("moved", np.roll(head, (7, -4), (0, 1)))):
        file = tmp_path / f"{name}.png"
        write_image(file, Image(array[None].astype(np.uint8), GRID))
        made.append(Case(name, (file,)))
    return made


def source_of(cases, prior, **options):
    plan = MaskPlan(image_channels=("US",), **options)
    resolve_mask_plan(plan, prior, template=cases[0], reading=AS_STORED)
    return open_mask_source(plan, prior)


@pytest.mark.parametrize("method", ["threshold", "file"])
def test_a_case_is_given_where_the_template_lies_in_it(tmp_path, cases, method):
    files = {}
    if method == "file":
        own = source_of(cases, tmp_path / "own", method="threshold")
        make_masks(cases, own, tmp_path / "files", reading=AS_STORED)
        files = {"folder": str(tmp_path / "files")}
    source = source_of(cases, tmp_path / "prior", method=method, frame="template", **files)
    made = make_masks(cases, source, tmp_path / "m", reading=AS_STORED)
    frame = read_frame(made["moved"].frame, dims=2)
    assert frame.grid.shape == GRID.shape
    assert frame.to_image @ [26, 34, 1] == pytest.approx([33, 30, 1], abs=0.5)
    shown = masked(cases, made, "image")[1]
    assert (shown.image_files, shown.frame_file) == (cases[1].image_files, made["moved"].frame)
    assert masked(cases, made, "image+gbm")[1].inputs == (
        *cases[1].image_files, made["moved"].file, made["moved"].frame,
    )  # fmt: skip


def test_a_frame_that_was_changed_is_written_again(tmp_path, cases):
    source = source_of(cases, tmp_path / "prior", method="threshold", frame="template")
    file = make_masks(cases, source, tmp_path / "m", reading=AS_STORED)["moved"].frame
    first = file.read_bytes()
    file.write_text("{}")
    make_masks(cases, source, tmp_path / "m", reading=AS_STORED)
    assert file.read_bytes() == first


def test_nothing_is_said_of_a_frame_that_nobody_asked_for(tmp_path, cases):
    source = source_of(cases, tmp_path / "prior", method="threshold")
    made = make_masks(cases, source, tmp_path / "m", reading=AS_STORED)
    assert made["moved"].frame is None
    assert not list((tmp_path / "m").glob("*.frame.json"))


def test_a_run_without_its_template_is_refused(tmp_path, cases):
    source_of(cases, tmp_path / "prior", method="threshold", frame="template")
    (tmp_path / "prior" / "template.png").unlink()
    with pytest.raises(InputError, match="holds no template; is the run whole"):
        open_mask_source(MaskPlan(method="threshold", frame="template"), tmp_path / "prior")
