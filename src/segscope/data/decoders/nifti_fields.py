"""NIfTI-1 and NIfTI-2 headers, field by field: where each lies, and what becomes of it.

The layouts are what headers are taken apart by, so a field that is not in them is not read.
Sources: ``nifti1.h`` (R. W. Cox and others, 2003 to 2007) and ``nifti2.h`` (2011).
"""

import struct
from typing import Any

from segscope.data.decoders.fields import Field

_NIFTI1 = """
sizeof_hdr:i data_type:10s db_name:18s extents:i session_error:h regular:1s dim_info:B dim:8h
intent_p1:f intent_p2:f intent_p3:f intent_code:h datatype:h bitpix:h slice_start:h pixdim:8f
vox_offset:f scl_slope:f scl_inter:f slice_end:h slice_code:B xyzt_units:B cal_max:f cal_min:f
slice_duration:f toffset:f glmax:i glmin:i descrip:80s aux_file:24s qform_code:h sform_code:h
quatern_b:f quatern_c:f quatern_d:f qoffset_x:f qoffset_y:f qoffset_z:f srow_x:4f srow_y:4f
srow_z:4f intent_name:16s magic:4s extension:4s
"""
_NIFTI2 = """
sizeof_hdr:i magic:4s eol_check:4s datatype:h bitpix:h dim:8q intent_p1:d intent_p2:d intent_p3:d
pixdim:8d vox_offset:q scl_slope:d scl_inter:d cal_max:d cal_min:d slice_duration:d toffset:d
slice_start:q slice_end:q descrip:80s aux_file:24s qform_code:i sform_code:i quatern_b:d quatern_c:d
quatern_d:d qoffset_x:d qoffset_y:d qoffset_z:d srow_x:4d srow_y:4d srow_z:4d slice_code:i
xyzt_units:i intent_code:i intent_name:16s dim_info:B unused_str:15s extension:4s
"""

_TEXT = Field("harmless", "free text, which may name a patient: not looked at, not copied")
_ANALYZE = Field("harmless", "left from Analyze 7.5, without a meaning in NIfTI")
_TIMING = Field("harmless", "when slices were measured")
_SCREEN = Field("harmless", "grey values between which programs show the picture")
_QFORM = Field("used", "the qform; finite, a rotation, and beside an sform compared with it")
_SFORM = Field("used", "the affine, where sform_code is above 0")
_STATISTIC = Field("harmless", "parameters of the statistic that intent_code names")

FIELDS: dict[str, Field] = {
    "sizeof_hdr": Field("checked", "348 or 540: the version and the byte order"),
    "data_type": _TEXT,
    "db_name": _TEXT,
    "extents": _ANALYZE,
    "session_error": _ANALYZE,
    "regular": _ANALYZE,
    "dim_info": Field("harmless", "which axis frequency, phase and slices were encoded along"),
    "dim": Field("used", "the shape; one volume of one value per voxel, checked by the byte count"),
    "intent_p1": _STATISTIC,
    "intent_p2": _STATISTIC,
    "intent_p3": _STATISTIC,
    "intent_code": Field("noted", "a statistic or labels are said; vectors and colours refused"),
    "datatype": Field("used", "plain numbers; colour, complex and 128-bit numbers are refused"),
    "bitpix": Field("checked", "against datatype"),
    "slice_start": _TIMING,
    "pixdim": Field("used", "qfac and voxel sizes; noted where the sform has others"),
    "vox_offset": Field("used", "behind header and extensions, checked by the byte count"),
    "scl_slope": Field("used", "finite; 0 is: not scaled, and so is NaN, which is noted"),
    "scl_inter": Field("used", "finite; noted where a slope of 0 switches it off"),
    "slice_end": _TIMING,
    "slice_code": _TIMING,
    "xyzt_units": Field("used", "lengths in mm; a code that does not exist is noted or refused"),
    "cal_max": _SCREEN,
    "cal_min": _SCREEN,
    "slice_duration": _TIMING,
    "toffset": Field("harmless", "when the first volume was measured"),
    "glmax": _ANALYZE,
    "glmin": _ANALYZE,
    "descrip": _TEXT,
    "aux_file": _TEXT,
    "qform_code": Field("used", "0 to 5: whether the qform counts"),
    "sform_code": Field("used", "0 to 5: whether the sform counts"),
    **{f"quatern_{axis}": _QFORM for axis in "bcd"},
    **{f"qoffset_{axis}": _QFORM for axis in "xyz"},
    **{f"srow_{axis}": _SFORM for axis in "xyz"},
    "intent_name": _TEXT,
    "magic": Field("checked", "a single file; pairs and Analyze 7.5 are refused"),
    "eol_check": Field("checked", "whether a transfer as text has changed line ends"),
    "unused_str": Field("harmless", "padding"),
    "extension": Field("checked", "extensions end where voxels begin; their content is not read"),
}


class Layout:
    """Where the fields of one version lie.

    Example:
        >>> NIFTI1.size, NIFTI2.size
        (352, 544)
    """

    def __init__(self, text: str) -> None:
        self.codes = dict(entry.split(":") for entry in text.split())
        together = "".join(self.codes.values())
        self._structs = {order: struct.Struct(order + together) for order in "<>"}
        self.size = self._structs["<"].size

    def unpack(self, data: bytes, order: str) -> dict[str, Any]:
        """Take a header apart; fields of several numbers are tuples."""
        flat = self._structs[order].unpack_from(data)
        values: dict[str, Any] = {}
        place = 0
        for name, code in self.codes.items():
            count = 1 if code.endswith("s") or len(code) == 1 else int(code[:-1])
            values[name] = flat[place] if count == 1 else flat[place : place + count]
            place += count
        return values


NIFTI1 = Layout(_NIFTI1)
NIFTI2 = Layout(_NIFTI2)
