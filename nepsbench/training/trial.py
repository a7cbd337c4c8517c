"""One trial within a worker: from its checkpoint to the target, journalled epoch by epoch."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from nepsbench import provenance
from nepsbench.datasets.opening import Dataset
from nepsbench.errors import NepsbenchError, StorageError
from nepsbench.found import found_column
from nepsbench.journal import JournalWriter
from nepsbench.kept import KeepRule, column_of
from nepsbench.schema import Status
from nepsbench.spaces import Configuration, get_space
from nepsbench.spaces.networks import count_flops, count_params
from nepsbench.training.checkpoint import (
    Checkpoint,
    Identity,
    checkpoint_path,
    identity_of,
    read_checkpoint,
    save_checkpoint,
)
from nepsbench.training.divergence import DivergedError
from nepsbench.training.interruption import Interruption
from nepsbench.training.job import JobSpec, TrialSpec
from nepsbench.training.keeping import Keeper, Kept
from nepsbench.training.loop import (
    Interrupted,
    Metrics,
    TrainingState,
    initial_state,
    train_epochs,
)
from nepsbench.training.recipe import get_recipe
from nepsbench.training.trial_data import TrialData, prepare_trial_data
from nepsbench.training.weights import about_network


@dataclass(frozen=True)
class Workbench:
    """What all trials of a worker share."""

    job: JobSpec
    dataset: Dataset
    journal: JournalWriter
    interruption: Interruption


@dataclass
class Progress:
    """What is known of a trial so far; ``epochs`` to ``found`` are columns of ``trials``."""

    epochs: int = 0
    params: float | None = None
    flops: float | None = None
    started: str | None = None
    found: str | None = None
    makers: tuple[provenance.Maker, ...] = ()
    kept: Kept = field(default_factory=Kept)

    def columns(self) -> dict[str, Any]:
        """Return columns of ``trials``; where machines or code changed, each is named."""
        names = ("epochs", "params", "flops", "started", "found")
        fields = {name: getattr(self, name) for name in names}
        fields["kept_weights"] = column_of(self.kept.weights)
        return fields | provenance.environment() | provenance.mixture(self.makers)


def run_trial(trial: TrialSpec, bench: Workbench) -> Status:
    """Train ``trial`` as far as it goes, journal how it was left, and return that status.

    Raises:
        StorageError: If the disk is full, so that no trial could go on.
    """
    progress = Progress()
    with _begun(trial, bench.journal):
        status, reason = _attempt(trial, bench, progress)
        _journal_outcome(trial, bench, progress, status, reason)
    return status


def give_up(trial: TrialSpec, bench: Workbench, *, attempts: int) -> Status:
    """Journal that ``trial`` failed because workers were killed in it; do not try it again."""
    progress = Progress()
    reason = (
        f"its worker was killed {attempts} times in it before an epoch was done; it may need more "
        "memory than the job has"
    )
    with contextlib.suppress(NepsbenchError):
        _resume(trial, bench, progress)
    _journal_outcome(trial, bench, progress, Status.FAILED, reason)
    return Status.FAILED


@contextlib.contextmanager
def _begun(trial: TrialSpec, journal: JournalWriter) -> Iterator[None]:
    """Journal that the trial is begun; only a kill leaves that as the last word on it."""
    before = journal.length
    journal.append({"kind": "begin", "taskid": trial.taskid, "model_idx": trial.model_idx})
    begun = journal.length
    try:
        yield
    except BaseException:
        if journal.length == begun:
            journal.cut(before)
        raise


def _journal_outcome(
    trial: TrialSpec, bench: Workbench, progress: Progress, status: Status, reason: str | None
) -> None:
    recipe = get_recipe(bench.job.recipe)
    bench.journal.append(
        {
            "kind": "trial",
            "taskid": trial.taskid,
            "model_idx": trial.model_idx,
            "status": status.value,
            "reason": reason,
            "target_epochs": bench.job.target_epochs,
            "dataset_version": bench.dataset.record.version,
            "recipe": recipe.label,
            "horizon": recipe.horizon,
            "ended": _now(),
            **progress.columns(),
        }
    )


def _attempt(trial: TrialSpec, bench: Workbench, progress: Progress) -> tuple[Status, str | None]:
    """Train, and turn whatever ends the training into a status and its reason."""
    try:
        _train_to_target(trial, bench, progress)
    except StorageError:
        raise
    except Interrupted:
        return _interrupted(bench)
    except Exception as error:
        return outcome_of_error(error)
    return Status.COMPLETE, None


def _interrupted(bench: Workbench) -> tuple[Status, str]:
    """Return why the trial was stopped: somebody's order, or the job's time (SIGUSR1 says so)."""
    signalled = bench.interruption.signalled
    if signalled is None:
        limit = bench.job.time_limit
        return Status.TIMEOUT, f"the job's time limit of {limit} s left no time for an epoch"
    status = Status.TIMEOUT if signalled == signal.SIGUSR1 else Status.PENDING
    return status, f"stopped by {signalled.name}"


def _train_to_target(trial: TrialSpec, bench: Workbench, progress: Progress) -> None:
    """Train from the checkpoint to the job's target, and keep the weights that are asked for."""
    job = bench.job
    configuration = get_space(job.space).validate(trial.configuration)
    checkpoint = _resume(trial, bench, progress)
    settings = get_recipe(job.recipe).settings(configuration, job.dataset)
    data = prepare_trial_data(bench.dataset, settings)
    state = initial_state(
        job.space, configuration, data.problem, settings=settings, seed=trial.seed
    )
    progress.params = count_params(state.network)
    progress.flops = count_flops(state.network, data.problem.shape)
    if checkpoint is not None:
        checkpoint.restore(state)
    keeper = _keeper(job, configuration, data)
    if state.epoch >= job.target_epochs:
        keeper.at_end(progress.kept, state.epoch, state.network.state_dict())
    epochs = train_epochs(
        state,
        data,
        settings=settings,
        seed=trial.seed,
        until=job.target_epochs,
        stopped=bench.interruption.now,
    )
    try:
        _save_each(epochs, state, trial, bench, progress, keeper)
    except DivergedError:
        _keep_before_divergence(trial, bench, progress.kept, keeper)
        raise
    if state.architect is not None:
        found = state.architect.found(data, seed=trial.seed, epoch=state.epoch)
        progress.found = found_column(found.space, found.configuration)


def _save_each(
    epochs: Iterator[Metrics],
    state: TrainingState,
    trial: TrialSpec,
    bench: Workbench,
    progress: Progress,
    keeper: Keeper,
) -> None:
    """Journal each epoch, then keep what it gives to keep, then save it."""
    started = progress.started = progress.started or _now()
    makers = tuple(dict.fromkeys((*progress.makers, provenance.this_maker())))
    identity, path, target = _identity(trial, bench), _path(trial, bench), bench.job.target_epochs
    longest, start = 0.0, perf_counter()
    for metrics in epochs:
        bench.journal.append(_epoch_record(trial, state.epoch, metrics))
        keeper.after_epoch(progress.kept, state, metrics, is_last=state.epoch == target)
        save_checkpoint(path, state, identity, started=started, makers=makers, kept=progress.kept)
        progress.epochs, progress.makers = state.epoch, makers
        now = perf_counter()
        longest, start = max(longest, now - start), now
        if state.epoch < target and not bench.interruption.leaves_time_for(longest):
            raise Interrupted


def _keep_before_divergence(trial: TrialSpec, bench: Workbench, kept: Kept, keeper: Keeper) -> None:
    """Keep what the trial's last sound epoch, which only the checkpoint has, gives to keep."""
    sound = read_checkpoint(_path(trial, bench), _identity(trial, bench))
    if sound is not None:
        keeper.at_end(kept, sound.epoch, sound.network)


def _keeper(job: JobSpec, configuration: Configuration, data: TrialData) -> Keeper:
    """Return what keeps the trial's weights."""
    return Keeper(
        rule=KeepRule.parse(job.keep_weights),
        folder=job.campaign_directory,
        about=about_network(get_space(job.space), configuration, data.problem),
        metric=f"valid_{data.task.metric}",
    )


def _resume(trial: TrialSpec, bench: Workbench, progress: Progress) -> Checkpoint | None:
    """Return the trial's checkpoint, if it has one, and bring ``progress`` to it."""
    checkpoint = read_checkpoint(_path(trial, bench), _identity(trial, bench))
    if checkpoint is not None:
        progress.epochs, progress.started = checkpoint.epoch, checkpoint.started
        progress.makers, progress.kept = checkpoint.makers, checkpoint.kept
    return checkpoint


def _path(trial: TrialSpec, bench: Workbench) -> Path:
    return checkpoint_path(bench.job.campaign_directory, trial.taskid, trial.model_idx)


def _identity(trial: TrialSpec, bench: Workbench) -> Identity:
    return identity_of(
        get_space(bench.job.space),
        trial.configuration,
        seed=trial.seed,
        recipe=get_recipe(bench.job.recipe),
        dataset=bench.dataset.record,
    )


def _epoch_record(trial: TrialSpec, epoch: int, metrics: Metrics) -> dict[str, Any]:
    """Return the journal's record of an epoch."""
    return {
        "kind": "epoch",
        "taskid": trial.taskid,
        "model_idx": trial.model_idx,
        "epoch": epoch,
        "metrics": metrics,
    }


def outcome_of_error(error: Exception) -> tuple[Status, str]:
    """Return the status of a trial that ended by ``error``, and the reason in one line."""
    if isinstance(error, DivergedError):
        return Status.DIVERGED, str(error)
    return (Status.OOM if _is_out_of_memory(error) else Status.FAILED), _one_line(error)


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out; torch says it of the CPU's in the message only."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


def _one_line(error: Exception) -> str:
    """Return an error in one line; its kind is named unless it was meant for people."""
    text = (str(error).splitlines() or [""])[0]
    return text if isinstance(error, NepsbenchError) else f"{type(error).__name__}: {text}"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()
