"""What `fit` tells while it works: lines or a bar for people, an `Epoch` for callbacks.

`fit` opens a `reporter` for the time of the training and hands it one `Epoch` whenever the reporter
wants one. Nothing is computed for epochs that nobody looks at: `Epoch.accuracy` is measured when it
is asked for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Verbose = bool | int | Literal["bar"]

# A training of 4,000 epochs is told in eight lines, one each 500, as the seed does.
LINES: Final = 10
# A line must come at least so often, and a bar is drawn anew at most so often, in seconds.
LINE_INTERVAL: Final = 10.0
BAR_INTERVAL: Final = 0.1


@dataclass(frozen=True, slots=True)
class Epoch:
    """The state of a training at the end of an epoch: what a callback is given.

    Attributes
    ----------
    number : int
        Epochs done, from 1.
    total : int
        The most epochs that this `fit` does; early stopping may end it sooner.
    cost : float
        As in ``loss_curve_``.
    learning_rate : float
        The step of this epoch.
    measure_accuracy : callable
        Computes the share of the training samples that is classified rightly, from 0 to 1.
    gradient_norms : tuple of float or None
        Euclidean norm of each layer's gradient, first layer first.
    validation_score : float or None
        Where a part of the samples is kept for validation.
    """

    number: int
    total: int
    cost: float
    learning_rate: float
    measure_accuracy: Callable[[], float]
    gradient_norms: tuple[float, ...] | None = None
    validation_score: float | None = None

    @property
    def accuracy(self) -> float:
        """Share of the training samples classified rightly; computed at each call."""
        return self.measure_accuracy()


#: Called at the end of each epoch; one that returns True ends the training, weights kept.
Callback = Callable[[Epoch], bool | None]


class Reporter:
    """Says nothing; the reporter of ``verbose=False``, and what the others derive from."""

    def wants(self, number: int) -> bool:
        """Whether to be called at the end of this epoch, counted from 1."""
        return False

    def chunk(self, number: int) -> int:
        """Epochs that an engine may do in one go after ``number`` of them."""
        return sys.maxsize

    def __call__(self, epoch: Epoch) -> None:
        """Show the epoch."""


class LineReporter(Reporter):
    """A line at the first epoch, at round numbers, each ten seconds, and at the last epoch.

    Parameters
    ----------
    total : int
        Epochs that are expected.
    stream : text file
        Where lines go.
    clock : callable
        Seconds that only grow; injected by tests.
    """

    def __init__(self, total: int, stream: TextIO, clock: Callable[[], float]) -> None:
        self.total = total
        self.stream = stream
        self.clock = clock
        self.period = round_period(total, LINES)
        self.started = self.last = clock()

    def wants(self, number: int) -> bool:
        """Whether a line is due, by count or by time."""
        if number in (1, self.total) or number % self.period == 0:
            return True
        return self.clock() - self.last >= LINE_INTERVAL

    def chunk(self, number: int) -> int:
        """Epochs up to the next line that is due by count."""
        return 1 if number == 0 else self.period - number % self.period

    def __call__(self, epoch: Epoch) -> None:
        """Print the line; an epoch that the training ended with early is shown as well."""
        now = self.last = self.clock()
        left = (now - self.started) / epoch.number * (epoch.total - epoch.number)
        width = len(str(epoch.total))
        print(
            f"epoch {epoch.number:{width}d}/{epoch.total}  {summary(epoch)}  {duration(left)} left",
            file=self.stream,
            flush=True,
        )


class BarReporter(Reporter):
    """A progress bar on a terminal, drawn by rich.

    Parameters
    ----------
    progress, task
        Of rich; `reporter` makes and closes them.
    clock : callable
        Seconds that only grow; injected by tests.
    """

    def __init__(
        self, progress: Progress, task: TaskID, total: int, clock: Callable[[], float]
    ) -> None:
        self.progress = progress
        self.task = task
        self.total = total
        self.clock = clock
        self.last = -BAR_INTERVAL

    def wants(self, number: int) -> bool:
        """Whether the bar should move: at the first and last epoch, and ten times a second."""
        return number in (1, self.total) or self.clock() - self.last >= BAR_INTERVAL

    def chunk(self, number: int) -> int:
        """Epochs that make a hundredth of the bar."""
        return 1 if number == 0 else max(1, self.total // 100)

    def __call__(self, epoch: Epoch) -> None:
        """Move the bar."""
        self.last = self.clock()
        self.progress.update(self.task, completed=epoch.number, summary=summary(epoch))


@contextmanager
def reporter(
    verbose: Verbose,
    total: int,
    *,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Reporter]:
    """Open what ``verbose`` asks for, for the time of one training of at most ``total`` epochs.

    Parameters
    ----------
    verbose : bool, int or "bar"
        False or 0 for silence, True or 1 for a line every so often, 2 or "bar" for a progress bar.
        A bar needs a terminal: elsewhere it becomes lines.
    total : int
        The most epochs that there can be.
    stream : text file, optional
        By default standard output, as it is at this moment.
    clock : callable
        Seconds that only grow.
    """
    out = sys.stdout if stream is None else stream
    if not verbose:
        yield Reporter()
        return
    if verbose != "bar" and int(verbose) < 2:
        yield LineReporter(total, out, clock)
        return

    from rich.console import Console

    console = Console(file=out)
    if not console.is_terminal or console.is_dumb_terminal:
        yield LineReporter(total, out, clock)
        return

    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    with Progress(
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(bar_width=None, table_column=Column(ratio=1)),
        TextColumn("{task.fields[summary]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        expand=True,
    ) as progress:
        task = progress.add_task("", total=total, summary="")
        yield BarReporter(progress, task, total, clock)


def summary(epoch: Epoch) -> str:
    """Return cost, accuracy and validation score of an epoch, ``cost 0.5513  accuracy 71.2 %``."""
    parts = [f"cost {epoch.cost:.4g}", f"accuracy {100 * epoch.accuracy:.1f} %"]
    if epoch.validation_score is not None:
        parts.append(f"validation {100 * epoch.validation_score:.1f} %")
    return "  ".join(parts)


def round_period(total: int, pieces: int) -> int:
    """Return the least of 1, 2, 5, 10, 20, 50, … that cuts ``total`` into at most ``pieces``."""
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power * pieces >= total:
                return step * power
        power *= 10


def duration(seconds: float) -> str:
    """Return ``0:00:07``; hours are not wrapped into days."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
