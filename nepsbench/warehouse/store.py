"""The warehouse: one folder of Parquet files, its commits, and the DuckDB views over them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from nepsbench.errors import (
    ConflictError,
    CorruptedFileError,
    InvalidResultError,
    QueryError,
    SpecError,
)
from nepsbench.files import sha256_of, sync
from nepsbench.sampling.ranges import StreamRange
from nepsbench.spaces import Space, get_space
from nepsbench.warehouse import merge, streams, views
from nepsbench.warehouse.checking import CheckReport, run_checks
from nepsbench.warehouse.commits import (
    TABLES,
    Commit,
    FileEntry,
    Table,
    declared_space,
    newest_commit,
    sweep,
    write_commit,
)
from nepsbench.warehouse.disk import storage_errors
from nepsbench.warehouse.lock import writer_lock
from nepsbench.warehouse.merge import IngestReport
from nepsbench.warehouse.tables import TRIAL_NAMES, sound_epochs, sound_trials

if TYPE_CHECKING:
    import pandas as pd

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", flags=re.ASCII)


@dataclass(frozen=True)
class Warehouse:
    """An open warehouse.

    Attributes:
        home: The data home, absolute.
        wait: Seconds to wait for another writer.
    """

    home: Path
    wait: float = 600.0

    @property
    def commit(self) -> Commit:
        """The state of the warehouse now."""
        return newest_commit(self.home)

    def space(self, name: str) -> Space:
        """Return a space: one of nepsbench's own, or one that an imported table describes.

        Raises:
            SpecError: If there is none of that name.
        """
        return declared_space(self.commit, name) or get_space(name)

    def connect(self, benchmark: str | None = None) -> duckdb.DuckDBPyConnection:
        """Return a connection with the views of the present state, or of one benchmark in it.

        It stays with that state for a day, whatever is written meanwhile, and cannot change it.
        """
        connection = self._scratch()
        with self._explained():
            views.define_views(connection, home=self.home, commit=self.commit, benchmark=benchmark)
        return connection

    def query(self, query: str, **parameters: object) -> pa.Table:
        """Return the rows of an SQL query; ``$name`` in it stands for a parameter's value.

        Raises:
            QueryError: If DuckDB refuses the query; with its own words.
            CorruptedFileError: If a file of the warehouse is damaged.
        """
        with self.connect() as connection:
            try:
                with self._explained():
                    found = connection.sql(query, params=parameters or None)
                    return pa.table({}) if found is None else found.to_arrow_table()
            except duckdb.Error as error:
                words = " ".join(str(error).split())
                raise QueryError(f"SQL: {words}") from None

    def tables(self, benchmark: str) -> tuple[pa.Table, pa.Table]:
        """Return all trials and all epochs of a benchmark, parameters in its space's own types.

        Raises:
            CorruptedFileError: If a file of the warehouse is damaged.
        """
        with self.connect(benchmark) as connection, self._explained():
            trials, epochs = (
                connection.sql(views.query_text("whole_table", name=table)).to_arrow_table()
                for table in TABLES
            )
            return trials, epochs

    def frame(self, query: str) -> pd.DataFrame:
        """Return the rows of an SQL query as a pandas frame; raises as :meth:`query`."""
        return self.query(query).to_pandas()

    def ingest(
        self,
        benchmark: str,
        trials: pa.Table,
        epochs: pa.Table,
        *,
        renewed: Collection[tuple[int, int]] = (),
    ) -> IngestReport:
        """Add the results of one profile; the same results again change nothing.

        Args:
            benchmark: ``<space>-<dataset>``.
            trials: Columns of ``schema.TRIAL_COLUMNS``, and the configuration's parameters.
            epochs: Columns of ``schema.EPOCH_COLUMNS``.
            renewed: Trials, by taskid and model_idx, that were trained anew from the start. Their
                epochs take the place of stored ones, from which they may differ in what is
                measured, such as times, and in nothing else.

        Raises:
            InvalidResultError: If a row is none that training gives.
            ConflictError: If a stored trial or epoch contradicts; nothing is written.
            StorageError: If the disk is full; nothing is changed.
        """
        refuse_name(benchmark, "benchmark")
        new: dict[Table, pa.Table] = {
            "trials": sound_trials(benchmark, trials),
            "epochs": sound_epochs(benchmark, epochs),
        }
        profile = _only_profile(benchmark, new)
        if profile is None:
            return IngestReport(0, 0, 0, 0, 0, self.commit.number)
        with self.writing() as commit, self._scratch() as connection:
            merge.refuse_second_home(commit, benchmark=benchmark, profile=profile)
            merge.refuse_imported(commit, profile)
            merge.show_both_sides(
                connection,
                home=self.home,
                commit=commit,
                benchmark=benchmark,
                profile=profile,
                new=new,
            )
            merge.refuse_broken(connection, benchmark=benchmark, profile=profile)
            merge.refuse_conflicts(connection, benchmark=benchmark, profile=profile)
            parameters = new["trials"].column_names[1 + len(TRIAL_NAMES) :]
            merge.merge(connection, parameters, renewed)
            report = merge.report(connection, commit=commit, epochs=new["epochs"].num_rows)
            if report.changed:
                connection.execute(views.query_text("all_epochs"))
                self._store(
                    connection,
                    commit,
                    benchmark=benchmark,
                    profile=profile,
                    sources={
                        "trials": "SELECT * EXCLUDE (change) FROM merged_trials",
                        "epochs": "FROM all_epochs"
                        if report.epochs_renewed
                        else "FROM added_epochs",
                    },
                    replaced=TABLES if report.epochs_renewed else ("trials",),
                )
            return report

    def reserve_streams(
        self, profile: str, ranges: Sequence[StreamRange], *, profile_hash: str
    ) -> None:
        """Record that ``profile`` uses these words of the bit-streams; again is no change.

        Raises:
            StreamReuseError: If another profile used some of them, or the profile was changed.
        """
        with self.writing() as commit:
            ledger = streams.reserve(commit.streams, profile, ranges, profile_hash=profile_hash)
            if ledger != commit.streams:
                self.publish(commit.following(streams=ledger))

    def set_mlflow_runs(self, profile: str, runs: Mapping[tuple[int, int], str]) -> None:
        """Note the MLflow run of each trial of ``profile``; keys are (taskid, model_idx)."""
        new = pa.table(
            {
                "taskid": pa.array([taskid for taskid, _ in runs], pa.int64()),
                "model_idx": pa.array([model_idx for _, model_idx in runs], pa.int64()),
                "run_id": pa.array(list(runs.values()), pa.string()),
            }
        )
        with self.writing() as commit, self._scratch() as connection:
            for entry in commit.select(table="trials", profile=profile):
                source = views.scan(self.home, [entry.path])
                connection.register("runs", new)
                connection.execute(views.query_text("set_runs", source=source))
                [(changed,)] = connection.sql(views.query_text("count_set_runs")).fetchall()
                if changed:
                    self._store(
                        connection,
                        commit,
                        benchmark=entry.benchmark,
                        profile=profile,
                        sources={"trials": "SELECT * EXCLUDE (changed) FROM with_runs"},
                    )

    def replace_trials(self, profile: str, trials: pa.Table) -> None:
        """Put rows in the place of all of a profile's trials; for migrations, which change no key.

        Args:
            profile: The profile.
            trials: As ``tables.sound_trials`` gives them, of one benchmark.

        Raises:
            ConflictError: If they are not the same trials.
        """
        [benchmark] = trials["benchmark"].unique().to_pylist()
        with self.writing() as commit, self._scratch() as connection:
            entries = commit.select(benchmark=benchmark, table="trials", profile=profile)
            source = views.scan(self.home, [entry.path for entry in entries])
            connection.register("renewed", trials)
            stored = connection.sql(f"select taskid, model_idx from {source}").to_arrow_table()
            keys = [trials.select(["taskid", "model_idx"]), stored]
            ours, theirs = (sorted(map(str, table.to_pylist())) for table in keys)
            if ours != theirs:
                raise ConflictError(f"profile {profile}: other trials than those that are stored")
            self._store(
                connection,
                commit,
                benchmark=benchmark,
                profile=profile,
                sources={"trials": "FROM renewed"},
            )

    def seconds_per_epoch(self, profile: str, *, retry_failed: bool = True) -> pa.Table:
        """Return what is measured of each trial of ``profile``, for planning.

        Args:
            profile: The profile.
            retry_failed: If False, trials that failed or ran out of memory have ended, like
                those that diverged.

        Returns:
            One row a trial: ``taskid``, ``model_idx``, ``seconds_per_epoch`` (mean wall time, null
            if it has no epoch), ``epochs`` trained, ``ended`` (no training is to come).
        """
        query = views.query_text("seconds_per_epoch")
        return self.query(query, profile=profile, retry_failed=retry_failed)

    def check(
        self,
        benchmark: str | None = None,
        profile: str | None = None,
        *,
        checkpoints: pa.Table | None = None,
        shown: int | None = 5,
    ) -> CheckReport:
        """Run every SQL check over all trials, or those of a benchmark or profile.

        ``checkpoints`` and ``shown`` are as in :func:`nepsbench.warehouse.checking.run_checks`.
        """
        with self.connect() as connection, self._explained():
            # A table of any size is checked in bounded memory; the rest goes to the disk.
            connection.execute("SET memory_limit = '1GB'")
            return run_checks(
                connection,
                benchmark=benchmark,
                profile=profile,
                checkpoints=checkpoints,
                shown=shown,
            )

    def rebuild(self) -> None:
        """Write the DuckDB file again from the Parquet files."""
        with self.writing() as commit, views.database(self.home, commit) as publish:
            publish()

    def drop(self, name: str) -> int:
        """Take results out, to collect or import them again; streams stay used.

        Args:
            name: A profile, or an import. An import is whole or not there: a profile of one takes
                the others with it.

        Returns:
            How many files are no longer part of the warehouse.

        Raises:
            SpecError: If there are no results of that name.
        """
        with self.writing() as commit:
            dropped = {
                entry.name: entry.profiles
                for entry in commit.imports
                if name in (entry.name, *entry.profiles)
            }
            gone = {name, *chain.from_iterable(dropped.values())}
            kept = tuple(entry for entry in commit.files if entry.profile not in gone)
            if len(kept) == len(commit.files):
                raise SpecError(f"{self.home}: the warehouse holds no results of {name!r}")
            imports = tuple(entry for entry in commit.imports if entry.name not in dropped)
            self.publish(commit.following(files=kept, imports=imports))
            return len(commit.files) - len(kept)

    def verify(self) -> None:
        """Prove that every file of the warehouse holds what was written.

        Raises:
            CorruptedFileError: Names the first file that does not.
        """
        for entry in self.commit.files:
            path = self.home / entry.path
            if not path.is_file():
                raise CorruptedFileError(f"{path}: is missing; {_remedy(entry)}")
            if path.stat().st_size != entry.bytes or sha256_of(path) != entry.sha256:
                raise CorruptedFileError(
                    f"{path}: is not what was written (its sha256 differs); {_remedy(entry)}"
                )

    @contextmanager
    def writing(self) -> Iterator[Commit]:
        """Be the one writer, from the newest commit on; a failure leaves no files."""
        with storage_errors(self.home), writer_lock(self.home, wait=self.wait):
            commit = newest_commit(self.home)
            sweep(self.home, commit)
            try:
                with self._explained():
                    yield commit
            except BaseException:
                sweep(self.home, newest_commit(self.home))
                raise

    def publish(self, commit: Commit) -> None:
        """Make ``commit`` the state. All that needs space comes before the renames."""
        with views.database(self.home, commit) as publish:
            write_commit(self.home, commit)
            publish()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Let a query that failed on a damaged file fail with the file's name."""
        try:
            yield
        except (duckdb.Error, pa.ArrowInvalid):
            self.verify()
            raise

    def _scratch(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute("SET temp_directory = $1", [str(self.home / ".spill")])
        return connection

    def _store(
        self,
        connection: duckdb.DuckDBPyConnection,
        commit: Commit,
        *,
        benchmark: str,
        profile: str,
        sources: Mapping[Table, str],
        replaced: tuple[Table, ...] = ("trials",),
    ) -> None:
        """Commit rows of a profile; they join those that are stored, or replace a whole table's."""
        own = commit.select(benchmark=benchmark, profile=profile)
        files = [e for e in commit.files if e not in own or e.table not in replaced]
        for table, source in sources.items():
            path = f"benchmarks/{benchmark}/{table}/{profile}-{commit.number + 1:08d}.parquet"
            written = self._write(connection, source, self.home / path)
            if written.rows:
                files.append(
                    FileEntry(
                        path=path,
                        benchmark=benchmark,
                        table=table,
                        profile=profile,
                        rows=written.rows,
                        bytes=written.bytes,
                        sha256=written.sha256,
                    )
                )
        self.publish(commit.following(files=tuple(files)))

    def _write(self, connection: duckdb.DuckDBPyConnection, source: str, target: Path) -> _Written:
        """Write the rows of ``source`` to a Parquet file and bring it to the disk."""
        target.parent.mkdir(parents=True, exist_ok=True)
        path = views.literal(str(target))
        query = views.query_text("write_parquet", source=source, path=path)
        [(rows,)] = connection.sql(query).fetchall()
        sync(target)
        sync(target.parent)
        return _Written(rows, target.stat().st_size, sha256_of(target))


def _remedy(entry: FileEntry) -> str:
    return (
        f"restore it from a copy, or take the profile out (nepsbench warehouse drop "
        f"{entry.profile}) and collect its waves again (nepsbench campaign collect)"
    )


@dataclass(frozen=True)
class _Written:
    rows: int
    bytes: int
    sha256: str


def open_warehouse(home: Path, *, wait: float = 600.0) -> Warehouse:
    """Open the warehouse at ``home``; what is missing is made, a stale DuckDB file rebuilt.

    Args:
        home: The data home.
        wait: Seconds that a write waits for another writer.

    Raises:
        StorageError: If the folder cannot be written.
    """
    warehouse = Warehouse(home.resolve(), wait)
    with storage_errors(warehouse.home):
        (warehouse.home / "commits").mkdir(parents=True, exist_ok=True)
    if not views.is_current(warehouse.home, warehouse.commit):
        warehouse.rebuild()
    return warehouse


def _only_profile(benchmark: str, tables: Mapping[Table, pa.Table]) -> str | None:
    """Return the profile that all rows are of, or None if there are no rows."""
    profiles = {name for table in tables.values() for name in table["profile"].unique().to_pylist()}
    if len(profiles) > 1:
        raise InvalidResultError(
            f"{benchmark}: results of several profiles ({', '.join(sorted(profiles))}); "
            "ingest them one profile at a time"
        )
    for profile in profiles:
        refuse_name(profile, "profile")
        return str(profile)
    return None


def refuse_name(name: str, what: str) -> None:
    """Refuse a name that cannot be part of a file's.

    Raises:
        SpecError: If it cannot.
    """
    if not _SAFE_NAME.fullmatch(name):
        raise SpecError(
            f"{what} name {name!r} cannot be a file name; use letters, digits, '.', '_' and '-'"
        )
