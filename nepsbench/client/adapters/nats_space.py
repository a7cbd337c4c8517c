"""The architectures of nats-bench's two search spaces: numbers, strings, networks."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nepsbench.client.adapters.published import OutsideError
from nepsbench.spaces import FiniteSpace, cells, nasbench201, nats_size

_CLASSES = {"cifar10-valid": 10, "cifar10": 10, "cifar100": 100, "ImageNet16-120": 120}


class SearchSpace(ABC):
    """What both search spaces have."""

    space: ClassVar[FiniteSpace]
    search_space_name: ClassVar[str]
    full_train_epochs: ClassVar[int]
    is_size: ClassVar[bool]

    def __init__(self) -> None:
        self._names: list[str] | None = None
        self._numbers: dict[str, int] | None = None

    def __len__(self) -> int:
        return self.space.size

    def __getitem__(self, index: int) -> str:
        return self.meta_archs[index]

    @property
    def is_topology(self) -> bool:
        """True for the topology search space."""
        return not self.is_size

    @property
    def full_epochs_in_paper(self) -> int:
        """Epochs of the longest schedule."""
        return self.full_train_epochs

    @property
    def meta_archs(self) -> list[str]:
        """The string of every architecture, in the published order."""
        if self._names is None:
            codes = self.space.codes_at(np.arange(self.space.size)).astype(np.int64)
            self._names = self._strings(codes)
        return self._names

    def arch(self, index: int) -> str:
        """Return the string of an architecture.

        Raises:
            OutsideError: If there is no such number.
        """
        return self.meta_archs[self._checked(index)]

    def random(self) -> int:
        """Return a number drawn by Python's ``random``."""
        return random.randint(0, len(self) - 1)

    def query_index_by_arch(self, arch: Any) -> int:
        """Return the number of an architecture; -1 if it is none of the space.

        Args:
            arch: A number, a string, or an object with ``tostr()``.

        Raises:
            OutsideError: If it is a number that is out of range.
        """
        if isinstance(arch, int | np.integer):
            return self._checked(int(arch))
        text = arch if isinstance(arch, str) else arch.tostr() if hasattr(arch, "tostr") else None
        if self._numbers is None:
            self._numbers = {name: number for number, name in enumerate(self.meta_archs)}
        return self._numbers.get(text, -1) if text is not None else -1

    def get_net_config(self, index: Any, dataset: str) -> dict[str, Any]:
        """Return what the networks of AutoDL-Projects are built from.

        Raises:
            OutsideError: If architecture or dataset is none of the choices.
        """
        if dataset not in _CLASSES:
            raise OutsideError(f"dataset {dataset!r} is none of {', '.join(_CLASSES)}")
        name = self.arch(self.query_index_by_arch(index))
        return {**self._config(name), "num_classes": _CLASSES[dataset]}

    @abstractmethod
    def _strings(self, codes: NDArray[np.int64]) -> list[str]:
        """Return the published string of each row of codes."""

    @abstractmethod
    def _config(self, name: str) -> dict[str, Any]:
        """Return an architecture's configuration without the number of classes."""

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.space.size:
            raise OutsideError(
                f"no architecture {index}; give a number from 0 to {self.space.size - 1}"
            )
        return index


class Topology(SearchSpace):
    """Cells of four nodes."""

    space = nasbench201.SPACE
    search_space_name, full_train_epochs, is_size = "topology", 200, False

    def get_unique_str(self, arch: Any) -> str:
        """Return NAS-Bench-201's unique string of a cell, zeros told apart."""
        configuration = self.space.at(self.query_index_by_arch(arch))
        return nasbench201.unique_string(nasbench201.cell_of(configuration))

    @staticmethod
    def str2lists(arch_str: str) -> list[Any]:
        """Return for each node the pairs (operation, source) of its edges."""
        return [*cells.to_op_lists(cells.from_arch_str(arch_str))]

    @staticmethod
    def str2matrix(
        arch_str: str, search_space: Sequence[str] = cells.NATS_OPERATIONS
    ) -> NDArray[np.float64]:
        """Return the 4 x 4 matrix of operations: in row i and column j that from node j to i."""
        matrix = np.zeros((4, 4))
        for target, pairs in enumerate(Topology.str2lists(arch_str), start=1):
            for name, source in pairs:
                if name not in search_space:
                    raise OutsideError(f"operation {name!r} is none of {', '.join(search_space)}")
                matrix[target, source] = list(search_space).index(name)
        return matrix

    def _strings(self, codes: NDArray[np.int64]) -> list[str]:
        names = np.array(cells.NATS_OPERATIONS, dtype=object)[codes]
        return [f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|" for a, b, c, d, e, f in names.tolist()]

    def _config(self, name: str) -> dict[str, Any]:
        return {"name": "infer.tiny", "C": 16, "N": 5, "arch_str": name}


class Size(SearchSpace):
    """Widths of five layers."""

    space = nats_size.SPACE
    search_space_name, full_train_epochs, is_size = "size", 90, True

    def _strings(self, codes: NDArray[np.int64]) -> list[str]:
        widths = np.array(nats_size.CHANNELS)[codes]
        return [":".join(map(str, row)) for row in widths.tolist()]

    def _config(self, name: str) -> dict[str, Any]:
        genotype = cells.to_arch_str(nats_size.CELL)
        return {"name": "infer.shape.tiny", "channels": name, "genotype": genotype}
