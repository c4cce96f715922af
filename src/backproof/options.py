"""What the user asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of `backproof run` that concern the run itself.

    Attributes
    ----------
    steps : int or None
        End the program after so many updates.
    include : tuple of str
        Modules and packages to instrument besides the script's folder.
    cost : str or None
        Name of the program's cost; None: it is found.
    gradients : tuple of (parameter, gradient)
        Names that belong together; others are found.
    max_events : int
        A step that records more operations is not judged.
    show_plots : bool
        Let the program open windows.
    diagnose : bool
        Look for the reason of a wrong gradient; else it is only judged.
    loop : (path, (line, column)) or None
        Where the training loop begins, if an earlier run has found it; None: it is searched.
    """

    steps: int | None = None
    include: tuple[str, ...] = ()
    cost: str | None = None
    gradients: tuple[tuple[str, str], ...] = ()
    max_events: int = 400_000
    show_plots: bool = False
    diagnose: bool = True
    loop: tuple[str, tuple[int, int]] | None = None


class StopRun(BaseException):
    """Raised inside the program when the asked number of steps is done."""
