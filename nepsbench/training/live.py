"""Training on demand: the same numbers as a worker's, without its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter

from torch import nn

from nepsbench import provenance
from nepsbench.datasets.opening import Dataset, open_dataset
from nepsbench.errors import SpecError
from nepsbench.journal import JournalWriter
from nepsbench.spaces import Configuration, Scalar, Space, get_space
from nepsbench.spaces.networks import count_flops, count_params
from nepsbench.spaces.networks.searching import FoundArchitecture
from nepsbench.training.arithmetic import exact_arithmetic
from nepsbench.training.checkpoint import identity_of, save_checkpoint
from nepsbench.training.divergence import DivergedError
from nepsbench.training.fit import fitting_recipe
from nepsbench.training.live_folder import LiveFolder, Memory
from nepsbench.training.loop import (
    Metrics,
    TrainingState,
    initial_state,
    train_epochs,
)
from nepsbench.training.recipe import Recipe
from nepsbench.training.trial_data import TrialData, prepare_trial_data

#: Is told the epochs that are done, with the part of the one in work.
Report = Callable[[float], None]


@dataclass(frozen=True)
class LiveTerms:
    """What live trials of a benchmark share."""

    space: Space
    dataset: Dataset
    recipe: Recipe


def open_terms(*, space: str, dataset: str, datasets_root: Path, recipe: str) -> LiveTerms:
    """Return the terms of trials in a space, on a dataset, by a recipe.

    Raises:
        DatasetError: If the dataset is not prepared below ``datasets_root``.
        SpecError: If there is no such recipe, or it does not fit.
    """
    searched = get_space(space)
    terms = fitting_recipe(recipe, searched, dataset)
    return LiveTerms(searched, open_dataset(dataset, datasets_root), terms)


class LiveTrial:
    """One configuration in training, to an epoch now and further later.

    What was trained is never trained again: it is kept in memory, or in a folder, where another
    process finds it. Training to 3 and later to 9 gives the bits of training to 9 at once.

    Args:
        terms: What it is trained on, and how.
        configuration: A configuration of the space.
        seed: Of initialisation, order of data and augmentation.
        folder: Keeps trials, a folder each; None keeps this one in memory.

    Attributes:
        configuration: As the space validates it.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
        CorruptedFileError: If what the folder has of the trial is damaged.
    """

    def __init__(
        self,
        terms: LiveTerms,
        configuration: Mapping[str, Scalar],
        *,
        seed: int,
        folder: Path | None = None,
    ) -> None:
        self.terms, self.seed = terms, seed
        self.configuration: Configuration = terms.space.validate(configuration)
        self._identity = identity_of(
            terms.space,
            self.configuration,
            seed=seed,
            recipe=terms.recipe,
            dataset=terms.dataset.record,
        )
        self._folder = LiveFolder.below(folder, self._identity) if folder else None
        self._memory = self._folder.memory() if self._folder else Memory()
        self._state: TrainingState | None = None
        self._data: TrialData | None = None
        self._settings = terms.recipe.settings(self.configuration, terms.dataset.record.name)
        self._started = _now()
        self._makers: tuple[provenance.Maker, ...] = (provenance.this_maker(),)

    @property
    def epoch(self) -> int:
        """The last epoch that is done."""
        return max(self._memory.rows, default=0)

    @property
    def curve(self) -> dict[int, Metrics]:
        """The metrics of every epoch that is done, with ``params`` and ``flops``."""
        rows = self._memory.rows
        return {epoch: {**self._memory.size, **rows[epoch]} for epoch in sorted(rows)}

    @property
    def network(self) -> nn.Module:
        """The network after the last epoch that is done.

        Raises:
            DivergedError: If the trial diverged: there is none after its last epoch.
        """
        self._locked(self.epoch, None)
        assert self._state is not None
        return self._state.network

    def found(self) -> FoundArchitecture:
        """Return what the search has found up to the last epoch that is done.

        Raises:
            SpecError: If the trial is no search.
            DivergedError: If it diverged.
        """
        self._locked(self.epoch, None)
        assert self._state is not None
        assert self._data is not None
        if self._state.architect is None:
            raise SpecError(
                f"a trial of space {self.terms.space.name} is no search: it finds no architecture; "
                "choose a space whose name begins with oneshot_"
            )
        with exact_arithmetic(self.terms.recipe):
            return self._state.architect.found(self._data, seed=self.seed, epoch=self.epoch)

    def train(self, until: int, *, report: Report | None = None) -> dict[int, Metrics]:
        """Train up to epoch ``until``, unless it was before; return the metrics up to there.

        Args:
            until: The last epoch.
            report: Called before every batch.

        Raises:
            DivergedError: If a training loss or a weight is not finite, now or when it was trained
                before; the epochs up to there are in :attr:`curve`.
            SpecError: If ``until`` is beyond the recipe's horizon.
            StorageError: If another process trains the trial in this folder, or the disk is full.
        """
        self.terms.recipe.check_epochs(until)
        if until > self.epoch:
            self._locked(until, report)
        return {epoch: row for epoch, row in self.curve.items() if epoch <= until}

    def _locked(self, until: int, report: Report | None) -> None:
        """Bring state and rows to ``until``, while no other process works at the trial."""
        with self._folder.writer() if self._folder else nullcontext() as journal:
            if self._folder:
                self._memory = self._folder.memory()  # what others did before the lock
            if self._memory.divergence:
                raise DivergedError(self._memory.divergence)
            with exact_arithmetic(self.terms.recipe):
                self._advance(max(until, self.epoch), report, journal)

    def _advance(self, until: int, report: Report | None, journal: JournalWriter | None) -> None:
        """Train from the last state; one that an error or Ctrl-C left in mid-epoch is dropped."""
        state, data = self._at_work(journal)
        self._state = None
        epochs = train_epochs(
            state,
            data,
            settings=self._settings,
            seed=self.seed,
            until=until,
            stopped=_Pace(state, data, report),
        )
        try:
            for metrics in epochs:
                self._keep(state, metrics, journal)
        except DivergedError as error:
            self._memory.divergence = str(error)
            if journal:
                journal.append({"kind": "diverged", "reason": str(error)})
            raise
        self._state = state

    def _at_work(self, journal: JournalWriter | None) -> tuple[TrainingState, TrialData]:
        """Return the state after the last epoch, and the data, made now if they are not there."""
        if self._data is None:
            self._data = prepare_trial_data(self.terms.dataset, self._settings)
        if self._state is None or self._state.epoch != self.epoch:
            self._state = self._new_state(self._data, journal)
        # Between two trainings no time of the trial has passed.
        self._state.counted = perf_counter()
        return self._state, self._data

    def _new_state(self, data: TrialData, journal: JournalWriter | None) -> TrainingState:
        start = perf_counter()
        state = initial_state(
            self.terms.space.name,
            self.configuration,
            data.problem,
            settings=self._settings,
            seed=self.seed,
        )
        if not self._memory.size:
            params = count_params(state.network)
            flops = count_flops(state.network, data.problem.shape)
            self._memory.size = {"params": params, "flops": flops}
            if self._folder and journal:
                journal.append(self._folder.about(self.configuration, self._memory.size))
        saved = self._folder.checkpoint(self._memory) if self._folder else None
        if saved is not None:
            saved.restore(state)
            self._started = saved.started
            self._makers = tuple(dict.fromkeys((*saved.makers, *self._makers)))
        state.runtime += perf_counter() - start
        return state

    def _keep(self, state: TrainingState, metrics: Metrics, journal: JournalWriter | None) -> None:
        """Remember an epoch; in the worker's order, so that a kill loses none."""
        if self._folder and journal:
            journal.append({"kind": "epoch", "epoch": state.epoch, "metrics": metrics})
            save_checkpoint(
                self._folder.checkpoint_file,
                state,
                self._identity,
                started=self._started,
                makers=self._makers,
            )
        self._memory.rows[state.epoch] = metrics


class _Pace:
    """Reports how far the training is, whenever the loop asks whether to stop; it never is to."""

    def __init__(self, state: TrainingState, data: TrialData, report: Report | None) -> None:
        self._state, self._report = state, report
        size = data.settings.batch_size
        self._batches = data.steps + sum(-(-len(s) // size) for s in (data.valid, data.test))
        self._epoch, self._asked = state.epoch, 0

    def __call__(self) -> bool:
        if self._report is not None:
            if self._epoch != self._state.epoch:
                self._epoch, self._asked = self._state.epoch, 0
            self._report(self._epoch + min(self._asked / self._batches, 1.0))
            self._asked += 1
        return False


def train_live(
    configuration: Mapping[str, Scalar],
    *,
    space: str,
    dataset: str,
    datasets_root: Path,
    epochs: int,
    seed: int,
    recipe: str,
) -> list[Metrics]:
    """Return the metrics of each epoch, as a worker would journal them, with ``epoch`` added.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
        DatasetError: If the dataset is not prepared below ``datasets_root``.
        DivergedError: If a training loss or a weight is not finite.
        SpecError: If ``epochs`` is beyond the recipe's horizon.
    """
    terms = open_terms(space=space, dataset=dataset, datasets_root=datasets_root, recipe=recipe)
    trial = LiveTrial(terms, configuration, seed=seed)
    return [{"epoch": epoch, **metrics} for epoch, metrics in trial.train(epochs).items()]


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()
