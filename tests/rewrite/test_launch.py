"""Programs run by `launch` look, to themselves and to the caller, as if Python ran them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import backproof.trace.launch as launching
from backproof.trace import passthrough
from backproof.trace.launch import CannotLaunch, Outcome, Target, launch

SOURCE = str(Path(launching.__file__).parents[2])
RUNNER = """
import sys
from backproof.trace import passthrough
from backproof.trace.launch import Target, launch
mode, module, name, *argv = sys.argv[1:]
outcome = launch(
    Target(name, module=module == "m"), argv, restore=False,
    on_ready=lambda: passthrough.install(on=mode == "on"),
)
assert outcome.warnings == (), outcome.warnings
sys.exit(outcome.exit_status)
"""

PROGRAMS = {
    "what it sees": """
        import sys, os, helper, inspect
        from pack.inner import deep
        print(sys.argv, sys.path[0], __file__, __name__, __spec__, __package__, __doc__)
        print(sorted(globals()), __annotations__, __builtins__, type(__loader__).__name__)
        print(sys.modules["__main__"].__dict__ is globals(), helper.__file__, helper.double(3))
        print(deep(4), inspect.getsource(helper.double), inspect.getsource(inspect.getmodule(deep)))
        def here(x):
            # the comment
            return x + 1
        print(inspect.getsource(here), [n for n in dir(__builtins__) if "xyz" in n])
        print(sys.stdin.read())
    """,
    "uncaught": """
        import helper
        def f():
            return helper.fails(
                0)
        if __name__ == "__main__":
            f()
    """,
    "uncaught with causes": """
        import helper
        try:
            helper.fails(0)
        except ZeroDivisionError as error:
            try:
                helper.table["x"] + 1
            except KeyError:
                raise RuntimeError("both") from error
    """,
    "exit with a number": "import sys\nprint('out')\nsys.exit(3)\n",
    "exit with a large number": "import sys\nsys.exit(259)\n",
    "exit with a message": "import sys\nsys.exit('a message')\n",
    "exit with None": "raise SystemExit\n",
    "exit with an object": "raise SystemExit([1, 2])\n",
    "syntax error": "x = 1\nif x = 2:\n    pass\n",
    "syntax error in a sibling": "x = 1\nimport broken\n",
    "caught syntax error in a sibling": """
        import traceback
        try:
            import broken
        except SyntaxError:
            traceback.print_exc()
    """,
    "import error in a sibling": "import lacking\n",
    "error in a sibling": "import failing\n",
    "global after use": "def f():\n    x = 1\n    global x\n",
    "warnings": """
        import warnings
        import numpy as np
        def f(x):
            for _ in range(3):
                y = np.log(x * 0) - x / 0
            return 1 / (x * 0)
        f(np.ones(2))
        np.float64(1) / 0
        warnings.warn("mine")
        for _ in range(2):
            warnings.warn("twice", DeprecationWarning)
        with warnings.catch_warnings(record=True) as got:
            warnings.simplefilter("always")
            np.ones(1) / 0
            np.ones(1) / 0
        print([(w.filename, w.lineno, str(w.message)) for w in got])
        warnings.simplefilter("once")
        for _ in range(2):
            np.zeros(1) / np.zeros(1)
            np.zeros(1) / np.zeros(1)
        warnings.simplefilter("error")
        try:
            np.ones(1) / 0
        except RuntimeWarning as w:
            print(w)
        warnings.simplefilter("ignore")
        np.ones(1) / 0
    """,
    "excepthook": """
        import sys
        def hook(kind, value, traceback):
            print("hook", kind, value, traceback.tb_lineno, traceback.tb_next)
        sys.excepthook = hook
        [][0]
    """,
    "failing excepthook": """
        import sys
        def hook(kind, value, traceback):
            {}["k"]
        sys.excepthook = hook
        [][0]
    """,
    "exit handlers": """
        import atexit, sys
        atexit.register(lambda: print("at exit", sys.argv, __name__, [1][0] + 1))
        class C:
            def __del__(self): print("deleted", 1 + len("a"))
        keep = C()
        print("end")
    """,
    "threads": """
        import threading
        def f(xs):
            return xs[3] + 1
        t = threading.Thread(target=f, args=([],), name="worker")
        t.start()
        t.join()
        late = threading.Thread(target=lambda: print("late", sum([1, 2]) * 2))
        late.start()
    """,
    "forked": """
        import os, sys
        pid = os.fork()
        if pid == 0:
            print("child", __import__("builtins").__dict__.get("@bp.on", False), flush=True)
            sys.exit(5)
        print("parent", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """,
    "multiprocessing": """
        import multiprocessing, os
        def work(x):
            switch = __import__("builtins").__dict__.get("@bp.on", False)
            return x * 2, __name__ in ("__main__", "__mp_main__"), switch
        if __name__ == "__main__":
            for kind in ("fork", "spawn"):
                with multiprocessing.get_context(kind).Pool(1) as pool:
                    print(kind, pool.map(work, [1, 2]))
    """,
    "pickle and dataclass": """
        import pickle, dataclasses
        @dataclasses.dataclass
        class P:
            x: int
            y: float = 1.5 * 2
        print(pickle.loads(pickle.dumps(P(3))), P.__module__)
    """,
    "doctest and unittest": """
        import unittest, sys
        class T(unittest.TestCase):
            def test_it(self): self.assertEqual([1, 2][0] + 1, 2)
        unittest.main(argv=["x"], testRunner=unittest.TextTestRunner(stream=open("/dev/null", "w")))
    """,
    "encoding": "# -*- coding: latin-1 -*-\nx = '\xe9'\nprint(ascii(x), 1 / (len(x) - 1))\n",
    "recursion": "def f(n): return f(n + 1) + 1\ntry:\n    f(0)\nexcept RecursionError as e:\n"
    "    print(e)\n",
}

SIBLINGS = {
    "helper.py": """
        "A sibling."
        table = {}
        def double(x):
            return x * 2
        def fails(x):
            return (1
                    / x)
    """,
    "broken.py": "def f(:\n    pass\n",
    "lacking.py": "import nothing_of_this_name\n",
    "failing.py": "table = []\ntable[1]\n",
    "pack/__init__.py": "",
    "pack/__main__.py": "import sys\nfrom . import inner\nprint(sys.argv[1:], __package__, "
    "__spec__.name, inner.deep(1))\n",
    "pack/inner.py": "from helper import double\ndef deep(x): return double(x) + 1\n"
    "if __name__ == '__main__':\n    import sys\n"
    "    print(sys.argv, sys.path[0], __file__, __spec__.name, __package__, deep(2))\n    1 / 0\n",
}


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = "latin-1" if "latin-1" in text else "utf-8"
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding=encoding)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    for name, text in SIBLINGS.items():
        write(folder, name, text)
    return folder


def process(command: list[str], folder: Path, **options: object) -> tuple[int, str, str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))
    }
    # Timings of the import system differ, and caches must not.
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "MPLBACKEND": "Agg"}
    environment |= {"PYTHONPATH": SOURCE, "BACKPROOF_TESTING": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=60, input="typed", check=False,
    )  # fmt: skip
    return done.returncode, tidy(done.stdout), tidy(done.stderr)


def tidy(text: str) -> str:
    return re.sub(r"0x[0-9a-f]{6,}", "0x…", text)


@pytest.mark.parametrize("mode", ["on", "off"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_script_is_as_plain(name: str, mode: str, folder: Path) -> None:
    write(folder, "program.py", PROGRAMS[name])
    plain = process(["./program.py", "a", "--b"], folder)
    assert process(["-c", RUNNER, mode, "s", "./program.py", "a", "--b"], folder) == plain


def test_module_is_as_plain_without_its_runner(folder: Path) -> None:
    status, output, error = process(["-m", "pack.inner", "a"], folder)
    watched = process(["-c", RUNNER, "on", "m", "pack.inner", "a"], folder)
    without_runner = re.sub(r'  File "<frozen runpy>".*\n', "", error)
    assert watched == (status, output, without_runner)
    assert process(["-c", RUNNER, "on", "m", "pack", "b"], folder) == process(
        ["-m", "pack", "b"], folder
    )


def test_folder_with_main(folder: Path) -> None:
    write(folder, "application/__main__.py", "import other, sys\nprint(other.x * 2, sys.path[0])\n")
    write(folder, "application/other.py", "x = [4][0]\n")
    status, output, _ = process(["-c", RUNNER, "on", "s", "application"], folder)
    assert (status, output.split()[0]) == (0, "8")


def test_link_to_a_script(folder: Path, tmp_path: Path) -> None:
    write(folder, "program.py", "import helper, sys\nprint(helper.double(2), sys.path[0])\n")
    (tmp_path / "link.py").symlink_to(folder / "program.py")
    plain = process(["link.py"], tmp_path)
    assert process(["-c", RUNNER, "on", "s", "link.py"], tmp_path) == plain


def test_interrupt(folder: Path) -> None:
    write(folder, "program.py", "import time\nprint('ready', flush=True)\ntime.sleep(30)\n")
    child = subprocess.Popen(
        [sys.executable, "-c", RUNNER, "on", "s", "program.py"], cwd=folder, text=True,
        env=os.environ | {"PYTHONPATH": SOURCE}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=20)
    assert child.returncode == 130
    error = re.sub(r"    ~+\^+\n", "", error)  # from 3.13 on
    assert error == (
        f'Traceback (most recent call last):\n  File "{folder}/program.py", line 3, in <module>\n'
        "    time.sleep(30)\nKeyboardInterrupt\n"
    )


# ---- in this process ----------------------------------------------------------------------------


def here(path: Path, *argv: str, **options: object) -> Outcome:
    return launch(Target(str(path)), argv, on_ready=lambda: passthrough.install(on=True), **options)  # type: ignore[arg-type]


def test_the_process_gets_its_own_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(folder, "program.py", "import helper\nprint(helper.double(1))\n")
    before = (sys.argv, sys.path[:], sys.modules["__main__"], sys.meta_path[:], os.getcwd())
    outcome = here(path)
    assert (outcome.exit_status, outcome.status, outcome.raised) == (0, "completed", None)
    assert before == (sys.argv, sys.path, sys.modules["__main__"], sys.meta_path, os.getcwd())
    assert "helper" not in sys.modules
    assert outcome.main.__dict__["helper"].double(4) == 8
    assert capsys.readouterr().out == "2\n"


def test_what_is_instrumented(folder: Path) -> None:
    write(folder, "venv/lib/python3.11/site-packages/dependency.py", "def f(x): return x + 1\n")
    write(folder.parent, "elsewhere/aside.py", "def f(x): return x + 1\n")
    write(folder.parent, "elsewhere/other.py", "def f(x): return x + 1\n")
    path = write(
        folder,
        "program.py",
        f"""
        import sys
        sys.path += [{str(folder)!r} + "/venv/lib/python3.11/site-packages",
                     {str(folder.parent)!r} + "/elsewhere"]
        import helper, pack.inner, dependency, aside, other, colorsys
        names = {{f.__module__: "@bp.on" in f.__code__.co_names for f in (
            helper.double, pack.inner.deep, dependency.f, aside.f, other.f, colorsys.rgb_to_hls)}}
        for module in (dependency, aside, other):
            del sys.modules[module.__name__]
        """,
    )
    names = here(path, include=["aside"]).main.__dict__["names"]
    assert names == {
        "helper": True,
        "pack.inner": True,
        "dependency": False,
        "aside": True,
        "other": False,
        "colorsys": False,
    }


def test_order_of_events(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(folder, "program.py", "print('program')\n1 / 0\n")
    outcome = launch(
        Target(str(path)),
        [],
        on_ready=lambda: print("ready"),
        on_end=lambda: print("end", "ZeroDivisionError" in capsys.readouterr().err),
    )
    # What is read in `on_end` is taken away: the program had printed and flushed by then.
    assert capsys.readouterr().out == "end True\n"
    assert (outcome.exit_status, outcome.status) == (1, "raised")
    assert isinstance(outcome.raised, ZeroDivisionError)
    assert outcome.traceback_text == (
        f'Traceback (most recent call last):\n  File "{path}", line 2, in <module>\n    1 / 0\n'
        "    ~~^~~\nZeroDivisionError: division by zero\n"
    )


def test_stop_counts_as_completed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Enough(BaseException):
        pass

    def iteration(site: int) -> bool:
        raise Enough

    path = write(
        folder,
        "program.py",
        "try:\n    for i in range(3):\n        print(i)\nexcept Exception:\n    pass\n",
    )
    outcome = launch(
        Target(str(path)), [], stop=Enough,
        on_ready=lambda: passthrough.install({"@bp.iteration": iteration}, on=True),
    )  # fmt: skip
    assert (outcome.exit_status, outcome.status, outcome.raised) == (0, "completed", None)
    assert capsys.readouterr() == ("", "")


def test_file_that_cannot_be_rewritten_runs_plainly(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*arguments: object, **named: object) -> None:
        raise RuntimeError("cannot")

    path = write(folder, "program.py", "print('plain')\n")
    monkeypatch.setattr("backproof.trace.imports.rewrite", fails)
    monkeypatch.delenv("BACKPROOF_TESTING", raising=False)
    outcome = here(path)
    assert outcome.warnings == (f"{path} runs without instrumentation: RuntimeError('cannot')",)
    assert capsys.readouterr().out == "plain\n"
    monkeypatch.setenv("BACKPROOF_TESTING", "1")
    assert "RuntimeError: cannot" in here(path).traceback_text
    capsys.readouterr()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target("nowhere.py"), "can't open file '.*nowhere.py': No such file or directory"),
        (Target("no_such_module", module=True), "no module named no_such_module"),
        (Target("no_such.module", module=True), "cannot find module no_such.module"),
        (Target("math", module=True), "module math has no Python source"),
    ],
)
def test_no_such_program(target: Target, message: str) -> None:
    before = sys.argv
    with pytest.raises(CannotLaunch, match=message):
        launch(target, [])
    assert sys.argv is before


# ---- notebooks ----------------------------------------------------------------------------------


def notebook(folder: Path, *cells: str) -> Path:
    path = folder / "net.ipynb"
    sources = [textwrap.dedent(cell).strip("\n") for cell in cells]
    document = {
        "cells": [
            {"cell_type": "markdown", "source": ["# a net"]},
            *({"cell_type": "code", "source": s.splitlines(keepends=True)} for s in sources),
        ],
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
    }
    path.write_text(json.dumps(document))
    return path


def test_notebook(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data.txt").write_text("data")
    path = notebook(
        folder,
        """
        %matplotlib inline
        !pip install nothing
        from __future__ import annotations
        import helper, inspect, pathlib
        files = !ls
        x = (5
             % 3)
        def f(a: undefined) -> also.undefined:
            %time
            return a * 2
        print(f(x), pathlib.Path("data.txt").read_text(), files)
        """,
        "%%bash\necho never\n",
        "%%time\ny = helper.double(x)\ny?\n?y\n",
        "async def g(): return y + 1\nprint(await g())\ndisplay([y][0])\n",
        "def h(a: undefined): return a[0]\nprint(inspect.getsource(h), __name__)\n1 / (y - 4)\n",
        "print('never')",
    )
    before = os.getcwd()
    outcome = here(path)
    assert os.getcwd() == before
    output, error = capsys.readouterr()
    assert output == ("4 data None\n5\n4\ndef h(a: undefined): return a[0]\n __main__\n")
    assert (
        error
        == outcome.traceback_text
        == (
            f'Traceback (most recent call last):\n  File "{path}[5]", line 3, in <module>\n'
            "    1 / (y - 4)\n    ~~^~~~~~~~~\nZeroDivisionError: division by zero\n"
        )
    )


def test_not_a_notebook(folder: Path) -> None:
    path = folder / "net.ipynb"
    for text in ("{", "[]", '{"cells": 3}', '{"cells": [{}]}'):
        path.write_text(text)
        with pytest.raises(CannotLaunch, match="is not a notebook"):
            launch(Target(str(path)), [])
