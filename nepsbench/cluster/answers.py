"""What a visit answered, from text to values.

A line a fact, fields between bars; what people wrote is made one line without bars before:

    clock|<seconds since the epoch>
    queue|<job id[;cluster]>|<N/A, or 3, or 0-9,12%5>|<state>|<reason>|<node>|<start>|<job name>
    noqueue|<words>                                the queue did not answer
    receipt|<token>|<verdict, or failed:<exit code of sbatch>>|<job id>|<words>
    end|<token>|<index> <exit code> <job id> <why, or -> <progress> <0 or 1: valid>
    account|<job name>|<index>|<state>|<seconds since the epoch: submitted>
    noaccount|<words>                              the accounting database did not answer
    finding|<token>|<index>|<0 or 1: short of memory>|<words>
    log|<number in the orders>|<base64>
    fact|<name>|<value>

Absence from the queue's list is evidence, so one line of it that cannot be understood spoils the
whole list. Of everything else, a line that cannot be understood says nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from nepsbench.cluster import frame
from nepsbench.cluster.conversation import (
    Account,
    Answer,
    End,
    Finding,
    Orders,
    Place,
    Receipt,
    Row,
    Verdict,
)
from nepsbench.cluster.facts import read_facts
from nepsbench.cluster.interface import Completed
from nepsbench.cluster.refusal import read_failure

#: What the queue knows our jobs by, before the token.
PREFIX = "nb-"
_RANGE = re.compile(r"(\d+)(?:-(\d+)(?::(\d+))?)?")
_END = re.compile(r"(\d+) (\d+) (\S+) (\S+) (-?\d+) ([01])")
_FAILED = re.compile(r"failed:(\d+)")


def read_answer(answer: Completed, script: str, orders: Orders) -> Answer | None:
    """Return what ``script`` answered to ``orders``, or None if that was cut short.

    A script that failed as a whole (no folder, a set-up block that ends the shell) tells nothing
    but the problem; its clock is 0.
    """
    whole = frame.unwrap(answer, script)
    if whole is None:
        return None
    said = " ".join(whole.stderr.split())
    reading = _Reading(orders)
    for line in whole.stdout.splitlines():
        kind, *fields = line.split("|")
        reader = _READERS.get(kind)
        if reader is not None:
            reader(reading, fields)
    if reading.clock is None:
        why = said or f"exit code {whole.exit_code}"
        return Answer(clock=0, rows=None, problem=f"the visit failed: {why}")
    return reading.answer(reading.clock)


@dataclass
class _Reading:
    """An answer as far as it is read."""

    orders: Orders
    clock: int | None = None
    rows: list[Row] = field(default_factory=list)
    problem: str = ""
    receipts: dict[str, Receipt] = field(default_factory=dict)
    ends: dict[Place, End] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)
    accounting: bool = True
    findings: dict[Place, Finding] = field(default_factory=dict)
    logs: dict[str, bytes] = field(default_factory=dict)
    facts: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, clock: int) -> Answer:
        asked = bool(self.orders.account) and self.accounting
        return Answer(
            clock=clock,
            rows=None if self.problem else tuple(self.rows),
            problem=self.problem,
            receipts=self.receipts,
            ends=self.ends,
            accounts=tuple(self.accounts) if asked else None,
            findings=self.findings,
            logs=self.logs,
            facts=read_facts(self.facts) if self.facts else None,
        )


def _clock(reading: _Reading, fields: Sequence[str]) -> None:
    if len(fields) == 1 and fields[0].isdecimal():
        reading.clock = int(fields[0])


def _queue(reading: _Reading, fields: Sequence[str]) -> None:
    try:
        job_id, indices, state, reason, node, start, name = fields
        if not (name.startswith(PREFIX) and job_id and state):
            raise ValueError(name)
        row = Row(
            token=name.removeprefix(PREFIX),
            job_id=job_id,
            indices=tuple(_ranges(indices)),
            state=state,
            reason=reason,
            node=node,
            start="" if start == "N/A" else start,
        )
    except ValueError:
        line = "|".join(fields)
        reading.problem = reading.problem or f"the queue's list has a line {line!r}"
    else:
        reading.rows.append(row)


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges of ``0-9,12,20-30:2%5``; a submission of one job has no index: 0.

    Raises:
        ValueError: If it is anything else.
    """
    if text == "N/A":
        yield 0, 0
        return
    for part in text.partition("%")[0].split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(text)
        low, high, step = (int(number) if number else None for number in match.groups())
        assert low is not None
        if step is None or step == 1:
            yield low, low if high is None else high
        else:
            yield from ((index, index) for index in range(low, (high or low) + 1, step))


def _no_queue(reading: _Reading, fields: Sequence[str]) -> None:
    reading.problem = " ".join(fields) or "it gave no reason"


def _receipt(reading: _Reading, fields: Sequence[str]) -> None:
    if len(fields) != 4:
        return
    token, verdict, job_id, said = fields
    failed = _FAILED.fullmatch(verdict)
    if failed is not None:
        reading.receipts[token] = Receipt(read_failure(int(failed[1]), said), job_id, said)
    elif verdict in {known.value for known in Verdict}:
        reading.receipts[token] = Receipt(Verdict(verdict), job_id, said)


def _end(reading: _Reading, fields: Sequence[str]) -> None:
    match = _END.fullmatch(fields[1]) if len(fields) == 2 else None
    if match is None:
        return
    index, code, job_id, why, progress, valid = match.groups()
    reading.ends[Place(fields[0], int(index))] = End(
        exit_code=int(code),
        job_id=job_id,
        why="" if why == "-" else why,
        progress=int(progress),
        valid=valid == "1",
    )


def _no_account(reading: _Reading, fields: Sequence[str]) -> None:  # noqa: ARG001
    reading.accounting = False


def _account(reading: _Reading, fields: Sequence[str]) -> None:
    if len(fields) != 4 or not (fields[1].isdecimal() and fields[3].isdecimal()):
        return
    name, index, state, submitted = fields
    if name.startswith(PREFIX) and state:
        account = Account(name.removeprefix(PREFIX), int(index), state, int(submitted))
        reading.accounts.append(account)


def _finding(reading: _Reading, fields: Sequence[str]) -> None:
    if len(fields) == 4 and fields[1].isdecimal():
        token, index, memory, said = fields
        reading.findings[Place(token, int(index))] = Finding(said, memory == "1")


def _log(reading: _Reading, fields: Sequence[str]) -> None:
    if len(fields) != 2 or not fields[0].isdecimal() or int(fields[0]) >= len(reading.orders.logs):
        return
    try:
        text = base64.b64decode(fields[1], validate=True)
    except binascii.Error:
        return
    reading.logs[reading.orders.logs[int(fields[0])].path] = text


def _fact(reading: _Reading, fields: Sequence[str]) -> None:
    if len(fields) == 2:
        reading.facts.append((fields[0], fields[1]))


_READERS: dict[str, Callable[[_Reading, Sequence[str]], None]] = {
    "clock": _clock,
    "queue": _queue,
    "noqueue": _no_queue,
    "receipt": _receipt,
    "end": _end,
    "noaccount": _no_account,
    "account": _account,
    "finding": _finding,
    "log": _log,
    "fact": _fact,
}
