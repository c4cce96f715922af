"""Tries the costs that the gradients of one step may belong to, one kind after the other."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from backproof.bare_output import bare_output
from backproof.checks.anchor import anchored_by_entries, anchored_by_majority
from backproof.checks.but_for_penalties import contradicted, has_penalty
from backproof.checks.calm import calmed, strained
from backproof.checks.choice import (
    EXACT,
    FEW,
    accept_decay,
    accept_own_rates,
    at_kinks,
    best_fit,
    decays_only,
    error_of,
    is_full,
    is_rated,
    is_rough,
    step_sizes,
)
from backproof.checks.epsilon import without_epsilon
from backproof.checks.heads import weighted_sum, with_another
from backproof.checks.in_scale import in_scale
from backproof.checks.match import Fit, compare
from backproof.checks.moved import right_elsewhere
from backproof.checks.one_scale import common_scale
from backproof.checks.optimiser import beneath
from backproof.checks.pace import find_rate
from backproof.checks.places import looks_like_rate
from backproof.checks.scales import is_natural, is_plausible
from backproof.checks.straight import reasons
from backproof.checks.undivided import undivided
from backproof.checks.whole import the_whole
from backproof.hypotheses import CALLED, MOST_HEADS, Hypothesis
from backproof.joins import output_joins, source_of
from backproof.reads import reads_arrays
from backproof.roles import Parameter
from backproof.trace.tape import Run, Tape

#: Why gradients are not judged that are right at other values of the parameters.
ELSEWHERE = "the gradients are those at values that the step moves the parameters to first"
#: CPU seconds for trying costs on one step.
PATIENCE = 1.2
#: Costs that are tried nevertheless, the program's and known ones: those of a large step take long.
LEAST_OWN, LEAST_KNOWN = 4, 6
#: Why no gradient is judged where some costs were not tried.
CUT_SHORT = "not every cost of so large a step was tried in the time given"
#: Costs of the program's that are looked at more closely.
MOST_OWN = 3
#: Numbers that updates read, above which one of them explains a scale by chance.
MOST_RATES = 50
MOST_JOINS = 50
#: Sizes, or one over them, that a rate of few gradients may be multiplied with.
LARGEST_SIZE = 1e3


@dataclass
class Trials:
    """The costs that were tried on one step.

    Attributes
    ----------
    run : Run
        The replay that gradients are compared in.
    held : frozenset of int
        Nodes that no cost varies through.
    preferred : sequence of str
        Titles of costs that fitted earlier steps: tried first.
    exact : bool
        The program itself says which cost it is: no other is tried.
    fits : list of Fit
        One for each cost.
    best : Fit or None
        The one under which most is right.
    judged : Run
        The replay in which `best` was judged.
    """

    tape: Tape
    run: Run
    params: Sequence[Parameter]
    held: frozenset[int] = frozenset()
    preferred: Sequence[str] = ()
    exact: bool = False
    fits: list[Fit] = field(default_factory=list)
    best: Fit | None = None
    judged: Run = field(init=False)
    outputs: set[int] | None = None
    reason: str = ""
    """Why no cost is chosen, where that is known."""
    cut_short: bool = False
    """Some costs were not tried for want of time."""
    started: float = field(default_factory=time.process_time)

    def __post_init__(self) -> None:
        """Judge in the given replay, until another turns out to be needed."""
        self.judged = self.run
        self._tried = 0

    def choose(self, own: Iterable[Hypothesis], known: Iterable[Hypothesis]) -> None:
        """Find the cost of a step.

        Parameters
        ----------
        own : iterable of Hypothesis
            The program's costs.
        known : iterable of Hypothesis
            The registered costs of its outputs, for a program that computes none.
        """
        self._try_own(own)
        if not self.settled:
            fits = [f for f in self.fits if f.hypothesis.own and not self._penalised(f)]
            self._accept_decay([f for f in fits if decays_only(f) or not self.exact])
        if not self.settled:
            self._look_beneath()
        if not self.settled:
            self._try_calmed()
        if not self.settled:
            self._try_known(known)
        if not self.exact:
            self._try_combined()
        if self.judged is self.run:
            self.best = contradicted(self.best, self.fits, self.tape, self.run) or self.best
            self.best = the_whole(self.best, self.fits, self.tape)
        if self.best is not None and self.best.wrong:
            self._refine(self.best)
        if self.best is not None:
            if self.best.scale and not undivided(self.best, self.tape, self.judged):
                in_scale(self.best, self.judged)
            self._doubt(self.best)
        if self.best is None or self.best.wrong:
            accused = [f for f in self.fits if f.hypothesis.own and f.wrong][:MOST_OWN]
            if any(right_elsewhere(f, self.tape, self.run, self.params) for f in accused):
                self.best, self.reason = None, ELSEWHERE
        if self.best is None and self.cut_short:
            self.reason = self.reason or CUT_SHORT

    @property
    def settled(self) -> bool:
        """Whether a cost explains every gradient, and not by chance."""
        return self.best is not None and self._convinces(self.best)

    @property
    def has_own(self) -> bool:
        """Whether a cost of the program's was tried."""
        return bool(self._own)

    @property
    def _own(self) -> list[Fit]:
        return [fit for fit in self.fits if fit.hypothesis.own]

    # ---- kinds of costs ------------------------------------------------------------------------

    def _try_own(self, hypotheses: Iterable[Hypothesis]) -> None:
        for hypothesis in sorted(
            hypotheses, key=lambda h: (not h.own, h.title not in self.preferred)
        ):
            if self._is_late(LEAST_OWN):
                break
            scale = self.fits[-1].scale if self._add(hypothesis) else 0.0
            # Of one sample the gradients of what its cost is the logarithm of are a multiple.
            known = CALLED.fullmatch(hypothesis.title) or is_plausible(scale)
            if scale > 0 and known and not any(f.wrong and f.chosen for f in self.fits):
                break
        self.best = self._best()

    def _look_beneath(self) -> None:
        """Look for the gradients beneath an optimiser that makes something else of them."""
        own = [f for f in self.fits if f.hypothesis.own]
        for fit in sorted(own, key=lambda f: f is not self.best)[:MOST_OWN]:
            beneath(fit, self.tape, self.run, self.params)
            if self._convinces(fit):
                self.best = fit
                break

    def _try_calmed(self) -> None:
        """A cost of the program's that fits every gradient where the numbers are calm."""
        for fit in self.fits[:MOST_OWN] if self._strained else ():
            again, run = calmed(fit, self.tape, self.run, self.params)
            if again is not fit:
                # In place of its strained fit: a registered cost would fit a scalar by chance.
                self.fits.insert(0, again)
                self.best, self.judged = again, run
                return

    def _try_known(self, hypotheses: Iterable[Hypothesis]) -> None:
        begun = self._tried
        for hypothesis in sorted(hypotheses, key=lambda h: h.title not in self.preferred):
            if self._is_late(begun + LEAST_KNOWN):
                break
            if self._add(hypothesis) and error_of(self.fits[-1]) <= EXACT:
                break
        self.best = self._best()
        # Where all outputs are nearly the same, the gradients of many costs are nearly multiples.
        if self.best is not None and self.best.chosen and error_of(self.best) > EXACT:
            exact = (f for f in self.fits if self._convinces(f) and error_of(f) <= EXACT)
            self.best = next(exact, self.best)

    def _try_combined(self) -> None:
        """What is no single cost: with weight decay, of two heads, of any kind, of some entries."""
        if not self.settled and not self.has_own:
            self._accept_decay(self.fits)
        elif not self.settled and all(f.hypothesis.after and not f.chosen for f in self._own):
            # The program's cost is of another forward pass, without a dropout.
            self._accept_decay([f for f in self.fits if f.hypothesis.registered])
        if not self.settled:
            total = weighted_sum(self.fits, self.tape, self.run, self.params)
            if total is not None and (
                self.best is None or len(total.chosen) > len(self.best.chosen)
            ):
                self.fits.append(total)
                self.best = total
            self._add_heads()
        accuses = self.best is not None and self.best.wrong and is_plausible(self.best.scale)
        if not self.settled and not accuses and not self.has_own:
            output = bare_output(self.tape, self.params)
            if output is not None:
                # Where labels are known, a known cost fits; where not, any measure is as good.
                labelled = any(f.hypothesis.registered for f in self.fits)
                told = self._add(output) and not labelled
                self.best = self.fits[-1] if told else self._best()
        if self.best is None or not self.best.chosen:
            self.best = anchored_by_entries(self.fits, self.run) or self.best
        if self.best is None or not (self.best.chosen or self.best.anchored):
            telling = [
                f for f in self.fits
                if (f.hypothesis.registered and self._outputs(f) == 1)
                or (f.hypothesis.own and CALLED.fullmatch(f.hypothesis.title))
            ]  # fmt: skip
            self.best = anchored_by_majority(telling, self.run) or self.best

    def _add_heads(self) -> None:
        """Add costs one by one, each with its weight, to one that explains some gradients.

        The sum of all with equal weights may explain as many as one alone; it is no start.
        """
        if self.best is None or not self.best.chosen:
            return
        own = [f for f in self.fits if f.hypothesis.own and f.chosen and f is not self.best]
        for start in (self.best, *own[:MOST_OWN]):
            found = start
            for _ in range(MOST_HEADS):
                more = with_another(found, self.fits, self.tape, self.run, self.params)
                if more is None:
                    break
                found = more
            if found is not start and len(found.chosen) > len(self.best.chosen):
                self.best = found
            if is_full(self.best):
                break

    # ---- the choice ----------------------------------------------------------------------------

    def _refine(self, best: Fit) -> None:
        """Take back what is accused by a kink, by strained numbers, or by a rate of its own."""
        best = at_kinks(best, self.tape, self.run, self.params)
        if best.wrong and self._strained:
            best, self.judged = calmed(best, self.tape, self.run, self.params)
        if best.wrong and best.chosen:
            accept_own_rates(best, self.tape, self.params)
        self.best = best

    def _doubt(self, best: Fit) -> None:
        """Give up a cost that may fit by chance, or is not all that is trained."""
        if not (best.chosen or best.anchored or best.hypothesis.exact):
            self.best = None
            return
        if best.anchored and self.preferred and best.hypothesis.title not in self.preferred:
            self.best = None  # guessed, where other steps have shown which cost is meant
            return
        right = sum(best.matches[i].size for i in best.chosen)
        if best.wrong and best.hypothesis.registered and best.chosen and right == 1:
            self.best = None  # a single number is a multiple of any other
            return
        for index, reason in reasons(best, self.tape, self.params).items():
            best.matches[index].reason = reason
        if best.hypothesis.any_cost:
            by_chance = right <= (FEW if best.wrong else 1)
        else:
            by_chance = not self._is_natural(best)
        if by_chance:
            self.best = None

    def _convinces(self, fit: Fit) -> bool:
        """Whether a cost explains every gradient, and not by chance."""
        if fit.hypothesis.bare:
            return False
        if not is_full(fit) or is_rough(fit):
            return False
        return fit.hypothesis.any_cost or self._is_natural(fit)

    def _is_natural(self, fit: Fit) -> bool:
        """Whether a scale is one that a program has, or that times a number that its updates read.

        All gradients of one sample's only output are a multiple of any of its costs', by a factor
        that no program has.
        """
        near_one = fit.hypothesis.own and abs(fit.scale - 1) < 1e-5
        if near_one or is_plausible(fit.scale):
            return True
        if fit.wrong:
            return False
        if sum(match.size for match in fit.matches) <= FEW:
            return self._is_rate(fit)
        # (Two shares that add up to one are one output.)
        if self._outputs(fit) > (2 if fit.hypothesis.registered else 1):
            return True
        rates = step_sizes(fit, self.tape, self.params)
        return len(rates) <= MOST_RATES and any(is_plausible(fit.scale / rate) for rate in rates)

    def _is_rate(self, fit: Fit) -> bool:
        """Whether a scale is the step size times a size: one that decays has digits without end."""
        if not fit.hypothesis.own:
            return False
        rate = find_rate(self.tape, self.params)
        if rate is not None and looks_like_rate(rate.text):
            rates = {rate.value}
        else:
            several = sum(match.size for match in fit.matches) > 1
            rates = step_sizes(fit, self.tape, self.params, computed=True) if several else set()
        ratios = [abs(fit.scale / value) for value in rates if len(rates) <= FEW]
        return any(1 / LARGEST_SIZE < r < LARGEST_SIZE and is_natural(r) for r in ratios)

    def _outputs(self, fit: Fit) -> int:
        """Return the number of outputs that meet labels on the way to a cost."""
        if self.outputs is None:
            joins = output_joins(self.tape, self.params, limit=MOST_JOINS)
            moving = self.tape.reach([n for p in self.params for n in p.old])
            self.outputs = {source_of(self.tape, join.output, moving) for join in joins}
        new = {n for p in self.params for n in p.new}
        stop = new if fit.hypothesis.after else None
        within = self.outputs & self.tape.ancestors([fit.hypothesis.node], stop=stop)
        return sum(int(np.size(self.tape.nodes[n].obj)) for n in within)

    # ---- helpers -------------------------------------------------------------------------------

    def _add(self, hypothesis: Hypothesis) -> bool:
        """Try a cost; returns whether it explains every gradient."""
        self._tried += 1
        hypothesis.held |= self.held
        fit = compare(self.tape, self.run, hypothesis, self.params)
        if fit is None or all(m.vacuous or m.reason for m in fit.matches):
            return False
        if not hypothesis.registered:
            fit = without_epsilon(fit, self.tape, self.run, self.params) or fit
            beside = any(m.penalties for m in fit.matches)
            olds = {n for p in self.params for n in (*p.old, *p.new)}
            # Where all data are single numbers, one that multiplies a weight may be either.
            told = beside and hypothesis.own and reads_arrays(self.tape, hypothesis.node, olds)
            if told and self._penalised(fit):
                fit.penalised = True
                common_scale(fit)
        self.fits.append(fit)
        return self._convinces(fit)

    def _accept_decay(self, fits: Iterable[Fit]) -> None:
        for fit in fits:
            accept_decay(fit, self.run)
        self.best = self._best()

    def _penalised(self, fit: Fit) -> bool:
        return has_penalty(self.tape, self.run, fit)

    def _best(self) -> Fit | None:
        return best_fit(
            self.fits, self.preferred, self._last, lambda f: is_rated(f, self.tape, self.params)
        )

    @cached_property
    def _strained(self) -> bool:
        return strained(self.tape, self.run)

    @cached_property
    def _last(self) -> int | None:
        """The parameter that the forward pass uses last."""
        users = self.tape.users
        first = {i: min((min(users[n]) for n in p.old if users[n]), default=-1)
                 for i, p in enumerate(self.params)}  # fmt: skip
        return max(first, key=lambda i: first[i], default=None)

    def _is_late(self, least: int) -> bool:
        """Whether the time is over, with so many costs tried at least: a large step takes long."""
        if self._tried < least or time.process_time() - self.started <= PATIENCE:
            return False
        self.cut_short = True
        return True
