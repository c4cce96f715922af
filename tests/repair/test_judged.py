"""What is told of an edited program: by its parameters, by its trial."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from backproof import session
from backproof.options import RunOptions
from backproof.repair.accept import _frozen, judge
from backproof.repair.candidate import Candidate
from backproof.repair.expect import Expected, Wanted, verdict
from backproof.repair.judged import JudgedStep
from backproof.repair.probe import sieve
from backproof.repair.rehearsal import number_of, place_of
from backproof.repair.workshop import Program, Workshop
from backproof.source import Edit, Span


def wanted(name: str, truth: float | None, *, idle: bool = False) -> Wanted:
    old, author = np.zeros(3), np.full(3, 1e-18 if idle else 1.0)
    options = () if truth is None else (np.full(3, truth),)
    return Wanted(name, (name,), (3,), old, old, author, options, (), 1e-9, idle=idle)


def test_what_moves_by_rounding_alone_tells_nothing() -> None:
    """A bias before a normalisation has no gradient but rounding, which every edit changes."""
    one = Expected(0, "", (1, 1), (wanted("W", 2.0), wanted("b", None, idle=True)), True)
    assert verdict(one, [np.full(3, 2.0), np.full(3, -3e-18)]) == "right"
    assert verdict(one, [np.full(3, 1.0), np.full(3, -3e-18)]) == "unchanged"
    assert verdict(one, [np.full(3, 5.0), np.full(3, 1e-18)]) == "wrong"
    other = Expected(0, "", (1, 1), (wanted("W", 2.0), wanted("b", None)), True)
    assert verdict(other, [np.full(3, 2.0), np.zeros(3)]) == "wrong"


def test_right_gradients_tell_how_exact_they_can_be() -> None:
    """An epsilon in the logarithm of the cost moves the truth, not what the program computes."""
    exact = Expected(0, "", (1, 1), (wanted("W", 2.0),), True)
    loose = Expected(0, "", (1, 1), (replace(wanted("W", 2.0), slack=1e-5),), True)
    near = [np.full(3, 2.0 + 4e-6)]
    assert verdict(exact, near) == "wrong"
    assert verdict(loose, near) == "right"
    assert verdict(loose, [np.full(3, 2.1)]) == "wrong"


def step(verdicts: dict[str, tuple[str, str]], moved: dict[str, float]) -> JudgedStep:
    deltas = {name: (size, size) for name, size in moved.items()}
    return JudgedStep(0, verdicts, "loss", True, 1.0, 1.0, False, deltas=deltas)


def test_a_parameter_without_a_gradient_may_stop_to_move_by_rounding() -> None:
    verdicts = {"W": ("wrong", ""), "b": ("verified", "zero")}
    old = step(verdicts, {"W": 1.0, "b": 1e-17})
    new = step(verdicts, {"W": 1.0, "b": 0.0})
    assert not _frozen(new, old)
    assert _frozen(new, step(verdicts, {"W": 1.0, "b": 0.1}))
    assert _frozen(step(verdicts, {"W": 0.0, "b": 0.0}), old)


def test_edits_of_the_same_value_are_kept_aside() -> None:
    place = Span(1, 1, 1, 2)
    a, b = (
        Candidate("", (Edit(place, text),), price, "", place, text)
        for text, price in (("y + a", 1.0), ("a - y", 1.2))
    )
    twins: dict[tuple[Edit, ...], list[Candidate]] = {}
    places = {0: (0, 0), 1: (0, 1)}
    kept = sieve([a, b], [1], [["new", "new"]], [[(1.0,), (1.0,)]], places, twins)
    assert [c.value for c in kept] == ["y + a"]
    assert twins == {a.edits: [b]}


def test_a_loop_is_found_again_in_an_edited_text() -> None:
    text = "for i in range(3):\n    pass\nwhile True:\n    break\n"
    number = number_of(text, (3, 1))
    assert number is not None
    assert place_of("x = 1\n" + text, number) == (4, 1)
    assert place_of("y = [i for i in z]\n", 0) is None


def test_a_known_loop_is_not_searched(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import numpy as np\n"
        "x = np.arange(1.0, 5.0)\nw = np.array([0.3])\n"
        "for epoch in range(3):\n"
        "    for i in range(4):\n"
        "        loss = ((w * x[i] - 2 * x[i]) ** 2).sum()\n"
        "        g = 2 * (w * x[i] - 2 * x[i]) * x[i]\n"
        "        w -= 0.01 * g\n"
    )
    report = session.run(str(script), [], RunOptions(), restore=True)
    assert report.gradient.status == "verified"
    assert report.loop is not None
    assert report.loop[1] == (5, 5)
    again = session.run(str(script), [], RunOptions(loop=report.loop), restore=True)
    assert again.gradient == report.gradient
    assert again.loop == report.loop


TABLE = """\
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=30)
y = 2 * x + 1 + 0.1 * rng.normal(size=30)
p = {"a": np.array(0.2), "b": np.array(0.1)}
for _ in range(5):
    e = p["a"] * x + p["b"] - y
    loss = np.mean(e**2)
    grad = {"a": 2 * np.mean(e * x), "b": 2 * np.mean(e) * 3}
    for name in p:
        p[name] = p[name] - 0.1 * grad[name]
    print(loss)
"""


def test_what_takes_a_parameter_out_of_sight_is_no_fix(tmp_path: Path) -> None:
    """A constant for its gradient leaves the others right, and it is no parameter any more."""
    (tmp_path / "train.py").write_text(TABLE)

    def written(new: str) -> tuple[tuple[str, Edit], ...]:
        line = TABLE.splitlines()[9]
        start = line.index("2 * np.mean(e) * 3") + 1
        return ((str(tmp_path / "train.py"), Edit(Span(10, start, 10, len(line)), new)),)

    with Workshop(Program("train.py", cwd=str(tmp_path)), RunOptions(), workers=1) as workshop:
        before = workshop.try_one(judged=2)
        unseen = workshop.try_one(edits=written("3"), judged=2)
        right = workshop.try_one(edits=written("2 * np.mean(e)"), judged=2)
    assert before.loop is not None
    assert not before.verified
    assert unseen.verified
    assert not judge(unseen, before).complete
    assert judge(right, before).complete


def test_a_step_of_an_optimiser_is_known_where_no_gradient_is_right() -> None:
    """Nor is a step with a decay whose strength is not known a multiple of the gradients."""
    old, truth = np.arange(1.0, 5.0), np.array([1.0, -2.0, 0.5, 3.0])
    one = Wanted("W", ("W",), (4,), old, old, old - 1.0, (), (truth,), 1e-9)
    plain = Expected(0, "", (1, 1), (one,), False)
    assert verdict(plain, [0.9 * old - 0.1 * truth]) == "right"
    assert verdict(plain, [0.9 * old - 0.1 * np.sign(truth)]) == "wrong"
    adam = replace(one, reached=(old - 0.1 * np.sign(truth),))
    assert verdict(replace(plain, wanted=(adam,)), [old - 0.1 * np.sign(truth)]) == "right"
