"""Programs made up by Hypothesis end as they do in plain Python, line and column included."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rewrite.helpers import MODES, Result, run

PRELUDE = """\
class Thing:
    __slots__ = ("v", "w", "T", "_Thing__p")
    def __init__(self): self.v, self.w, self.T, self.__p = 1, [1, 2], 3, {"k": 4}
    def m(self, x=0): return self.__p["k"] + x
    __iter__ = __contains__ = None
    def __getitem__(self, k): return k
    def __enter__(self): return self.v, self.w
    def __exit__(self, *a): print("exit", a[0])
    def __repr__(self): return f"Thing({self.v!r}, {self.w!r}, {self.T!r}, {self.__p})"
def keep(x):
    # Bounded, so that no loop makes a number or a list of astronomic size.
    if type(x) is int: return x % 1000
    if type(x) in (list, tuple, str): return x[:4]
    return x if type(x) in (float, bool, dict, type(None), Thing) else 7
def f(*a, **k):
    print("f", a, k)
    return a[0] if a else 1
a, b, c = 1, 0, -2
xs, d, o = [3, 4, 5], {"k": 1, 0: 2}, Thing()
"""

NAMES = st.sampled_from(["a", "b", "c", "xs", "d", "o", "nowhere"])
LITERALS = st.sampled_from(["0", "1", "-1", "2.5", "'s'", "None", "True", "[1, 2]", "(1, 2)", "{}"])
BINARY = st.sampled_from(["+", "-", "/", "//", "%", "@", "&", "|", "^", ">>"])
COMPARE = st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "is", "in", "not in"])
#: Places of line breaks and wide characters must not matter.
BREAKS = st.sampled_from(["", "", "", "\n  ", " 'é' and "])


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def made(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.tuples(*parts).map(lambda values: template.format(*values))

    return st.one_of(
        made("({3}{0}\n {1} {2})", inner, BINARY, inner, BREAKS),
        made("({0} {1} {2})", inner, BINARY, inner),
        made("({0} * 3)", inner),
        made("({0}{1})", st.sampled_from(["-", "+", "~", "not "]), inner),
        made("({0} {1} {2})", inner, COMPARE, inner),
        made("({0} < {1} <= {2})", inner, inner, inner),
        made("f({0}, *{1}, k={2})", inner, inner, inner),
        made("f({0}{1}, **{2})", BREAKS, inner, inner),
        made("{0}[{1}]", inner, inner),
        made("{0}[{1}:{2}]", inner, inner, inner),
        made("{0}[{1}, ::{2}, ...]", inner, inner, inner),
        made("{0}.{1}", inner, st.sampled_from(["v", "T", "missing", "real"])),
        made("{0}.m({1})", inner, inner),
        made("(o{0}.m({1}))", st.sampled_from(["", "\n  "]), inner),
        made("(lambda q, r={0}: {1})({2})", inner, inner, inner),
        made("[{0} for q in {1} if {2}]", inner, inner, inner),
        made("{{q: {0} for q, r in {1}}}", inner, inner),
        made("sum({0} for q in {1} for r in {2})", inner, inner, inner),
        made("({0} if {1} else {2})", inner, inner, inner),
        made("({0} and {1} or {2})", inner, inner, inner),
        made("(w := {0})", inner),
        made("f'{{{0}}} {{{1}!r:>4}}'", NAMES, NAMES),
        made("[*{0}, {1}]", inner, inner),
        made("{{**{0}, {1}: {2}}}", inner, inner, inner),
    )


EXPRESSIONS = st.recursive(st.one_of(NAMES, LITERALS), compound, max_leaves=6)
TARGETS = st.one_of(
    st.sampled_from(["a", "b", "c", "o.v", "o.w", "xs[0]", "d['k']", "a, b", "a, *b", "[a, (b, c)]",
                     "xs[1:]", "xs[a]", "o.w[b], c"]),
    EXPRESSIONS.map(lambda e: f"xs[{e}]"),
)  # fmt: skip


def indented(body: str) -> str:
    return "\n".join("    " + line for line in body.split("\n"))


def block(statements: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(statements, min_size=1, max_size=3).map("\n".join)


SIMPLE = st.one_of(
    st.tuples(TARGETS, EXPRESSIONS).map(lambda t: f"{t[0]} = keep({t[1]})"),
    st.tuples(TARGETS, TARGETS, EXPRESSIONS).map(lambda t: f"{t[0]} = {t[1]} = {t[2]}"),
    st.tuples(
        st.sampled_from(["a", "o.v", "o.w", "xs[0]", "d['k']", "xs[b]", "o[a]"]),
        st.sampled_from(["+", "-", "//", "|", "%"]),
        EXPRESSIONS,
    ).map(lambda t: f"{t[0]} {t[1]}= keep({t[2]})"),
    EXPRESSIONS.map(lambda e: f"print({e})"),
    EXPRESSIONS.map(lambda e: f"assert {e}, 'assertion'"),
    EXPRESSIONS.map(lambda e: f"a: int = keep({e})"),
    st.sampled_from(["del xs[0]", "del d['k']", "pass", "raise KeyError(a)", "global a, b"]),
)


def nested(statements: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = block(statements).map(indented)
    bound = "    xs, o.w = keep(xs), keep(o.w)\n"
    return st.one_of(
        st.tuples(EXPRESSIONS, body, body).map(
            lambda t: f"if {t[0]}:\n{t[1]}\nelse:\n{t[2]}".replace("global a, b", "pass")
        ),
        st.tuples(
            st.sampled_from(["a", "a, b", "o.v", "xs[0]"]),
            st.sampled_from(["range(3)", "xs[:]", "[(1, 2), (3, 4)]", "d", "5"]),
            body,
            st.sampled_from(["", "\n    if a: break", "\n    if b: continue\n    c = a"]),
        ).map(lambda t: f"for {t[0]} in {t[1]}:\n{bound}{t[2]}{t[3]}\nelse:\n    print('else')"),
        body.map(lambda b: f"n = 3\nwhile n > 0:\n    n -= 1\n{bound}{b}"),
        st.tuples(body, body, body).map(
            lambda t: (
                f"try:\n{t[0]}\nexcept (TypeError, KeyError) as e:\n    print(e)\n{t[1]}\n"
                f"finally:\n{t[2]}"
            )
        ),
        body.map(lambda b: f"with Thing() as (b, xs[0]):\n{b}"),
        st.tuples(EXPRESSIONS, body, EXPRESSIONS).map(
            lambda t: (
                f"def g(a, b=xs):\n    'doc'\n    nonlocals = 1\n{t[1]}\n    return {t[2]}\n"
                f"print(g({t[0]}))".replace("global a, b", "pass")
            )
        ),
        st.tuples(body, EXPRESSIONS).map(
            lambda t: f"def h():\n    global a, b, c\n{t[0]}\n    yield {t[1]}\nprint(list(h()))"
        ),
        st.tuples(EXPRESSIONS, body, body).map(
            lambda t: (
                f"match {t[0]}:\n    case int(q) if q / a:\n{indented(t[1])}\n"
                f"    case [q, *r]:\n{indented(t[2])}"
            )
        ),
        body.map(lambda b: f"class K:\n{b}\n    def m(self, x): return x[0] + 1"),
    )


PROGRAMS = st.lists(st.recursive(SIMPLE, nested, max_leaves=6), min_size=1, max_size=5).map(
    lambda parts: PRELUDE + "\n".join(parts) + "\n"
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(program=PROGRAMS, mode=st.sampled_from(MODES))
def test_same_as_plain(program: str, mode: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(program, "program.py", "exec")
    except SyntaxError:
        return
    assert told(run(program, mode)) == told(run(program))


def told(result: Result) -> Result:
    """Leave out the carets where an augmented store fails: they mark the whole statement then.

    The operation fails there too, and one call of a hook, which has one place, does both.
    """
    if "does not support item assignment" in result.traceback:
        return replace(result, traceback=re.sub(r"\n +[~^]+(?=\n)", "", result.traceback))
    return result
