"""Folders as people have them, turned into the nnU-Net v2 raw folder that everything here reads."""

from segscope.convert.back import values_back
from segscope.convert.convert import Converted, convert, convert_table
from segscope.convert.export import FORMS, export
from segscope.convert.label_names import read_label_names
from segscope.convert.layout import Layout, layout_names, pairs_layout, read_layout
from segscope.convert.look import describe_folder

__all__ = [
    "FORMS",
    "Converted",
    "Layout",
    "convert",
    "convert_table",
    "describe_folder",
    "export",
    "layout_names",
    "pairs_layout",
    "read_label_names",
    "read_layout",
    "values_back",
]
