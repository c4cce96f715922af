"""Which hooks a program calls, with which values, and what their sites say."""

from __future__ import annotations

import ast
import builtins
import textwrap
import threading
from typing import Any

import pytest

from backproof.source import SourceFile
from backproof.trace import children, passthrough
from backproof.trace.rewrite import instrumented, rewrite
from backproof.trace.site import SITES, Site
from tests.rewrite.helpers import counted


def rewritten(text: str) -> str:
    text = textwrap.dedent(text).strip("\n")
    return ast.unparse(instrumented(ast.parse(text), SourceFile("program.py", text)))


def sites(text: str) -> list[Site]:
    text = textwrap.dedent(text).strip("\n")
    start = len(SITES)
    rewrite(SourceFile("program.py", text))
    return SITES[start:]


def calls(text: str, *names: str) -> list[tuple[Any, ...]]:
    code = rewrite(SourceFile("program.py", textwrap.dedent(text)))
    with counted(*names) as noted:
        exec(code, {})
    return noted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + (x := 3)", [("add", 2, 3)]),
        ("x = 1 + 2 * 3", []),
        ("x = -1; y = -x; z = ~y", [("neg", -1), ("invert", 1)]),
        ("x = 'a' % 1 if 0 else f'{1}' + 'b'", [("chosen", "1b")]),
        ("x = 1; y = x << 2", []),
        ("x = 1; x < 2; 0 < x < 2; x in [1]; x is None", [("lt", 1, 2)]),
        ("x = [1]; x[0]", [("getitem", [1], 0)]),
        ("x = [1]; x[:2]; x[0:1:1]", [
            ("slice", None, 2, None), ("getitem", [1], slice(None, 2, None)),
            ("slice", 0, 1, 1), ("getitem", [1], slice(0, 1, 1)),
        ]),
        ("x = [1]; x[0] = 2", [("target", [2])]),
        ("x = [1, 2]; (x[0], *x[1:]), y = (3, 4), 5", [("target", [3, 4]), ("target", [3, 4])]),
        ("x = [1]; del x[0]", []),
        ("for x in (1, 2): pass", [
            ("loop",), ("iter", (1, 2)), ("iteration",), ("iteration",), ("loop_end",)
        ]),
        ("x = 2\nwhile x:\n    x -= 1", [
            ("loop",), ("iteration",), ("aug", 2, 1), ("iteration",), ("aug", 1, 1), ("loop_end",)
        ]),
        ("[x for x in (1,) if x]", [("iter", (1,))]),
        ("x = (1, 2); a, b = x", [("unpack", (1, 2))]),
        ("x = (1, 2); a, b = c = x", [("flow", (1, 2))]),
        ("x = [1]; y = [*x]", [("unpack", [1])]),
        ("x = 1j; x.real; x.conjugate", [("attr", 1j, "real")]),
        ("super; locals(); globals(); dir(); vars(); eval('1'); exec('1')", []),
        ("class C:\n    x = 1 if 1 else 2\n    y = [x + 1][0]", []),
        ("def f(x=[1][0] + 2): return x", []),
        ("x: [1][0] = 2", []),
        ("try: raise KeyError\nexcept KeyError: pass", [("caught",)]),
    ],
)  # fmt: skip
def test_hooks_called(text: str, expected: list[tuple[Any, ...]]) -> None:
    assert calls(text) == expected


def test_calls_and_methods() -> None:
    text = """
    class C:
        v, w = 1, [2]
        def __m(self, x): return x
        def n(self): return self.__m(3)
    c = C()
    c.n()
    c.v += 4
    c.w[0] -= 5
    (lambda x: x)(*[6])
    """
    noted = calls(text, "call", "method", "aug_attr", "aug_item", "unpack")
    assert [call[0] for call in noted] == [
        "call", "method", "method", "aug_attr", "aug_item", "call", "unpack"
    ]  # fmt: skip
    assert [call[2] for call in noted[1:5]] == ["n", "_C__m", "v", 0]


def test_functions_are_dual_three_levels_deep() -> None:
    text = """
    def f(x):
        "doc"
        global G
        y = -x
        return lambda: lambda: lambda: x * 2
    """
    assert rewritten(text).count("@bp.mul") == 8
    assert rewritten(text).count("x * 2") == 8
    simple = rewritten("def f(x):\n    'doc'\n    return 1")
    assert simple == "def f(x):\n    '''doc'''\n    @bp.on\n    return 1".replace("'''", '"""')


def test_off_mode_calls_no_hook() -> None:
    text = """
    def f(x):
        for i in range(2):
            x[0] += i * 2
        return [g(v) for v in x], (lambda: x[0] + 1)()
    def g(v): return -v
    """
    namespace: dict[str, Any] = {}
    exec(rewrite(SourceFile("program.py", textwrap.dedent(text))), namespace)
    with counted() as noted:
        builtins.__dict__[passthrough.ON] = False
        assert namespace["f"]([1, 2]) == ([-3, -2], 4)
    assert noted == []


def test_iterations_choose_their_copy() -> None:
    text = "x = 0\nfor i in range(4):\n    x = x + i\n"
    code = rewrite(SourceFile("program.py", text))
    answers = iter([True, False, True, False])
    added: list[tuple[int, int]] = []

    def add(site: int, a: int, b: int) -> int:
        added.append((a, b))
        return a + b

    passthrough.install({"@bp.iteration": lambda site: next(answers), "@bp.add": add}, on=True)
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    assert (namespace["x"], added) == (6, [(0, 0), (1, 2)])


def test_sites_say_what_they_are() -> None:
    text = """
    class Net:
        def step(self, X):
            dW, db = X.T @ X / m, np.sum(X, axis=0)
            for i, (a, b) in enumerate(pairs):
                self.W[i] -= lr * a
            return [f(k := v + 1) for v in X]
    """
    by_text = {(site.kind, site.text): site for site in sites(text)}
    product = by_text["binop", "X.T @ X"]
    assert (product.op, product.operands, product.is_value) == ("matmul", ("X.T", "X"), False)
    assert product.targets == ("dW, db",)
    quotient = by_text["binop", "X.T @ X / m"]
    assert (quotient.targets, quotient.is_value) == (("dW",), True)
    assert quotient.function == "Net.step"
    assert quotient.file.slice(quotient.statement).startswith("dW, db = ")
    sum_ = by_text["method", "np.sum(X, axis=0)"]
    assert (sum_.op, sum_.operands) == ("sum", ("np", "X", "axis=0"))
    assert (sum_.targets, sum_.is_value) == (("db",), True)
    loop = by_text["loop", "for i, (a, b) in enumerate(pairs)"]
    assert (loop.op, loop.operands) == ("for", ("enumerate(pairs)",))
    assert by_text["iter", "enumerate(pairs)"].op == "unpack"
    assert by_text["call", "enumerate(pairs)"].op == "enumerate"
    update = by_text["aug_item", "self.W[i] -= lr * a"]
    assert (update.op, update.operands) == ("sub", ("self.W[i]", "lr * a"))
    assert by_text["binop", "lr * a"].targets == ("self.W[i]",)
    assert by_text["binop", "v + 1"].targets == ("k",)
    assert by_text["attr", "X.T"].op == "T"
    assert all(SITES[site.index] is site for site in by_text.values())


def test_sites_in_f_strings_are_certain_or_the_whole() -> None:
    text = 'print(f"""é {\n  x + 1} {y[0]:>{w * 2}}""")'
    texts = {site.text for site in sites(text) if site.kind in ("binop", "getitem")}
    whole = text.removeprefix("print(").removesuffix(")")
    assert texts <= {"x + 1", "y[0]", "w * 2", whole}
    assert {s.operands for s in sites(text) if s.kind == "binop"} == {("x", "1"), ("w", "2")}


def test_sites_of_one_expression_are_one() -> None:
    text = "def f():\n    def g(x): return x * 2\n    return g(1) + 1"
    assert [site.text for site in sites(text)].count("x * 2") == 1


def test_a_failed_rewrite_leaves_no_sites() -> None:
    before = len(SITES)
    with pytest.raises(SyntaxError):
        rewrite(SourceFile("program.py", "x = 1 + y\nreturn 3\n"))
    assert len(SITES) == before


def test_other_threads_pass_through() -> None:
    seen: list[tuple[int, int]] = []

    def add(site: int, a: int, b: int) -> int:
        seen.append((a, b))
        return a + b

    namespace: dict[str, Any] = {}
    exec(rewrite(SourceFile("program.py", "def f(x):\n    return x + 1\n")), namespace)
    hooks = passthrough.main_thread_only({"@bp.add": add})
    passthrough.install(hooks, on=True)
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(namespace["f"](1)))
    thread.start()
    thread.join()
    assert (results, namespace["f"](5), seen) == ([2], 6, [(5, 1)])


def test_forked_children(capfd: pytest.CaptureFixture[str]) -> None:
    import os

    children.watch_forks()
    for fork in (os.fork, children.fork_recording):
        pid = fork()
        if pid == 0:
            os._exit(int(builtins.__dict__[passthrough.ON]))
        expected = 0 if fork is os.fork else 1
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == expected
    assert builtins.__dict__[passthrough.ON] is True


def test_uninstall() -> None:
    assert passthrough.is_installed()
    passthrough.uninstall()
    assert not passthrough.is_installed()
    assert not [name for name in vars(builtins) if name.startswith("@bp.")]
