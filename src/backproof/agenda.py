"""Which steps of the training loop are judged: the first few, then ever rarer ones."""

from __future__ import annotations

from backproof.clock import Clock

#: Steps recorded after the two that the loop was recognised by. Programs print their cost at steps
#: like 9 or 99 (`(i + 1) % 10 == 0`), or like 20, 200 (`i % 100 == 0`).
STEPS = (
    2, 3, 9, 20, 49, 99, 200, 499, 999, 2_000, 9_999, 20_000, 99_999, 200_000, 999_999,
)  # fmt: skip
#: Times that the loop is entered again after which its first step is recorded: another training
#: may have another cost.
ENTERED_AGAIN = (1, 2, 3, 4)
#: How many of these are recorded where steps take long to judge.
FEW = 2
#: The same for a loop within another, where there is time left: several models may be trained in
#: turn by the same lines, each in many rounds.
ENTERED_LATE = (12, 40, 65, 85, 150, 250, 400, 700)
#: CPU seconds of judging after which no more steps are judged, however long the program runs.
JUDGING_BUDGET = 1.5
#: … and after which the steps that follow at once are left out, for later ones; what those have
#: beside: where a run has come to says more about its training than where it begins.
DEAR, SOON = 0.5, (2, 3)
LATE, BESIDE = 99, 0.6
#: CPU seconds after which only one of the two steps is judged that show the loop.
LARGE_STEP = 3.0
#: CPU seconds that are left for it in any case when the loop is entered again.
RESERVE = 0.6
#: Steps that say nothing and are made up for by others.
MOST_PUT_OFF = 30


class Agenda:
    """The steps that are to be judged, as far as there is time for it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._steps = set(STEPS)
        self._budget = JUDGING_BUDGET
        self._entered = -1
        self._put_off = 0

    def is_due(self, step: int) -> bool:
        """Whether a step is to be judged."""
        if step not in self._steps or (step in SOON and self.clock.judging > DEAR):
            return False
        return self.clock.judging < self._budget + (BESIDE if step >= LATE else 0.0)

    def put_off(self, step: int) -> None:
        """A step said nothing, since it added nothing to any parameter: judge the next one."""
        self._put_off += 1
        if self._put_off <= MOST_PUT_OFF:
            self._steps.add(step + 1)

    def enter(self, step: int) -> None:
        """The loop is entered, before a step."""
        self._entered += 1
        if self._entered in ENTERED_AGAIN[: FEW if self.clock.judging > LARGE_STEP else None]:
            self._steps.add(step)
            self._budget = max(self._budget, self.clock.judging + RESERVE)
        elif self._entered in ENTERED_LATE:
            self._steps.add(step)

    def entered(self, times: int) -> None:
        """The loop was entered again while it was searched."""
        self._entered += times

    def resume(self, step: int) -> None:
        """The steps before were done while the loop was searched: judge some of the next ones."""
        soon = range(step, step + 20)
        self._steps.update(soon[:2])
        self._steps.update([i for i in soon if i % 10 in (0, 9)][:2])
