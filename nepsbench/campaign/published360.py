"""What NAS-Bench-360 publishes of its ten tasks: means of three seeds, lower is better.

Source: Tu et al., NAS-Bench-360 (NeurIPS 2022), table 2; rtu715/NAS-Bench-360,
``images/baselines.png``. (Its performance profiles were drawn from other values of Cosmic and Darcy
Flow: they stand in its scripts.) The experts are in the paper's table alone, which measures Cosmic
in another way, so that their 0.13 there is not comparable with the rest.
"""

from __future__ import annotations

#: Datasets in the order of the table, with the names that it gives them.
TASKS = {
    "cifar100": "CIFAR-100",
    "spherical_cifar100": "Spherical",
    "darcy_flow": "Darcy Flow",
    "psicov": "PSICOV",
    "cosmic": "Cosmic",
    "ninapro_db5": "NinaPro",
    "fsd50k": "FSD50K",
    "ecg": "ECG",
    "satellite": "Satellite",
    "deepsea": "DeepSEA",
}

_ROWS: dict[str, tuple[float | None, ...]] = {
    "backbone": (23.35, 85.77, 0.073, 3.84, 51.76, 6.78, 0.92, 0.43, 15.49, 0.40),
    "backbone, tuned": (23.39, 75.46, 0.066, 3.84, 37.53, 7.34, 0.91, 0.43, 15.84, 0.41),
    "DenseNAS, random": (25.49, 71.23, 0.071, 3.70, 70.42, 8.45, 0.60, 0.42, 13.91, 0.40),
    "DenseNAS": (25.98, 72.99, 0.100, 3.84, 79.52, 10.17, 0.64, 0.40, 13.81, 0.40),
    "GAEA PC-DARTS": (24.02, 48.23, 0.026, 2.94, 31.15, 17.67, 0.94, 0.34, 12.51, 0.36),
    "Auto-DeepLab, AMBER": (None, None, 0.049, 6.73, 99.79, None, None, 0.33, 12.97, 0.32),
    "Perceiver IO": (70.04, 82.57, 0.240, 8.06, 100.0, 22.22, 0.72, 0.66, 15.93, 0.38),
    "expert": (19.39, 67.41, 0.008, 3.35, None, 8.73, 0.62, 0.28, 19.80, 0.30),
    "XGBoost": (84.83, 96.92, 0.085, None, 46.26, 21.90, 0.98, 0.56, 36.36, 0.50),
}

#: Error by method and dataset; what was not run is not there.
PUBLISHED: dict[str, dict[str, float]] = {
    method: {task: value for task, value in zip(TASKS, row, strict=True) if value is not None}
    for method, row in _ROWS.items()
}

#: The rows of the table by the method of a search.
OF_SEARCHES = {
    "gaea_pc_darts": "GAEA PC-DARTS",
    "densenas": "DenseNAS",
    "densenas_random": "DenseNAS, random",
    "auto_deeplab": "Auto-DeepLab, AMBER",
    "amber": "Auto-DeepLab, AMBER",
}
