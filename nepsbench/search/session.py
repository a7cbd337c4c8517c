"""An optimiser with its history: asked and told, saved as JSON, and resumed.

An optimiser is a function of its problem, its seed and what it is told, so its state is what it was
asked and told. A session is resumed by asking and telling all of it again; if other suggestions
come of it (another version of a library, say), that is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nepsbench.errors import CorruptedFileError, NepsbenchError, VersionMismatchError
from nepsbench.search.optimiser import Outcome, Problem, Suggestion
from nepsbench.search.registry import make_optimiser
from nepsbench.spaces import Configuration

#: Raised with every change that an older reader cannot read.
FORMAT = 1


class Session:
    """Ask-and-tell for one search.

        >>> session = Session("evolution", problem_of(bench), seed=1)      # doctest: +SKIP
        >>> suggestion = session.ask()                                     # doctest: +SKIP
        >>> answer = bench(session.configuration(suggestion))              # doctest: +SKIP
        >>> session.tell(suggestion.number, [100 - answer["valid_acc"]])   # doctest: +SKIP

    Args:
        name: The optimiser's.
        problem: What it is to solve.
        seed: Of its draws.
        arguments: The optimiser's own.
    """

    def __init__(
        self, name: str, problem: Problem, *, seed: int, arguments: Mapping[str, Any] | None = None
    ) -> None:
        self._start = {"optimiser": name, "seed": seed, "arguments": dict(arguments or {})}
        self._problem = problem
        self._optimiser = make_optimiser(name, problem, seed, arguments)
        self._events: list[list[Any]] = []
        self._open: dict[int, Suggestion] = {}

    def ask(self) -> Suggestion | None:
        """Return the next suggestion; None if the optimiser waits for what is open, or is done."""
        suggestion = self._optimiser.ask()
        if suggestion is not None:
            self._open[suggestion.number] = suggestion
            self._events.append(["ask", list(suggestion.codes), suggestion.fidelity])
        return suggestion

    def tell(self, number: int, errors: Sequence[float], seconds: float = 0.0) -> None:
        """Tell what became of a suggestion.

        Args:
            number: The suggestion's.
            errors: To be made small, one for each objective; infinite if it failed.
            seconds: What it cost.

        Raises:
            NepsbenchError: If no such suggestion is open, or an error is NaN or missing.
        """
        if number not in self._open:
            raise NepsbenchError(
                f"no suggestion {number} is open; tell each once, after it was asked"
            )
        told = tuple(float(error) for error in errors)
        if len(told) != self._problem.objectives or any(error != error for error in told):
            raise NepsbenchError(
                f"suggestion {number}: errors {list(told)}; give {self._problem.objectives}, "
                "infinity where the training failed"
            )
        self._optimiser.tell(self._open.pop(number), Outcome(told, seconds))
        # JSON knows no infinity.
        finite = [None if error == float("inf") else error for error in told]
        self._events.append(["tell", number, finite, seconds])

    def configuration(self, suggestion: Suggestion) -> Configuration:
        """Return a suggestion's configuration."""
        return self._problem.candidates.space.decode(suggestion.codes)

    @property
    def open(self) -> tuple[Suggestion, ...]:
        """The suggestions that nothing was told of, oldest first."""
        return tuple(self._open.values())

    def to_json(self) -> str:
        """Return the session as JSON; :meth:`from_json` goes on from there."""
        space = self._problem.candidates.space
        head = {"format": FORMAT, "space": [space.name, space.version], **self._start}
        return json.dumps({**head, "events": self._events})

    @classmethod
    def from_json(cls, text: str, problem: Problem) -> Session:
        """Return the session that :meth:`to_json` wrote, ready to go on.

        Raises:
            CorruptedFileError: If the text is no session.
            VersionMismatchError: If it is of another space or format, or the optimiser now asks
                for something else.
        """
        try:
            saved = json.loads(text)
            if saved["format"] != FORMAT:
                raise VersionMismatchError(
                    f"a session of format {saved['format']!r}; this nepsbench reads {FORMAT}"
                )
            space = problem.candidates.space
            if saved["space"] != [space.name, space.version]:
                raise VersionMismatchError(
                    f"a session in space {saved['space']}, not in {space.name} version "
                    f"{space.version}; resume it on its own benchmark"
                )
            session = cls(saved["optimiser"], problem, seed=saved["seed"],
                          arguments=saved["arguments"])  # fmt: skip
            for event in saved["events"]:
                session._repeat(event)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise CorruptedFileError(
                f"this is no session of a search: {type(error).__name__}: {error}; take what "
                "Session.to_json wrote"
            ) from None
        return session

    def _repeat(self, event: Sequence[Any]) -> None:
        if event[0] == "tell":
            _, number, errors, seconds = event
            self.tell(number, [float("inf") if e is None else e for e in errors], seconds)
            return
        suggestion = self.ask()
        _, codes, fidelity = event
        if suggestion is None or (list(suggestion.codes), suggestion.fidelity) != (codes, fidelity):
            raise VersionMismatchError(
                f"optimiser {self._start['optimiser']} asks for something else than when the "
                "session was saved; resume it with the versions that it was begun with"
            )
