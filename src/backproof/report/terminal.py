"""The report that people read: the verdict, and each finding as rustc would show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import TextIO

from backproof.finding import Finding, Fix, Related, Report
from backproof.report.parameters import table, verdict
from backproof.report.place import document, located, shown
from backproof.report.snippet import Mark, alike, snippet
from backproof.report.statement import Targets
from backproof.report.text import Line, count, cropped, plain, width_of, wrapped
from backproof.source import Edit, SourceFile

#: What a piece is, and how rich shows it; a piece may have several, separated by spaces.
STYLES = {
    "error": "bold red", "warning": "bold yellow", "note": "bold cyan",
    "wrong": "red", "unverified": "yellow", "verified": "green",
    "head": "bold", "help": "bold green", "gutter": "dim", "second": "bright_blue", "code": "cyan",
    "removed": "red", "added": "green", "source": "",
}  # fmt: skip

#: Lines of a report that goes to a file or a pipe.
WIDTH = 100
#: Places shown beside the finding's own.
MOST_PLACES = 3

_ROLES = {"overwrite": "overwritten here", "definition": "made here", "call-site": "called here"}
_SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Layout:
    """How much is told, and how wide.

    Attributes
    ----------
    width : int
        Cells a line may take.
    base : str
        Folder from which paths are seen.
    verbose : bool
        The table of parameters even where all are verified.
    quiet : bool
        Findings only; nothing where there are none.
    timing : bool
        Seconds that the run took: left out by default, so that reports can be compared.
    """

    width: int = WIDTH
    base: str = ""
    verbose: bool = False
    quiet: bool = False
    timing: bool = False


def write(report: Report, stream: TextIO, layout: Layout, *, colour: bool) -> None:
    """Write a report.

    Parameters
    ----------
    report : Report
    stream : text stream
    layout : Layout
    colour : bool
        With escape sequences.
    """
    lines = compose(report, layout)
    if not colour:
        stream.writelines(plain(line) + "\n" for line in lines)
        return
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    console = Console(file=stream, force_terminal=True, width=layout.width, no_color=False,
                      color_system="standard", highlight=False, markup=False)  # fmt: skip
    for line in lines:
        text = Text()
        for names, parts in groupby(line, key=lambda piece: piece[1]):
            style = " ".join(STYLES[name] for name in names.split())
            text.append("".join(part for part, _ in parts), Style.parse(style or "none"))
        text.rstrip()
        console.print(text, soft_wrap=True)


def compose(report: Report, layout: Layout) -> list[Line]:
    """Return the lines of a report."""
    findings = sorted(report.findings, key=lambda f: (_SEVERITIES.index(f.severity), f.code[:3]))
    if layout.quiet:
        findings = [f for f in findings if f.severity != "note"]
        return [line for f in findings for line in (*_finding(f, report, layout), [])]
    gradient = report.gradient
    lines: list[Line] = [[]]
    ended = report.status == "completed"
    uphill = any(f.code == "BP104" and "cost" in f.evidence for f in report.findings)
    sentence = verdict(gradient, width=layout.width, ended=ended, uphill=uphill)
    rows: list[Line] = []
    if gradient.parameters and (layout.verbose or gradient.status != "verified"):
        rows = [*table(gradient, width=layout.width, verbose=layout.verbose), []]
    early = gradient.status == "verified"
    if early:
        lines += [*sentence, *([] if rows or not findings else [[]]), *rows]
    for finding in findings:
        lines += [*_finding(finding, report, layout), []]
    if not early:
        lines += [*rows, *sentence]
    for text in dict.fromkeys(report.warnings):
        lines += wrapped(text, width=layout.width, first=[("warning: ", "warning")], rest=" " * 9)
    if end := summary(report, findings):
        lines += wrapped(end, width=layout.width, first=[], rest="  ")
    if layout.timing:
        lines.append([("; ".join(_timings(report)), "gutter")])
    return lines


def summary(report: Report, findings: Sequence[Finding]) -> str:
    """Return the last line: what was found, in how many steps, and how the program ended."""
    numbers = [(sum(f.severity == s for f in findings), s) for s in _SEVERITIES]
    found = ", ".join(count(n, s) for n, s in numbers if n)
    parts = []
    if found or report.gradient.parameters:
        text = f"found {found}" if found else "no error found"
        text += f" in {count(report.steps, 'step')}" if report.steps else ""
        parts.append(text)
    if report.ignored:
        parts.append(f"{count(report.ignored, 'finding')} ignored by a comment in the source")
    if report.status == "raised":
        parts.append("the program ended with the exception above")
    elif report.status == "interrupted":
        parts.append("the program was interrupted")
    elif report.script_exit:
        parts.append(f"the program ended with status {report.script_exit}")
    return "; ".join(parts)


def _timings(report: Report) -> Iterator[str]:
    for name, seconds in report.timing.items():
        yield f"{name.removesuffix('_s')} {seconds:.2f} s"


# ---- one finding -------------------------------------------------------------------------------


def _finding(finding: Finding, report: Report, layout: Layout) -> Iterator[Line]:
    """Yield the lines of a finding."""
    severity = finding.severity
    head: Line = [(f"{severity}[{finding.code}]", severity), (": ", "head")]
    title = f"{finding.title}   [{finding.confidence}]"
    yield from _headline(title, head, layout.width)
    path, span = finding.file, finding.span
    marks = [Mark(span, finding.label, severity), *_beside(finding)]
    last = max(max(m.span.line for m in marks), span.end_line)
    gutter = max(2, len(str(last)))
    edge = " " * gutter
    place = located(path, layout.base, span.line, span.column)
    yield [(edge + "--> ", "gutter"), (place, "")]
    source = report.sources.get(path)
    file = SourceFile(path, source if source is not None else "")
    if source is not None:
        yield from snippet(file, marks, width=layout.width, gutter=gutter)
    notes = [*finding.notes, *_elsewhere(finding, layout), *_inherited(finding, report, layout)]
    for note in notes:
        first: Line = [(edge + " = ", "gutter")]
        yield from wrapped(note, width=layout.width, first=first, rest=edge + "   ")
    yield from _help(finding, report, layout, gutter)
    yield [("  see: ", "gutter"), (f"backproof explain {finding.code}", "gutter")]


def _headline(title: str, head: Line, width: int) -> list[Line]:
    body, _, confidence = title.rpartition("   ")
    lines = wrapped(body, width=width, first=head, rest="    ", style="head")
    if width_of(lines[-1]) + 3 + len(confidence) <= width:
        lines[-1].append(("   " + confidence, "gutter"))
    else:
        lines.append([("    " + confidence, "gutter")])
    return lines


def _beside(finding: Finding) -> Iterator[Mark]:
    """Yield the places that are drawn in the same snippet."""
    shown_spans = {finding.span}
    for related in finding.related:
        if related.role not in _ROLES or related.file != finding.file:
            continue
        if related.span not in shown_spans and len(shown_spans) <= MOST_PLACES:
            shown_spans.add(related.span)
            yield Mark(related.span, related.label or _ROLES[related.role], "second", "-")


def _elsewhere(finding: Finding, layout: Layout) -> Iterator[str]:
    """Yield a line for each place in another file."""
    for related in finding.related:
        if related.role in _ROLES and related.file != finding.file:
            where = located(related.file, layout.base, related.span.line, related.span.column)
            what = (related.label or _ROLES[related.role]).removesuffix(" here")
            yield f"{what} at {where}: `{cropped(related.expression, 50)}`"


def _inherited(finding: Finding, report: Report, layout: Layout) -> Iterator[str]:
    """Say what only carries the fault on."""
    targets: dict[str, Targets] = {}
    parts: dict[str, None] = {}
    for related in finding.related:
        if related.role != "consequence":
            continue
        text = report.sources.get(related.file, "")
        if related.file not in targets:
            targets[related.file] = Targets(SourceFile(related.file, text))
        name = targets[related.file].of(related.span) or cropped(related.expression, 30)
        parts[f"`{name}` ({_line(related, finding, layout)})"] = None
    if parts:
        verb = "spreads to" if finding.code.startswith("BP2") else "inherited by"
        yield f"{verb}: " + ", ".join(parts)


def _line(related: Related, finding: Finding, layout: Layout) -> str:
    if related.file == finding.file:
        return str(related.span.line)
    name, cell = document(related.file)
    return f"cell {cell}:{related.span.line}" if cell is not None else (
        f"{shown(name, layout.base)}:{related.span.line}"
    )  # fmt: skip


def _help(finding: Finding, report: Report, layout: Layout, gutter: int) -> Iterator[Line]:
    """Propose a change; the only part of a finding that does."""
    fix = finding.fix
    text = finding.message
    if not text or text in finding.title:
        if fix is None:
            return
        text = f"replace `{cropped(fix.before, 60)}` by `{cropped(fix.after, 60)}`"
        if not fix.before:
            text = f"add `{cropped(fix.after, 60)}`"
    lines = wrapped(text, width=layout.width, first=[("help: ", "help")], rest=" " * 6)
    if fix is not None:
        mark, style = _mark(fix), "verified" if fix.verified else "unverified"
        if width_of(lines[-1]) + 3 + len(mark) <= layout.width:
            lines[-1] += [("   ", ""), (mark, style)]
        else:
            lines += wrapped(mark, width=layout.width, first=[(" " * 6, "")], rest=" " * 7,
                             style=style)  # fmt: skip
    yield from lines
    if fix is not None and fix.edits:
        yield from _difference(fix, report, layout, gutter)


def _mark(fix: Fix) -> str:
    if not fix.verified:
        return "[a suggestion: not verified]"
    return f"[verified: {fix.check}]" if fix.check else "[verified]"


def _difference(fix: Fix, report: Report, layout: Layout, gutter: int) -> Iterator[Line]:
    """Show the lines before and after the edits."""
    edge: Line = [(" " * gutter + " |", "gutter")]
    room = layout.width - gutter - 3
    for path in dict.fromkeys(path for path, _ in fix.edits):
        source = report.sources.get(path)
        if source is None:
            continue
        yield edge
        file = SourceFile(path, source)
        for edits in _of_one_place([edit for other, edit in fix.edits if other == path]):
            first, removed, added = _changed(file, edits)
            pairs = list(zip_longest(removed, added))
            shown = [alike([line for line in pair if line is not None], room) for pair in pairs]
            before = [lines[0] for lines in shown[: len(removed)]]
            after = [lines[-1] for lines in shown[: len(added)]]
            for sign, style, lines in (("-", "removed", before), ("+", "added", after)):
                for number, line in enumerate(lines, first):
                    yield [(f"{number:>{gutter}} ", "gutter"), (f"{sign} {line}", style)]


def _of_one_place(edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    """Yield the edits that change the same lines together."""
    group: list[Edit] = []
    for edit in sorted(edits, key=lambda e: e.span):
        if group and edit.span.line > group[-1].span.end_line:
            yield group
            group = []
        group.append(edit)
    if group:
        yield group


def _changed(
    file: SourceFile, edits: Sequence[Edit]
) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """Return the number of the first line that edits change, the lines before and after."""
    first, last = edits[0].span.line, max(edit.span.end_line for edit in edits)
    new = file.edited(edits).lines
    removed = file.lines[first - 1 : last]
    added = new[first - 1 : last + len(new) - len(file.lines)]
    while removed and added and removed[-1] == added[-1]:
        removed, added = removed[:-1], added[:-1]
    while removed and added and removed[0] == added[0]:
        first, removed, added = first + 1, removed[1:], added[1:]
    return first, removed, added
