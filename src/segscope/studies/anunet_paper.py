"""What the ANU-Net paper reports (Tables 2 to 6), to stand beside what is measured here.

Li et al., "ANU-Net: Attention-based nested U-Net to exploit full resolution features for medical
image segmentation", Computers & Graphics 90 (2020). As printed, but for two errors: Table 6's Dice
and IoU of L1 and L2 are swapped in print (IoU cannot exceed Dice) and are given the right way
round; Table 2's Dice of ANU-Net repeats its precision (its IoU of 97.48 implies 98.72).
"""

NETWORKS: dict[str, str] = {
    "unet": "U-Net",
    "r2unet": "R2U-Net",
    "unetplusplus": "UNet++",
    "attention_unet": "Attention U-Net",
    "attention_r2unet": "Attention R2U-Net",
    "anunet": "ANU-Net",
}
"""The six networks in the order of the paper's tables, with their printed names."""

SEGMENTATION: dict[str, dict[str, tuple[float, float, float, float]]] = {
    "Table 2: liver, CT (LiTS)": {
        "unet": (89.49, 94.45, 0.9324, 0.9570),
        "r2unet": (90.69, 95.11, 0.9380, 0.9648),
        "unetplusplus": (94.46, 97.15, 0.9816, 0.9617),
        "attention_unet": (93.39, 96.58, 0.9679, 0.9637),
        "attention_r2unet": (92.38, 96.03, 0.9712, 0.9498),
        "anunet": (97.48, 98.15, 0.9815, 0.9931),
    },
    "Table 3: spleen, MR (CHAOS)": {
        "unet": (76.18, 86.48, 0.8234, 0.9106),
        "r2unet": (81.50, 89.77, 0.9360, 0.8624),
        "unetplusplus": (81.05, 89.53, 0.8637, 0.9293),
        "attention_unet": (84.13, 91.38, 0.9154, 0.9122),
        "attention_r2unet": (81.62, 89.79, 0.9088, 0.8873),
        "anunet": (89.23, 94.31, 0.9519, 0.9344),
    },
    "Table 4: kidney, MR (CHAOS)": {
        "unet": (84.46, 91.58, 0.8920, 0.9408),
        "r2unet": (85.54, 92.21, 0.9192, 0.9250),
        "unetplusplus": (86.58, 92.81, 0.9087, 0.9482),
        "attention_unet": (85.77, 92.34, 0.9097, 0.9376),
        "attention_r2unet": (87.34, 93.24, 0.9141, 0.9515),
        "anunet": (90.10, 94.79, 0.9400, 0.9560),
    },
    "Table 5: liver, MR (CHAOS)": {
        "unet": (75.37, 85.96, 0.8731, 0.8465),
        "r2unet": (77.80, 87.50, 0.9211, 0.8339),
        "unetplusplus": (84.23, 91.39, 0.9306, 0.8979),
        "attention_unet": (76.00, 86.37, 0.9111, 0.8209),
        "attention_r2unet": (82.44, 90.35, 0.9474, 0.8640),
        "anunet": (87.89, 93.55, 0.9423, 0.9288),
    },
}
"""IoU in percent, Dice in percent, precision, recall."""

PRUNING: dict[int, tuple[float, float, float | None, float | None]] = {
    1: (0.1038, 5.3795, 83.2553, 71.3670),
    2: (0.5134, 5.7283, 94.8468, 90.2052),
    3: (2.1918, 5.9893, None, None),
    4: (8.9506, 6.4914, 98.0042, 96.0871),
}
"""Table 6: parameters in millions, seconds for 2,000 images, Dice and IoU in percent; L3's two
scores are corrupt in print."""
