"""Files to cases and back: the verified read path, datasets, splits, cache."""

from segscope.data.cache import Cache, cache_key
from segscope.data.check import Report, check_dataset
from segscope.data.decoders.decoded import Decoded
from segscope.data.facts import image_facts
from segscope.data.files import (
    TEMPORARY,
    Limits,
    atomic_path,
    copy_file,
    json_ready,
    read_verified,
    sha256_of,
    write_bytes,
    write_json,
    write_text,
)
from segscope.data.finding import find_cases
from segscope.data.fingerprint import measure_fingerprint
from segscope.data.formats import FORMATS, Format, format_of, image_ending, image_endings, is_plane
from segscope.data.frames import read_frame, write_frame
from segscope.data.groups import read_column, split_by_groups
from segscope.data.layout import Dataset
from segscope.data.layouts import LAYOUTS, Layout, is_dataset, open_dataset
from segscope.data.layouts import packages_of as packages_of_dataset
from segscope.data.loading import LoadedCase, load_case, load_of, read_label_of
from segscope.data.problems import Problem
from segscope.data.readers import AS_STORED, ReadOptions, read_image, read_label
from segscope.data.splits import Split, make_folds, nested_subsets, read_splits, write_splits
from segscope.data.tables import to_csv
from segscope.data.writers import write_image, write_label, write_probabilities

__all__ = [
    "AS_STORED",
    "FORMATS",
    "LAYOUTS",
    "TEMPORARY",
    "Cache",
    "Dataset",
    "Decoded",
    "Format",
    "Layout",
    "Limits",
    "LoadedCase",
    "Problem",
    "ReadOptions",
    "Report",
    "Split",
    "atomic_path",
    "cache_key",
    "check_dataset",
    "copy_file",
    "find_cases",
    "format_of",
    "image_ending",
    "image_endings",
    "image_facts",
    "is_dataset",
    "is_plane",
    "json_ready",
    "load_case",
    "load_of",
    "make_folds",
    "measure_fingerprint",
    "nested_subsets",
    "open_dataset",
    "packages_of_dataset",
    "read_column",
    "read_frame",
    "read_image",
    "read_label",
    "read_label_of",
    "read_splits",
    "read_verified",
    "sha256_of",
    "split_by_groups",
    "to_csv",
    "write_bytes",
    "write_frame",
    "write_image",
    "write_json",
    "write_label",
    "write_probabilities",
    "write_splits",
    "write_text",
]
