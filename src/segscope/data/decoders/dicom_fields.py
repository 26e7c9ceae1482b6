"""What becomes of every attribute of an image: used, checked, noted, refused, or harmless and why.

By keyword, and by rule where the standard has dozens of one kind. Complete for the groups 0020
(places), 0028 (pixels), 5200 (frames), 60xx (overlays) and 7Fxx (data); of other groups, what bears
on values and places. Whatever is in no table describes patient, device, acquisition or workflow.
"""

import re

from segscope.data.decoders.fields import Fate, Field


def _each(fate: Fate, why: str, names: str) -> dict[str, Field]:
    return {name: Field(fate, why) for name in names.split()}


FIELDS: dict[str, Field] = {
    # pixels
    **_each("used", "the shape of a slice", "Rows Columns"),
    **_each("used", "frames of an enhanced image; others are refused", "NumberOfFrames"),
    **_each("used", "how samples are stored", "BitsAllocated BitsStored PixelRepresentation"),
    **_each("checked", "must be BitsStored - 1, or samples must lie there all the same", "HighBit"),
    **_each("checked", "greys only; empty counts as 1", "SamplesPerPixel"),
    **_each("used", "MONOCHROME1 is mirrored and noted; colours refused",
            "PhotometricInterpretation"),
    **_each("refused", "colours beside greys", "PixelPresentation"),
    **_each("refused", "several planes or a compression of before 1993", "Planes CompressionCode"),
    **_each("used", "byte count against Rows, Columns, bits and frames", "PixelData"),
    **_each("refused", "a parametric map", "FloatPixelData DoubleFloatPixelData"),
    **_each("harmless", "frames are found by their own bytes; both must agree by count",
            "ExtendedOffsetTable ExtendedOffsetTableLengths EncapsulatedPixelDataValueTotalLength"),
    **_each("harmless", "without pixels of its own a file is refused", "PixelDataProviderURL"),
    **_each("noted", "how many voxels have it", "PixelPaddingValue PixelPaddingRangeLimit"),
    **_each("noted", "values were changed by compression", "LossyImageCompression"),
    **_each("harmless", "how much and how was lost; that it was is noted",
            "LossyImageCompressionRatio LossyImageCompressionMethod"),
    **_each("noted", "text in the pixels, no patient, or not to scale",
            "BurnedInAnnotation QualityControlImage SpatialLocationsPreserved "
            "GeometricalProperties VolumetricProperties"),
    **_each("harmless", "of compressions of before 1993; CompressionCode is refused",
            "CompressionRecognitionCode CompressionOriginator CompressionLabel "
            "CompressionDescription CompressionSequence CompressionStepPointers "
            "RepeatInterval BitsGrouped PerimeterTable PerimeterValue PredictorRows "
            "PredictorColumns PredictorConstants BlockedPixels BlockRows BlockColumns "
            "RowOverlap ColumnOverlap TransformLabel TransformVersionNumber "
            "NumberOfTransformSteps SequenceOfCompressedData DetailsOfCoefficients DCTLabel "
            "DataBlockDescription DataBlock NormalizationFactorFormat ZonalMapNumberFormat "
            "ZonalMapLocation ZonalMapFormat AdaptiveMapFormat CodeNumberFormat "
            "CoefficientsSDVN CoefficientsSDHN CoefficientsSDDN VariablePixelData "
            "VariableNextDataGroup VariableCoefficientsSDVN VariableCoefficientsSDHN "
            "VariableCoefficientsSDDN RowsForNthOrderCoefficients "
            "ColumnsForNthOrderCoefficients CoefficientCoding CoefficientCodingPointers "
            "CodeLabel NumberOfTables CodeTableLocation BitsForCodeWord ImageDataLocation"),
    # values
    **_each("used", "real values, each slice by its own; half a pair is noted",
            "RescaleSlope RescaleIntercept"),
    **_each("checked", "the unit of values is the same in all slices",
            "RescaleType ModalityLUTType Units SUVType DecayCorrection PixelIntensityRelationship "
            "PixelIntensityRelationshipSign"),
    **_each("used", "the table from stored to real values",
            "ModalityLUTSequence LUTDescriptor LUTData"),
    **_each("refused", "tables by frame",
            "VariableModalityLUTSequence PixelIntensityRelationshipLUTSequence"),
    **_each("refused", "a dose", "DoseGridScaling"),
    **_each("noted", "not applied", "RealWorldValueMappingSequence"),
    **_each("checked", "the same in all slices; about display, noted where it contradicts",
            "PresentationLUTShape"),
    # places
    **_each("used", "in mm; positive", "PixelSpacing"),
    **_each("checked", "without PixelSpacing: a projection, refused", "ImagerPixelSpacing"),
    **_each("used", "order, distance and place of slices",
            "ImagePositionPatient ImageOrientationPatient"),
    **_each("checked", "noted where positions say otherwise", "SpacingBetweenSlices"),
    **_each("checked", "noted where another number of slices is there",
            "NumberOfSlices ImagesInAcquisition"),
    **_each("checked", "noted where it has gaps", "InstanceNumber"),
    **_each("checked", "all parts must be there", "InConcatenationTotalNumber"),
    **_each("used", "place, spacing and values of each frame",
            "SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence"),
    **_each("harmless", "positions tell: thickness is not distance, the plane is no tilted one",
            "SliceThickness SliceLocation GantryDetectorTilt"),
    **_each("harmless", "PixelSpacing is what is meant at the patient",
            "NominalScannedPixelSpacing EstimatedRadiographicMagnificationFactor"),
    # what belongs together
    **_each("checked", "the same in all slices; never repeated",
            "SeriesInstanceUID StudyInstanceUID PatientID FrameOfReferenceUID SOPClassUID"),
    **_each("checked", "tells copies of one slice", "SOPInstanceUID"),
    **_each("used", "the same in all slices; goes with the image", "Modality"),
    **_each("checked", "refused where mixed: images of different meaning",
            "EchoNumbers EchoTime EffectiveEchoTime InversionTime FlipAngle DiffusionBValue "
            "TemporalPositionIdentifier TemporalPositionIndex NominalPercentageOfCardiacPhase "
            "ComplexImageComponent ImageType FrameType ScanningSequence"),
    **_each("checked", "noted where it differs; tells slices of one place apart",
            "AcquisitionNumber FrameAcquisitionNumber StackID RepetitionTime KVP "
            "ConvolutionKernel ContrastBolusAgent ReceiveCoilName SequenceName PatientPosition "
            "DiffusionGradientOrientation"),
    **_each("checked", "tells slices of one place apart",
            "TriggerTime FrameReferenceTime AcquisitionDateTime AcquisitionTime ContentTime"),
}  # fmt: skip

RULES: tuple[tuple[str, Field], ...] = (
    (r"(Smallest|Largest).*PixelValue.*", Field("harmless", "counted by others; pixels tell")),
    (r"(Float|DoubleFloat)PixelPadding.*", Field("harmless", "of floats, which are refused")),
    (r"Window.*|VOILUT.*|SoftcopyVOI.*|FrameVOILUT.*|LUTExplanation|LUTFunction|LUTFrameRange",
     Field("harmless", "display")),
    (r".*(Palette|LookupTable|GrayScale|ICCProfile|ColorSpace|Blending|LUTTransfer|"
     r"StoredValueColor|StoredValueMapped|DataPath|DataFrameAssignment).*",
     Field("harmless", "display; images that are in colour are refused")),
    (r"(RecommendedViewingMode|MultiFramePresentation|DisplayFilter|ImagePresentation).*",
     Field("harmless", "display")),
    (r"(SamplesPerPixelUsed|PlanarConfiguration|UltrasoundColorDataPresent)",
     Field("harmless", "of colours, which are refused")),
    (r"PixelAspectRatio|PixelSpacingCalibration.*|Zoom.*",
     Field("harmless", "PixelSpacing is needed, and says more")),
    (r"Mask.*|.*PixelShift.*|VerticesOfTheRegion|SubtractionItemID|TIDOffset|ContrastFrameAveraging"
     r"|ApplicableFrameRange|BiPlane.*",
     Field("harmless", "how to subtract frames; samples are as acquired")),
    (r"Frame(Increment|Dimension)Pointer|RepresentativeFrame.*|Frame(Numbers?)?OfInterest.*|"
     r"RWavePointer", Field("harmless", "playback")),
    (r"Image(Dimensions|Format|Location|GeometryType)|ManipulatedImage|Location|"
     r"ImagePosition|ImageOrientation|Reference",
     Field("harmless", "retired; what took its place is read")),
    (r"Overlay.*|NumberOfFramesInOverlay|ImageFrameOrigin|ROI(Area|Mean|StandardDeviation)",
     Field("harmless", "drawn above the image; bits of it in the samples are left out and noted")),
    (r"CorrectedImage|ImageProcessingApplied|DataRepresentation|SignalDomain.*|DataPoint.*|"
     r"GeometricMaximumDistortion|PartialView.*|BreastImplantPresent|RecognizableVisualFeatures|"
     r"LongitudinalTemporal.*|FramePixelDataPropertiesSequence",
     Field("harmless", "how the image was made; values and places say themselves")),
    (r"ImageToEquipment.*|EquipmentCoordinate.*|.*Volume(Sequence)?|VolumeTo.*|"
     r"(Volume|Table).*(FrameOfReference|Mapping).*|ApexPosition|UltrasoundAcquisitionGeometry|"
     r"PatientFrameOfReferenceSource|.*TableMapping.*",
     Field("harmless", "places in other frames than the patient's, which is needed")),
    (r"EquipmentAdministrator.*|.*DisplaySubsystem.*|CurrentConfigurationID|System.*|.*Luminance.*|"
     r"Configuration.*|.*QAResults.*|Measurement.*|VisualEvaluation.*|Display.*|DDLValue|"
     r"CIExy.*|GammaValue|WhitePointFlag|AmbientLight.*|MeasuredCharacteristics|Test.*",
     Field("harmless", "of displays")),
    (r"(Study|Series|Report|Item|Overlay|Curve|LUT|Isotope|Phase|Interval|TimeSlot|Angle)"
     r"(ID|Number)|OtherStudyNumbers|SeriesInStudy|AcquisitionsIn.*|Images?In(Series|Study)|"
     r"NumberOf(Patient|Study|Series)Related.*|SourceImageIDs",
     Field("harmless", "numbers of others")),
    (r"NumberOfTemporalPositions|Temporal(Resolution|Position(Sequence|TimeOffset))",
     Field("harmless", "which positions in time are mixed is told by each slice's own tag")),
    (r"(Nominal|Actual|Starting|Ending|Respiratory|RRInterval).*(Cardiac|Respiratory|Time).*|"
     r"RespiratoryTrigger.*|NominalPercentageOfRespiratoryPhase|RespiratorySynchronization.*",
     Field("harmless", "when it was acquired")),
    (r"Concatenation.*|InConcatenationNumber|SOPInstanceUIDOfConcatenationSource|"
     r"ContributingSOPInstances.*",
     Field("harmless", "order of parts; positions tell, and all parts must be there")),
    (r"Dimension.*|InStackPositionNumber|FunctionalGroup.*|Frame(Content|Anatomy)Sequence|"
     r"(Acquisition|Reconstruction)Index|PyramidLabel",
     Field("harmless", "order of frames; positions tell")),
    (r"Plane(Position|Orientation)Sequence|Pixel(Measures|ValueTransformation)Sequence",
     Field("used", "of a frame: what is in it")),
    (r"Unassigned.*|ConversionSource.*", Field("harmless", "kept from an older form")),
    (r"PatientOrientation.*|.*Laterality|.*PositionReferenceIndicator|"
     r"SynchronizationFrameOfReferenceUID|Modif.*|.*Comments|OriginalImage.*|MaskingImage|"
     r"Frame(Label|Comments)", Field("harmless", "words for people")),
)  # fmt: skip
"""Patterns of keywords, looked at after `FIELDS`."""


def field_of(keyword: str) -> Field | None:
    """Return what becomes of an attribute.

    Example:
        >>> field_of("WindowCenter").fate, field_of("PatientName")
        ('harmless', None)
    """
    if keyword in FIELDS:
        return FIELDS[keyword]
    for pattern, field in RULES:
        if re.fullmatch(pattern, keyword):
            return field
    return None
