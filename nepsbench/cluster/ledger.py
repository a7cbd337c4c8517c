"""The one durable table of what is wanted and of every attempt at it.

An SQLite file in the data home. Intent is committed here before anything is said to a cluster, so
that whatever dies, the next process knows what may be out there and looks for it. Many processes
read and write it; only the one that holds a cluster's lease writes that cluster's attempts.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from nepsbench.cluster.attempt import Attempt, Cause, Outcome, Work
from nepsbench.cluster.conversation import Facts, Place
from nepsbench.cluster.interface import Job, Phase, Resources
from nepsbench.cluster.tick import Tick
from nepsbench.errors import ClusterError
from nepsbench.files import storage_errors

_SCHEMA = """
CREATE TABLE IF NOT EXISTS home (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS works (
  key TEXT PRIMARY KEY, cluster TEXT NOT NULL, job TEXT NOT NULL, owner TEXT NOT NULL,
  wanted INTEGER NOT NULL, round INTEGER NOT NULL, outcome TEXT NOT NULL, why TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS works_open ON works (cluster) WHERE outcome = 'open';
CREATE TABLE IF NOT EXISTS attempts (
  key TEXT NOT NULL REFERENCES works, generation INTEGER NOT NULL, round INTEGER NOT NULL,
  token TEXT NOT NULL, "index" INTEGER NOT NULL, resources TEXT NOT NULL, phase TEXT NOT NULL,
  job_id TEXT NOT NULL, native TEXT NOT NULL, reason TEXT NOT NULL, node TEXT NOT NULL,
  start TEXT NOT NULL, exit_code INTEGER, cause TEXT, progress INTEGER NOT NULL,
  misses INTEGER NOT NULL, since REAL NOT NULL, sent REAL NOT NULL, ended REAL NOT NULL,
  said TEXT NOT NULL, PRIMARY KEY (key, generation), UNIQUE (token, "index")
);
CREATE INDEX IF NOT EXISTS attempts_open ON attempts (key) WHERE ended = 0;
CREATE TABLE IF NOT EXISTS wishes (cluster TEXT PRIMARY KEY, number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS leases (
  cluster TEXT PRIMARY KEY, holder TEXT NOT NULL, until REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS facts (cluster TEXT PRIMARY KEY, told REAL NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ticks (cluster TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS ticks_newest ON ticks (cluster, at);
"""
_ATTEMPT = (
    "key",
    "generation",
    "round",
    "token",
    "index",
    "resources",
    "phase",
    "job_id",
    "native",
    "reason",
    "node",
    "start",
    "exit_code",
    "cause",
    "progress",
    "misses",
    "since",
    "sent",
    "ended",
    "said",
)
_COLUMNS = ", ".join(f'"{name}"' for name in _ATTEMPT)
_WORK = ", ".join(field.name for field in fields(Work))
#: Ticks that are kept for each cluster.
_TICKS = 500
#: SQLite takes this many parameters in one statement, with room to spare.
_BATCH = 500


class LostLeaseError(ClusterError):
    """Another process drives the cluster by now; what this one was about to write is void."""


class Ledger:
    """An open ledger. Use one object a thread.

    Attributes:
        home_id: A short random word, part of every token, that tells this data home's jobs from
            those of another one under the same account.

    Raises:
        StorageError: If the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)
        self.home_id = self._own_id()

    # -- what is wanted ------------------------------------------------------------------------

    def want(self, cluster: str, jobs: Sequence[Job], owner: str) -> None:
        """Make it known that ``owner`` wants these jobs done; durable when this returns.

        What lives or has succeeded is adopted: it only gets a new owner. What failed or was given
        up begins a new round, with fresh budgets; an attempt of the old round is stopped first.
        """
        with self._transaction():
            known = self.works([job.key for job in jobs])
            for job in jobs:
                self._write_work(_wanted(known.get(job.key), cluster, job, owner))
            self._count_wish(cluster)

    def unwant(self, keys: Sequence[str], owner: str) -> list[str]:
        """Give up those of ``keys`` that ``owner`` wants and that are open; return their keys.

        The driver cancels them. What another owner has asked for since then is left alone.
        """
        with self._transaction():
            given_up = [
                work
                for work in self.works(keys).values()
                if work.owner == owner and work.wanted and work.outcome is Outcome.OPEN
            ]
            for work in given_up:
                self._write_work(replace(work, wanted=False))
            for cluster in {work.cluster for work in given_up}:
                self._count_wish(cluster)
        return [work.key for work in given_up]

    def forget(self, keys: Sequence[str]) -> list[str]:
        """Strike works that have succeeded, and their attempts, so that they can be done again.

        What failed is tried again when it is wanted again; its attempts stay, as a lost one may
        come back and must be known then.

        Returns:
            The keys that were struck.
        """
        with self._transaction():
            works = self.works(keys).values()
            done = [work.key for work in works if work.outcome is Outcome.SUCCEEDED]
            for table in ("attempts", "works"):
                self._db.executemany(f"DELETE FROM {table} WHERE key = ?", [[key] for key in done])
        return done

    def works(
        self,
        keys: Sequence[str] | None = None,
        *,
        cluster: str | None = None,
        open_only: bool = False,
    ) -> dict[str, Work]:
        """Return works by key, in the order in which they were first asked for."""
        rules = ["outcome = 'open'"] if open_only else []
        rows = self._select(_WORK, "works", keys, cluster, rules, "rowid")
        return {row[0]: _work(row) for row in rows}

    # -- attempts ------------------------------------------------------------------------------

    def attempts(
        self,
        keys: Sequence[str] | None = None,
        *,
        cluster: str | None = None,
        open_only: bool = False,
    ) -> list[Attempt]:
        """Return attempts, for each key oldest first."""
        rules = ["ended = 0"] if open_only else []
        rows = self._select(_COLUMNS, "attempts", keys, cluster, rules, "key, generation")
        return [_attempt(row) for row in rows]

    def attempts_of_open_works(self, cluster: str) -> list[Attempt]:
        """Return all attempts, ended ones too, at the works that are not settled."""
        rule = "key IN (SELECT key FROM works WHERE cluster = ? AND outcome = 'open')"
        query = f"SELECT {_COLUMNS} FROM attempts WHERE {rule} ORDER BY key, generation"
        return [_attempt(row) for row in self._db.execute(query, [cluster])]

    def clusters_of(self, tokens: Iterable[str]) -> dict[str, str]:
        """Return on which cluster each of ``tokens`` was submitted; unknown ones are left out."""
        query = (
            "SELECT cluster FROM attempts JOIN works USING (key) WHERE attempts.token = ? LIMIT 1"
        )
        found = {token: self._db.execute(query, [token]).fetchone() for token in tokens}
        return {token: row[0] for token, row in found.items() if row}

    def latest(self, keys: Sequence[str]) -> dict[str, Attempt]:
        """Return the newest attempt of each key that has one."""
        return {attempt.key: attempt for attempt in self.attempts(keys)}

    def save(
        self,
        cluster: str,
        holder: str,
        *,
        attempts: Iterable[Attempt] = (),
        withdrawn: Iterable[Attempt] = (),
        works: Iterable[Work] = (),
    ) -> None:
        """Write what the driver found out, all or nothing. Of works, only outcome and why.

        A work that was asked for anew meanwhile keeps its new round: its old outcome is dropped.

        Raises:
            LostLeaseError: If ``holder`` does not hold the lease any more.
        """
        marks = ", ".join("?" * len(_ATTEMPT))
        with self._transaction():
            self._require_lease(cluster, holder)
            self._db.executemany(
                f"INSERT OR REPLACE INTO attempts ({_COLUMNS}) VALUES ({marks})",
                [_attempt_row(attempt) for attempt in attempts],
            )
            self._db.executemany(
                "DELETE FROM attempts WHERE key = ? AND generation = ?",
                [(attempt.key, attempt.generation) for attempt in withdrawn],
            )
            self._db.executemany(
                "UPDATE works SET outcome = ?, why = ? WHERE key = ? AND round = ? AND wanted = ?",
                [(w.outcome.value, w.why, w.key, w.round, w.wanted) for w in works],
            )

    # -- who drives ----------------------------------------------------------------------------

    def lease(self, cluster: str, holder: str, seconds: float, *, now: float | None = None) -> bool:
        """Take or renew the right to drive a cluster; False if another living process has it."""
        now = time.time() if now is None else now
        with self._transaction():
            row = self._db.execute(
                "SELECT holder, until FROM leases WHERE cluster = ?", [cluster]
            ).fetchone()
            if row and row[0] != holder and row[1] > now and not _is_dead(row[0]):
                return False
            self._db.execute(
                "INSERT OR REPLACE INTO leases VALUES (?, ?, ?)", [cluster, holder, now + seconds]
            )
        return True

    def release(self, cluster: str, holder: str) -> None:
        """Give the lease back."""
        self._db.execute("DELETE FROM leases WHERE cluster = ? AND holder = ?", [cluster, holder])

    def wishes(self, cluster: str) -> int:
        """Return a number that grows whenever somebody wants or gives up something there."""
        row = self._db.execute("SELECT number FROM wishes WHERE cluster = ?", [cluster]).fetchone()
        return int(row[0]) if row else 0

    # -- what is known of a cluster ------------------------------------------------------------

    def facts(self, cluster: str) -> tuple[Facts, float]:
        """Return a cluster's limits and when they were told; nothing and 0 if never."""
        row = self._db.execute(
            "SELECT body, told FROM facts WHERE cluster = ?", [cluster]
        ).fetchone()
        return (Facts(**json.loads(row[0])), row[1]) if row else (Facts(), 0.0)

    def set_facts(self, cluster: str, facts: Facts, told: float) -> None:
        """Write down a cluster's limits."""
        body = json.dumps(asdict(facts))
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", [cluster, told, body])

    def ticks(self, cluster: str, limit: int = 1) -> list[Tick]:
        """Return the newest ticks of a cluster, newest first."""
        query = "SELECT body FROM ticks WHERE cluster = ? ORDER BY at DESC, rowid DESC LIMIT ?"
        return [Tick(**json.loads(row[0])) for row in self._db.execute(query, [cluster, limit])]

    def record_tick(self, tick: Tick) -> None:
        """Write down a tick, and forget the oldest."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO ticks VALUES (?, ?, ?)",
                [tick.cluster, tick.at, json.dumps(asdict(tick))],
            )
            self._db.execute(
                "DELETE FROM ticks WHERE cluster = ? AND rowid <= (SELECT rowid FROM ticks WHERE "
                "cluster = ? ORDER BY at DESC, rowid DESC LIMIT 1 OFFSET ?)",
                [tick.cluster, tick.cluster, _TICKS],
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- inside --------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _own_id(self) -> str:
        with self._transaction():
            row = self._db.execute("SELECT id FROM home").fetchone()
            if row is None:
                row = (secrets.token_hex(3),)
                self._db.execute("INSERT INTO home VALUES (?)", row)
        return str(row[0])

    def _count_wish(self, cluster: str) -> None:
        self._db.execute(
            "INSERT INTO wishes VALUES (?, 1) ON CONFLICT DO UPDATE SET number = number + 1",
            [cluster],
        )

    def _require_lease(self, cluster: str, holder: str) -> None:
        query = "SELECT 1 FROM leases WHERE cluster = ? AND holder = ?"
        if self._db.execute(query, [cluster, holder]).fetchone() is None:
            raise LostLeaseError(f"cluster {cluster}: another process drives it now")

    def _write_work(self, work: Work) -> None:
        values = [
            work.key,
            work.cluster,
            json.dumps(asdict(work.job)),
            work.owner,
            work.wanted,
            work.round,
            work.outcome.value,
            work.why,
        ]
        changes = "job = excluded.job, owner = excluded.owner, cluster = excluded.cluster, "
        changes += "wanted = excluded.wanted, round = excluded.round, "
        changes += "outcome = excluded.outcome, why = excluded.why"
        self._db.execute(
            f"INSERT INTO works ({_WORK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            f"ON CONFLICT (key) DO UPDATE SET {changes}",
            values,
        )

    def _select(
        self,
        columns: str,
        table: str,
        keys: Sequence[str] | None,
        cluster: str | None,
        rules: list[str],
        order: str,
    ) -> Iterator[tuple[Any, ...]]:
        rules, values = list(rules), []
        if cluster is not None:
            rules.append(
                "cluster = ?"
                if table == "works"
                else "key IN (SELECT key FROM works WHERE cluster = ?)"
            )
            values.append(cluster)
        for batch in _batches(keys):
            chosen, given = list(rules), list(values)
            if batch is not None:
                chosen.append(f"key IN ({', '.join('?' * len(batch))})")
                given += batch
            where = f" WHERE {' AND '.join(chosen)}" if chosen else ""
            yield from self._db.execute(
                f"SELECT {columns} FROM {table}{where} ORDER BY {order}", given
            )


def open_ledger(home: Path) -> Ledger:
    """Return the ledger of a data home; it is made if there is none."""
    return Ledger(home / "jobs.sqlite")


def _wanted(known: Work | None, cluster: str, job: Job, owner: str) -> Work:
    if known is None:
        return Work(job.key, cluster, job, owner)
    if known.outcome is Outcome.SUCCEEDED:
        return replace(known, owner=owner)
    if known.outcome is Outcome.OPEN and known.wanted:
        return replace(known, owner=owner)
    return Work(job.key, cluster, job, owner, round=known.round + 1)


def _batches(keys: Sequence[str] | None) -> Iterator[list[str] | None]:
    if keys is None:
        yield None
        return
    for start in range(0, len(keys), _BATCH):
        yield list(keys[start : start + _BATCH])


def _work(row: Sequence[Any]) -> Work:
    key, cluster, job, owner, wanted, round_, outcome, why = row
    return Work(key, cluster, _job(job), owner, bool(wanted), round_, Outcome(outcome), why)


# The driver reads thousands of jobs at every tick, and they do not change.
@lru_cache(maxsize=1 << 15)
def _job(text: str) -> Job:
    body = json.loads(text)
    body["resources"] = Resources(**body["resources"])
    body["command"], body["manifests"] = tuple(body["command"]), tuple(body["manifests"])
    return Job(**body)


@lru_cache(maxsize=1 << 10)
def _resources(text: str) -> Resources:
    return Resources(**json.loads(text))


def _attempt_row(attempt: Attempt) -> list[Any]:
    values = {name: getattr(attempt, name, None) for name in _ATTEMPT}
    values |= {"token": attempt.place.token, "index": attempt.place.index}
    values |= {"resources": json.dumps(asdict(attempt.resources)), "phase": attempt.phase.value}
    values |= {"cause": attempt.cause.value if attempt.cause else None}
    return list(values.values())


def _attempt(row: Sequence[Any]) -> Attempt:
    values = dict(zip(_ATTEMPT, row, strict=True))
    values["place"] = Place(values.pop("token"), values.pop("index"))
    values["resources"] = _resources(values["resources"])
    values["phase"] = Phase(values["phase"])
    values["cause"] = Cause(values["cause"]) if values["cause"] else None
    return Attempt(**values)


def _is_dead(holder: str) -> bool:
    """Return True if the holder was a process of this machine that is gone."""
    host, pid, started, _ = [*holder.split(":"), "", "", ""][:4]
    return host == os.uname().nodename and started != process_start(int(pid))


def process_start(pid: int) -> str:
    """Return a word that a process shares with no other of the same number, or nothing."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
