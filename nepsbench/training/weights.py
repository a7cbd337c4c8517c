"""A network's weights as one file, named after its bytes, in the format of safetensors.

Eight bytes that say how long the header is, little-endian; the header, JSON: type, shape and place
of each tensor, and under ``__metadata__`` what the network is; then the tensors' bytes. Any
safetensors library reads it. It is written here, because a file that is named after its bytes must
not change with a library's version. Source: the format's description in huggingface/safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nepsbench.errors import CorruptedFileError
from nepsbench.files import replacing
from nepsbench.kept import weights_path
from nepsbench.spaces import Configuration, Space, get_space
from nepsbench.spaces.networks import Problem, build_network

State = Mapping[str, Tensor]

_LENGTH = 8
_ABOUT = "nepsbench"
_TYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "BOOL": torch.bool}
_WORDS = {kind: word for word, kind in _TYPES.items()}


def about_network(space: Space, configuration: Configuration, problem: Problem) -> dict[str, Any]:
    """Return what a file of weights says of its network: enough to build it."""
    return {
        "space": space.name,
        "space_version": space.version,
        "configuration": configuration,
        "shape": list(problem.shape),
        "outputs": problem.outputs,
        "dense": problem.dense,
    }


def encode_weights(state: State, about: Mapping[str, Any]) -> bytes:
    """Return the file of a network's state: equal states give equal bytes."""
    metadata = {"format": "pt", _ABOUT: json.dumps(about, sort_keys=True)}
    header: dict[str, Any] = {"__metadata__": metadata}
    parts, place = [], 0
    for name, tensor in state.items():
        data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": _WORDS[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [place, place + len(data)],
        }
        parts.append(data)
        place += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)
    return b"".join((len(text).to_bytes(_LENGTH, "little"), text, *parts))


def decode_weights(content: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state, and what the file says of the network.

    Raises:
        ValueError, KeyError: If it is no such file.
    """
    length = int.from_bytes(content[:_LENGTH], "little")
    start = _LENGTH + length
    header = json.loads(content[_LENGTH:start])
    about = json.loads(header.pop("__metadata__")[_ABOUT])
    data = bytearray(content[start:])
    state = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        # torch reads no empty buffer
        empty = torch.empty(0, dtype=torch.uint8)
        flat = torch.frombuffer(data[first:end], dtype=torch.uint8) if end > first else empty
        state[name] = flat.view(_TYPES[entry["dtype"]]).reshape(entry["shape"])
    return state, about


def keep_weights(folder: Path, state: State, about: Mapping[str, Any]) -> str:
    """Write a network's state below ``folder``, unless it is there; return its SHA-256.

    Raises:
        StorageError: If the disk is full.
    """
    content = encode_weights(state, about)
    digest = sha256(content).hexdigest()
    path = folder / weights_path(digest)
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    return digest


def load_network(path: Path) -> nn.Module:
    """Return the network whose weights were kept at ``path``, named after their SHA-256.

    Raises:
        CorruptedFileError: If the bytes are not those that were kept.
    """
    content = path.read_bytes()
    if sha256(content).hexdigest() != path.stem:
        raise CorruptedFileError(
            f"{path}: damaged weights (their SHA-256 is not the name); delete the file and fetch "
            "it again"
        )
    state, about = decode_weights(content)
    space = get_space(about["space"])
    problem = Problem(tuple(about["shape"]), about["outputs"], about["dense"])
    with torch.random.fork_rng(devices=[]):
        network = build_network(space.name, space.validate(about["configuration"]), problem)
    network.load_state_dict(state)
    return network
