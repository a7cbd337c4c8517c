"""Four networks of NDS with their published sizes, from NNI's tutorial."""

from __future__ import annotations

_NODES = {
    "normal": "avg_pool_3x3 0 conv_7x1_1x7 1 sep_conv_3x3 2 sep_conv_5x5 0 dil_sep_conv_3x3 2 "
    "dil_sep_conv_3x3 2 skip_connect 4 dil_sep_conv_3x3 4 conv_7x1_1x7 2 sep_conv_3x3 4",
    "reduce": "avg_pool_3x3 0 dil_sep_conv_3x3 1 sep_conv_3x3 0 sep_conv_3x3 0 skip_connect 2 "
    "sep_conv_7x7 0 conv_7x1_1x7 4 skip_connect 4 conv_7x1_1x7 0 conv_7x1_1x7 5",
}


def _cell_spec() -> dict[str, object]:
    spec: dict[str, object] = {"normal_concat": [3, 5, 6], "reduce_concat": [3, 6]}
    for cell, text in _NODES.items():
        words = iter(text.split())
        for node in range(5):
            for side in "xy":
                spec[f"{cell}_{node}_op_{side}"] = next(words)
                spec[f"{cell}_{node}_input_{side}"] = int(next(words))
    return spec


CELL_SPEC = _cell_spec()

#: Family, proposer, model_spec, cell_spec, millions of parameters, millions of FLOPs.
NETWORKS = (
    (
        "residual_basic", "resnet",
        {"ds": [1, 12, 12, 12], "ss": [1, 1, 2, 2], "ws": [16, 24, 24, 40]}, {},
        0.594138, 184.519578,
    ),
    (
        "vanilla", "vanilla",
        {"ds": [1, 12, 12, 12], "ss": [1, 1, 2, 2], "ws": [16, 24, 32, 40]}, {},
        0.68977, 208.36393,
    ),
    (
        "residual_bottleneck", "resnext-a",
        {
            "bot_muls": [0.0, 0.25, 0.25, 0.25], "ds": [1, 16, 1, 4], "num_gs": [1, 2, 1, 2],
            "ss": [1, 1, 2, 2], "ws": [16, 64, 128, 16],
        }, {},
        0.083002, 69.890986,
    ),
    (
        "nas_cell", "amoeba",
        {
            "num_nodes_normal": 5, "num_nodes_reduce": 5, "depth": 12, "width": 32, "aux": False,
            "drop_prob": 0.0,
        }, CELL_SPEC,
        4.190314, None,
    ),
)  # fmt: skip
