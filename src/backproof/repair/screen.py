"""Leaves out the candidates that cannot be right before any is judged.

First by value: the new expressions are evaluated where they would stand (`probe`). Then by what
they lead to: the edited program runs plain through the first wrong step (`rehearsal`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from backproof.repair.asking import Asked
from backproof.repair.candidate import Candidate, Code, targets_of, value_of
from backproof.repair.expect import Expected, is_usable
from backproof.repair.meant import Meant
from backproof.repair.names import atoms, parts
from backproof.repair.offers import sizes
from backproof.repair.patch import CannotPatch
from backproof.repair.probe import NAME, Probe, Question, sieve
from backproof.repair.rehearsal import Rehearsed, number_of
from backproof.repair.trial import Trial
from backproof.repair.workshop import Edits, Files, Workshop
from backproof.report.place import document
from backproof.source import Edit, SourceFile, Span

#: What a statement should have come to, and what its executions should add up to (see `Question`).
Wishes = tuple[tuple[tuple[int, Any, Any], ...], tuple[tuple[int, Any, Any], ...]]
#: Candidates that are rehearsed before those that pass are tried: few at first.
ROUND, LARGEST_ROUND = 8, 48
#: Candidates tried at a time where nothing can be rehearsed.
UNSCREENED = 12
#: Seconds that a rehearsal may take, and how many times as long as that of the program itself.
PATIENCE, SLOWER = 0.7, 4.0
#: Candidates that are tried whole: those partly right, those of no clear effect.
MOST_PARTLY, MOST_DOUBTFUL = 4, 12
#: Candidates of the same value that are tried beside one that leads to the right parameters.
MOST_TWINS = 4
#: Judged steps of a probed run without a training loop: weights that start as 0 are moved by then.
PROBED = 2


class Screen:
    """The screen for one program.

    Parameters
    ----------
    sketch : Trial
        A run of the program that knows its training loop, and what should come out (`expect`).
    left : callable () -> float
        Seconds that are left.
    shapes : dict of gradient to parameter
        What has the shape that a gradient should have.
    """

    def __init__(
        self, workshop: Workshop, base: Files, sketch: Trial, left: Callable[[], float],
        shapes: dict[str, str], *, several: bool = False,
    ) -> None:  # fmt: skip
        self.workshop = workshop
        self.several = several
        """There are several faults: what repairs one of them is worth a trial at once."""
        self.base = base
        self.left = left
        self.shapes = shapes
        self.loop: tuple[str, int] | None = None
        self.expected: Expected | Asked | None = None
        self.patience = 30.0
        place = workshop.original_of
        values, sums = sketch.meant.values, sketch.meant.sums
        self.meant = Meant(
            {(place(path), span): known for (path, span), known in values.items()},
            {(place(path), span): known for (path, span), known in sums.items()},
            [(place(path), line) for path, line in sketch.meant.faults],
        )
        self._codes: dict[str, Code] = {}
        self._twins: dict[tuple[Edit, ...], list[Candidate]] = {}
        """Of candidates those that had the same values where they were looked at."""
        self._doubtful: list[Candidate] = []
        self._partly: list[Candidate] = []
        self.strayed = 0
        """Candidates that were tried although a rehearsal could not tell."""
        wrong = [step.step for step in sketch.steps if step.wrong]
        self.late = min(wrong, default=0) >= PROBED
        """The values in the steps that are probed are those of a program without the fault."""
        self._prepare(sketch)

    def _prepare(self, sketch: Trial) -> None:
        """See whether the program's own rehearsal says what it should."""
        if sketch.loop is None:
            if sketch.asked is not None:
                self.expected = sketch.asked
                self._hold(self._rehearse([(None, ())]))
            return
        path, place = sketch.loop
        path = self.workshop.original_of(path)
        name, cell = document(path)
        try:
            data = self.base.get(name) or self.workshop.read(name)
            number = number_of(source_of(path, data, cell).text, place)
        except (OSError, ValueError, SyntaxError):
            return
        if number is None:
            return
        self.loop = (path, number)
        wanted = sketch.expected
        if wanted is None or not is_usable(wanted):
            return
        wanted = replace(wanted, path=path)
        self.expected = wanted
        outcome = self._hold(self._rehearse([(None, ())]))
        if outcome.verdict == "unchanged" and len(outcome.paths) == len(wanted.wanted):
            rows = zip(wanted.wanted, outcome.paths, strict=True)
            found = tuple(replace(w, paths=paths) for w, paths in rows)
            self.expected = replace(wanted, wanted=found)

    def _hold(self, said: list[tuple[int, Rehearsed]]) -> Rehearsed:
        """Trust rehearsals only if that of the program as it is says what it should."""
        outcome = said[0][1] if said else Rehearsed("failed")
        if outcome.verdict != "unchanged":
            self.expected = None
        self.patience = PATIENCE + SLOWER * outcome.seconds
        return outcome

    def _rehearse(self, edits: Sequence[tuple[object, Edits]]) -> list[tuple[int, Rehearsed]]:
        waiting = ((i, e) for i, (_, e) in enumerate(edits) if self.left() > 0)
        results = self.workshop.rehearse_all(
            waiting, self.base, timeout=min(self.patience, max(0.1, self.left())),
            expected=self.expected, loop=-1 if self.loop is None else self.loop[1],
        )  # fmt: skip
        with closing(results):  # type: ignore[type-var]
            return sorted(results, key=lambda entry: entry[0])

    def passing(
        self, stage: list[Candidate], *, sift: bool = True
    ) -> Iterator[list[Candidate]]:  # fmt: skip
        """Yield the candidates that are worth a trial, a few at a time, the likeliest first."""
        yield from self._rehearsed(self.sifted(stage) if sift else stage)

    def _rehearsed(self, queue: list[Candidate]) -> Iterator[list[Candidate]]:
        """Yield those that lead to the right parameters, the likeliest first."""
        if self.expected is None:
            for start in range(0, len(queue), UNSCREENED):
                yield queue[start : start + UNSCREENED]
            return
        size, start = ROUND, 0
        while start < len(queue):
            part = queue[start : start + size]
            start += size
            size = min(2 * size, LARGEST_ROUND)
            edits = [(c, tuple((c.path, e) for e in c.edits)) for c in part]
            right, astray = [], []
            for index, said in self._rehearse(edits):
                if said.verdict == "right":
                    right.append(part[index])
                elif said.verdict == "astray":
                    astray.append(part[index])
                elif said.verdict == "partly":
                    self._partly.append(part[index])
                elif said.verdict == "unchanged" or (said.verdict == "failed" and not said.failure):
                    self._doubtful.append(part[index])
            if right:
                yield [
                    *right,
                    *(t for c in right for t in self._twins.get(c.edits, ())[:MOST_TWINS]),
                ]
            elif astray and len(astray) > self.strayed:
                # They change an earlier step, too: what they make of this one is not known.
                tried, self.strayed = astray[self.strayed : MOST_PARTLY], MOST_PARTLY
                yield tried
            elif self.several and self._partly:
                yield self._partly[:MOST_PARTLY]
                self._partly = []
            if self.left() <= 0:
                return

    def meeting(self, candidates: list[Candidate]) -> Iterator[list[Candidate]]:
        """Yield those whose value is what the true gradients ask for (see `meant`)."""
        keys = {(c.path, c.statement) for c in candidates}
        wishes = {key: known for key in keys if any(known := self._meant(*key))}
        asked = [c for c in candidates if c.value and (c.path, c.statement) in wishes]
        if not asked:
            return
        questions, places = self._questions(asked, wishes)
        gathered = self._gathered(questions)
        if gathered is not None:
            status, made = gathered[1], gathered[3]
            found = [
                c for c, (number, index) in zip(asked, places.values(), strict=True)
                if status[number][index] == "meets"
            ]  # fmt: skip
            yield from self._rehearsed(found)
            asked_about = list(questions)
            yield from self._rehearsed([
                c for key, texts in zip(asked_about, made, strict=True) for text in texts
                if (c := self._put_together(*key, text)) is not None
            ])  # fmt: skip

    def _put_together(self, path: str, span: Span, text: str) -> Candidate | None:
        """Return the candidate that gives a statement another value altogether."""
        code = self._code(path)
        statement = code.statement_at(span.line, span.column)
        root = None if statement is None else value_of(statement)
        if root is None or isinstance(root, ast.IfExp | ast.Compare | ast.BoolOp | ast.Lambda):
            return None
        edit = Edit(code.span(root), text)
        return Candidate(path, (edit,), 1.0, "missing-term", span, text)

    def doubtful(self) -> Iterator[list[Candidate]]:
        """Yield what a rehearsal cannot tell: edits of one fault of several, or of the cost."""
        if self._partly:
            yield self._partly[:MOST_PARTLY]
        if self._doubtful:
            yield sorted(self._doubtful, key=lambda c: c.price)[:MOST_DOUBTFUL]

    # ---- by value ------------------------------------------------------------------------------

    def sifted(self, candidates: list[Candidate]) -> list[Candidate]:
        """Leave out what the values in the program show to be no candidate."""
        questions, places = self._questions(candidates)
        gathered = self._gathered(questions) if questions and not self.late else None
        if gathered is None or not any(gathered[0]):
            return sorted(candidates, key=lambda c: c.price)
        counts, status, prints, _ = gathered
        return sieve(candidates, counts, status, prints, places, self._twins)

    def _questions(
        self,
        candidates: list[Candidate],
        meant: Mapping[tuple[str, Span], Wishes] | None = None,
    ) -> tuple[dict[tuple[str, Span], Question], dict[int, tuple[int, int]]]:
        """Return a question for each statement, and where each candidate is asked about."""
        questions: dict[tuple[str, Span], Question] = {}
        numbers: dict[tuple[str, Span], int] = {}
        places: dict[int, tuple[int, int]] = {}
        for position, candidate in enumerate(candidates):
            if not candidate.value:
                continue
            key = (candidate.path, candidate.statement)
            if key not in questions:
                known = (meant or {}).get(key, ((), ()))
                at_hand = self._at_hand(*key) if known[0] else ((), ())
                questions[key] = Question(
                    *self._own_value(*key),
                    [],
                    *known,
                    *at_hand,
                    self._is_added(*key),
                    self._owner(*key),
                )
                numbers[key] = len(numbers)
            others = questions[key].others
            places[position] = (numbers[key], len(others))
            others.append(candidate.value)
        return questions, places

    def _gathered(self, questions: dict[tuple[str, Span], Question]) -> Any:
        """Run the program with a probe, plain where its training loop is known."""
        probe = Probe(list(questions.values()))
        edits = tuple(
            (path, Edit(_point(span), f"{NAME}({number}, globals(), locals()); "))
            for number, (path, span) in enumerate(questions)
        )
        if self.loop is not None or isinstance(self.expected, Asked):
            place: Expected | Asked | None = self.expected
            if self.loop is not None:
                place = Expected(0, self.loop[0], (0, 0), (), False)
            results = self.workshop.rehearse_all(
                [(None, edits)], self.base, timeout=min(30.0, max(0.5, self.left())),
                expected=place, loop=-1 if self.loop is None else self.loop[1], probe=probe,
            )  # fmt: skip
            with closing(results):  # type: ignore[type-var]
                for _, said in results:
                    if said.gathered is not None:
                        return said.gathered
        if self.left() <= 0:
            return None
        try:
            return self.workshop.try_one(self.base, edits, judged=PROBED, probe=probe).gathered
        except CannotPatch:
            return None

    def _code(self, path: str) -> Code:
        """Return a file of the program as it is before any candidate's edit."""
        if path not in self._codes:
            name, cell = document(path)
            data = self.base.get(name) or self.workshop.read(name)
            self._codes[path] = Code.of(source_of(path, data, cell))
        return self._codes[path]

    def _own_value(self, path: str, span: Span) -> tuple[str, str]:
        """Return the text of a statement's value, and of what has the shape it should have."""
        code = self._code(path)
        statement = code.statement_at(span.line, span.column)
        value = "" if statement is None else code.computed(statement)
        target = ""
        if statement is not None and value:
            targets = targets_of(statement)
            if len(targets) == 1:
                text = code.text(targets[0])
                target = self.shapes.get(text, "") or (
                    text if isinstance(statement, ast.AugAssign) else ""
                )
        return value or "None", target

    def _owner(self, path: str, span: Span) -> str:
        """Return the name of the class around a statement."""
        code = self._code(path)
        statement = code.statement_at(span.line, span.column)
        around = None if statement is None else code.class_of(statement)
        return "" if around is None else around.name

    def _is_added(self, path: str, span: Span) -> bool:
        """Whether a statement adds its value to what its target holds."""
        return isinstance(self._code(path).statement_at(span.line, span.column), ast.AugAssign)

    def _at_hand(self, path: str, span: Span) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the texts of values that a statement could use, and of sizes."""
        code = self._code(path)
        statement = code.statement_at(span.line, span.column)
        if statement is None:
            return (), ()
        return (*atoms(code, statement), *parts(code, statement)), tuple(
            sizes(code, code.function_of(statement))
        )

    def _meant(self, path: str, span: Span) -> Wishes:
        """Return what a statement should have come to, part by part, and what its sums should."""
        code = self._code(path)
        statement = code.statement_at(span.line, span.column)
        if statement is None:
            return (), ()
        whole = not isinstance(statement, ast.Expr)
        places = [
            (-1 if whole else number, (path, code.span(part)))
            for number, part in enumerate(code.parts(statement))
        ]
        values = [(n, *pair) for n, place in places for pair in self.meant.values.get(place, ())]
        sums = [(n, *self.meant.sums[place]) for n, place in places if place in self.meant.sums]
        return tuple(values), tuple(sums)


def source_of(path: str, data: bytes, cell: int | None) -> SourceFile:
    """Return a file, or a notebook's cell, as the debugger reads it."""
    if cell is None:
        return SourceFile.decode(path, data)
    from backproof.trace.notebook import code_cells

    notebook = document(path)[0]
    return next(c for c in code_cells(notebook, data.decode("utf-8")) if c.cell == cell)


def _point(span: Span) -> Span:
    return Span(span.line, span.column, span.line, span.column)
