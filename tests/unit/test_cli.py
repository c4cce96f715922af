"""The doors: options, exit statuses, bad input, the JSON contract."""

from __future__ import annotations

import dataclasses
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

import backproof
from backproof.cli import main
from backproof.codes import CODES, UnknownCode, find, parse
from backproof.commands import demo
from backproof.commands.explain import page
from backproof.report.filter import filtered
from tests.golden import reports

SCHEMA = json.loads((files("backproof") / "report" / "schema.json").read_text("utf-8"))

WRONG = """\
import numpy as np
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
W = np.zeros((3, 1))
b = np.zeros((1, 1))
for epoch in range(6):
    E = X @ W + b - Y
    loss = 0.5 * np.mean(E ** 2)
    dW = X.T @ (E + 1) / 20{comment}
    db = E.mean(axis=0, keepdims=True)
    W -= 0.1 * dW
    b -= 0.1 * db
print('done')
"""


def run(*arguments: object, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", "backproof", *map(str, arguments)],
        cwd=cwd, env=environment | more, text=True, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=120, check=False, errors="replace",
    )  # fmt: skip


def refused(capsys: pytest.CaptureFixture[str], arguments: Sequence[object]) -> str:
    """Run a command that is refused; return its only line."""
    try:
        status = main([str(a) for a in arguments])
    except SystemExit as end:
        status = end.code  # type: ignore[assignment]
    assert status == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("backproof: error: ")
    assert err.count("\n") == 1
    return err


# ---- usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["nonsense"], "nonsense"),
        (["run"], "no script"),
        (["run", "-m"], "name of a module"),
        (["run", "--steps", "0", "x.py"], "above zero"),
        (["run", "--max-events", "many", "x.py"], "'many'"),
        (["run", "--select", "BP999", "x.py"], "BP999"),
        (["run", "--ignore", "BP101,BP1O5", "x.py"], "BP105"),
        (["run", "--select", ",", "x.py"], "no code"),
        (["run", "--gradient", "W1", "x.py"], "PARAM=GRAD"),
        (["run", "--cost", "a b", "x.py"], "'a b'"),
        (["run", "--quiet", "--verbose", "x.py"], "not allowed"),
        (["run", "--json", "/nowhere/at/all.json", "x.py"], "no folder"),
        (["run", "--json", "/", "x.py"], "folder"),
        (["run", "there_is_none.py"], "No such file"),
        (["run", "-m", "there_is_none"], "there_is_none"),
        (["explain", "BP110"], "did you mean BP1"),
        (["explain", "read-after-updates"], "BP105"),
        (["explain", "zzz"], "lists all"),
    ],
)
def test_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: Sequence[str], said: str
) -> None:
    assert said in refused(capsys, arguments)


def test_a_script_without_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert "backproof run" in refused(capsys, [Path(__file__)])


def test_a_folder_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    assert "ermission denied" in refused(capsys, ["run", "--json", tmp_path / "o.json", "x.py"])


@pytest.mark.parametrize("command", [[], ["run"], ["explain"], ["demo"]])
def test_help(
    capsys: pytest.CaptureFixture[str], command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "examples:" in out
    assert max(map(len, out.splitlines())) <= 80


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"backproof {backproof.__version__}\n"


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'rich', 'autograd', 'mpmath', 'scipy'}"
    code = f"import sys, backproof.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# ---- codes -------------------------------------------------------------------------------------


def test_codes_are_found_by_number_and_name() -> None:
    assert find("bp105") is CODES["BP105"] is find("read-after-update")
    assert parse("BP101, bp201") == {"BP101", "BP201"}
    assert parse("BP2") == {"BP201", "BP202", "BP203"} == parse("bp2xx")
    with pytest.raises(UnknownCode, match="BP1000"):
        parse("BP101,BP1000")


@pytest.mark.parametrize("code", CODES.values(), ids=list(CODES))
def test_every_code_has_its_page(code: object) -> None:
    entry = CODES[code.code]  # type: ignore[attr-defined]
    text = page(entry)
    assert text.startswith(f"# {entry.code} {entry.name}\n")
    assert "## Why it matters" in text
    blocks = text.split("```python\n")[1:]
    assert len(blocks) >= 2
    for block in blocks:
        compile(block.partition("```")[0], entry.code, "exec")


def test_every_page_has_its_code() -> None:
    pages = {p.name for p in (files("backproof") / "explain").iterdir() if p.name.endswith(".md")}
    assert pages == {f"{code}.md" for code in CODES}


def test_the_page_of_all_codes_is_up_to_date() -> None:
    docs = Path(__file__).parents[2] / "docs"
    text = runpy.run_path(str(docs / "refresh_codes.py"))["text"]()
    assert (docs / "codes.md").read_text("utf-8") == text


def test_explain_is_plain_elsewhere_and_rendered_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert main(["explain", "BP101"]) == 0
    assert capsys.readouterr().out == page(CODES["BP101"])
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["explain", "BP101"]) == 0
    out = capsys.readouterr().out
    assert "\x1b[" in out
    assert "```" not in out
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["explain"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert all(f"`{code}`" in out for code in CODES)


# ---- whole runs --------------------------------------------------------------------------------


def test_an_error_its_json_and_the_ways_to_silence_it(tmp_path: Path) -> None:
    program = tmp_path / "train.py"
    program.write_text(WRONG.format(comment=""))
    done = run("run", "--json", "report.json", program, cwd=tmp_path)
    assert done.stdout == "done\n"
    assert done.returncode == 1
    assert "error[BP101]: " in done.stderr
    assert "train.py:9:" in done.stderr
    document = json.loads((tmp_path / "report.json").read_text("utf-8"))
    jsonschema.validate(document, SCHEMA)
    assert [f["code"] for f in document["findings"]] == ["BP101"]
    assert document["gradient"]["status"] == "wrong"

    done = run("run", "--quiet", "--ignore", "BP1xx", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    program.write_text(WRONG.format(comment="  # backproof: ignore[BP101]"))
    done = run("run", program, cwd=tmp_path)
    assert done.returncode == 0
    assert "error[" not in done.stderr
    assert done.stderr.endswith("; 1 finding ignored by a comment in the source\n")


def test_findings_are_filtered_by_code() -> None:
    report = reports.odd()
    codes = [f.code for f in report.findings]
    assert [f.code for f in filtered(report, select=frozenset({"BP103"})).findings] == ["BP103"]
    assert [f.code for f in filtered(report, ignore=parse("BP1")).findings] == []
    assert [f.code for f in filtered(report).findings] == codes


@pytest.mark.parametrize(
    ("comment", "ignored"),
    [
        ("# backproof: ignore", True),
        ("# as in the paper; backproof:ignore [ BP102, bp101 ]", True),
        ("# backproof: ignore[BP1]", True),
        ("# backproof: ignore[BP105]", False),
        ("# backproof: ignore[BP9]", False),
        ("# backproof: ignored", False),
        ("# noqa", False),
    ],
)
def test_a_comment_takes_findings_out(comment: str, ignored: bool) -> None:
    report = reports.wrong()
    (path, text), (finding,) = next(iter(report.sources.items())), report.findings
    lines = text.split("\n")
    lines[finding.span.line - 1] += "  " + comment
    report = filtered(dataclasses.replace(report, sources={path: "\n".join(lines)}))
    assert (report.findings == ()) == ignored == (report.ignored == 1)
    assert any("unknown code 'BP9'" in w for w in report.warnings) == ("BP9]" in comment)
    other = text.replace("import numpy as np", "import numpy as np  " + comment)
    report = filtered(dataclasses.replace(report, findings=(finding,), sources={path: other}))
    assert report.findings == (finding,)


@pytest.mark.parametrize(
    ("text", "status", "script_exit", "said"),
    [
        ("import sys; sys.exit(3)", 1, 3, "status 3"),
        ("raise ValueError('mine')", 1, 1, "ValueError: mine"),
        ("x = (1,", 1, 1, "SyntaxError"),
        ("import there_is_none", 1, 1, "ModuleNotFoundError"),
        ("print('no NumPy here')", 0, 0, "nothing was verified"),
        ("import sys; sys.stdout.buffer.write(bytes(range(256)))", 0, 0, "nothing was verified"),
        ("import sys; sys.stdout.close(); sys.stderr.close()", 0, 0, "nothing was verified"),
        ("import os, sys; os.chdir('/'); sys.stderr = None", 0, 0, "nothing was verified"),
    ],
)
def test_programs_that_teach_nothing(
    tmp_path: Path, text: str, status: int, script_exit: int, said: str
) -> None:
    (tmp_path / "train.py").write_text(text)
    done = run("run", "--json", "o.json", "train.py", cwd=tmp_path)
    assert done.returncode == status
    assert said in done.stderr
    assert "backproof/" not in done.stderr  # no frame of ours
    document = json.loads((tmp_path / "o.json").read_text("utf-8"))
    jsonschema.validate(document, SCHEMA)
    assert document["script_exit"] == script_exit
    assert document["gradient"]["parameters"] == []
    assert sorted(os.listdir(tmp_path)) == ["o.json", "train.py"]


def test_the_programs_own_arguments(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys; print(sys.argv[1:])")
    arguments = ["--json", "x", "--", "-h", "run"]
    for program in (["train.py"], ["-m", "train"], ["--", "train.py"]):
        done = run("run", "--quiet", *program, *arguments, cwd=tmp_path)
        assert done.stdout == f"{arguments}\n"
        assert done.stderr == ""


def test_a_hint_that_names_nothing(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(WRONG.format(comment=""))
    done = run("run", "--cost", "self.losss", "train.py", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith("--cost: nothing in the program is called `self.losss`\n")
    done = run("run", "--quiet", "--gradient", "W=dw", "train.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "`dw`" in done.stderr


def test_steps_end_the_program(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(WRONG.format(comment="").replace("range(6)", "range(10**9)"))
    done = run("run", "--steps", "5", "--json", "o.json", "train.py", cwd=tmp_path)
    assert done.stdout == ""
    assert done.returncode == 1
    document = json.loads((tmp_path / "o.json").read_text("utf-8"))
    assert (document["status"], document["steps"]) == ("completed", 5)


def test_an_interrupt_reports_what_is_known(tmp_path: Path) -> None:
    text = WRONG.format(comment="").replace("range(6)", "range(10**9)")
    text = text.replace(
        "    b -= 0.1 * db\n", "    b -= 0.1 * db\n    if epoch == 99: print('now', flush=True)\n"
    )
    (tmp_path / "train.py").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "backproof", "run", "--json", "o.json", "train.py"],
        cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in err
    assert "error[BP101]" in err
    assert err.endswith("the program was interrupted\n")
    assert process.returncode == 1
    document = json.loads((tmp_path / "o.json").read_text("utf-8"))
    assert (document["status"], document["script_exit"]) == ("interrupted", 130)
    assert document["steps"] >= 99


def test_an_old_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("open('o.json').read(); print('x')")
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "o.json").symlink_to("real.json")
    assert run("run", "--json", "o.json", "train.py", cwd=tmp_path).returncode == 0
    assert (tmp_path / "o.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text("utf-8"))["schema"] == "backproof/1"
    done = run("run", "--quiet", "--json", "/dev/stdout", "train.py", cwd=tmp_path)
    assert json.loads(done.stdout.removeprefix("x\n"))["steps"] == 0
    if Path("/dev/full").exists():
        done = run("run", "--json", "/dev/full", "train.py", cwd=tmp_path)
        assert done.returncode == 2
        assert "No space left" in done.stderr


def test_the_colours_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(WRONG.format(comment=""))
    assert "\x1b[" in run("run", "train.py", cwd=tmp_path, FORCE_COLOR="1").stderr
    assert "\x1b[" not in run("run", "train.py", cwd=tmp_path, NO_COLOR="1", FORCE_COLOR="1").stderr


def test_plots_do_not_block_unless_asked_for(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import os; print(os.environ.get('MPLBACKEND'))")
    environment = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    for options, backend in (([], "Agg"), (["--show-plots"], "None")):
        done = subprocess.run(
            [sys.executable, "-m", "backproof", "run", *options, "train.py"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == f"{backend}\n"


def test_a_failure_of_ours_is_one_line(tmp_path: Path) -> None:
    code = (
        "import sys, backproof.session as s, backproof.cli as c\n"
        "def broken(*a, **k): raise RuntimeError('out of\\norder')\n"
        "s.run = broken\nsys.exit(c.main(['run', 'x.py']))"
    )
    for testing, lines in (("", 1), ("1", None)):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
            env=os.environ | {"BACKPROOF_TESTING": testing},
        )  # fmt: skip
        assert "out of" in done.stderr
        if lines:
            assert done.returncode == 2
            assert done.stderr.count("\n") == lines
        else:
            assert "Traceback" in done.stderr


def test_the_demonstration_is_there() -> None:
    assert any(place.is_file() for place in demo._PLACES)


@pytest.mark.parametrize("name", ["right", "wrong", "odd"])
def test_reports_keep_the_contract(name: str) -> None:
    from backproof.report.json import as_document

    document = as_document(getattr(reports, name)())
    jsonschema.validate(document, SCHEMA)
    text = json.dumps(document, allow_nan=False)
    if name == "wrong":
        assert document["findings"][0]["evidence"]["error"] == "nan"
        assert document["findings"][0]["fix"]["edits"][0]["text"] == "Z1"
    if name == "odd":
        assert document["findings"][-1]["cell"] == 3
        assert document["findings"][-1]["file"].endswith("study.ipynb")
    broken = json.loads(text)
    del broken["steps"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMA)
