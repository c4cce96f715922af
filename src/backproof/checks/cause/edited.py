"""One edit of the source explains the fault: here, nearby, or in the arguments of a call."""

from __future__ import annotations

from backproof.checks.blame.fault import Fault
from backproof.checks.blame.inputs import Inputs
from backproof.checks.cause.blamed import Blamed
from backproof.checks.cause.diagnosis import Diagnosis, from_edit, renaming
from backproof.checks.cause.slope_made import at_its_call
from backproof.checks.edits.edit import short
from backproof.checks.found import Found
from backproof.trace.site import SITES


def edited_here(blamed: Blamed) -> Diagnosis | None:
    """One edit of the blamed statement, or another argument of the call it is in."""
    wrong = blamed.fault.repaired
    here = blamed.search.best(_statement_sites(blamed), wrong)
    call = blamed.search.at_calls(wrong, blamed.operation)
    both = [f for f in (here, call) if f is not None and set(f.repaired) >= set(wrong)]
    return _from(blamed, min(both, key=lambda f: f.price, default=None))


def at_input(blamed: Blamed) -> Diagnosis | None:
    """A cotangent is passed on where a factor of it is missing, or a term."""
    fault: Fault | None = blamed.fault
    if blamed.fault.kind != "input":
        replays = blamed.replays.without(blamed.fault.truth)
        fault = Inputs(replays, blamed.trust).meant(set(blamed.fault.repaired))
    if fault is None:
        return None
    site = SITES[fault.site]
    statement = sorted(
        s for s in blamed.search.groups
        if SITES[s].file is site.file and SITES[s].statement == site.statement
    )  # fmt: skip
    edit = _searched(blamed, statement)
    if edit is not None:
        return edit
    target = site.targets[0] if site.targets else site.text
    meant_for = short(blamed.text(blamed.right[fault.detail["input"]][0]))
    if fault.detail["by_path"]:
        made = blamed.tape.producer(fault.detail["input"])
        site = (None if made is None else renaming(blamed.tape, [made])) or site
        return blamed.finding(
            "BP101", "missing-term",
            f"`{short(target)}` lacks what comes back another way: it is the gradient of "
            f"`{meant_for}` alone",
            "add the gradient through the other uses of the value", site=site,
        )  # fmt: skip
    return blamed.finding(
        "BP101", "missing-factor",
        f"`{short(target)}` lacks a factor: it is the gradient of `{meant_for}`",
        "multiply by the derivative of what the forward pass does there", site=site,
    )  # fmt: skip


def edited_near(blamed: Blamed) -> Diagnosis | None:
    """One edit of a statement nearby does."""
    here = set(_statement_sites(blamed))
    distance: dict[int, int] = {}
    queue = [blamed.operation]
    for operation in queue:
        users = [blamed.tape.operations[i] for i in blamed.tape.users[operation.out]]
        makers = [m for n in operation.inputs if (m := blamed.tape.producer(n)) is not None]
        for other in (*makers, *users):
            if other.site not in distance and other.site in blamed.search.groups:
                distance[other.site] = len(distance)
                if len(distance) < 60:
                    queue.append(other)
    return _searched(blamed, [s for s in distance if s not in here])


def argument(blamed: Blamed) -> Diagnosis | None:
    """Another argument of a call makes the gradients right."""
    return _from(blamed, blamed.search.at_calls(blamed.fault.repaired))


def _statement_sites(blamed: Blamed) -> list[int]:
    """The sites of the blamed statement, the blamed one first."""
    where = blamed.operation.where
    sites = [
        site for site in blamed.search.groups
        if SITES[site].file is where.file and SITES[site].statement == where.statement
    ]  # fmt: skip
    return sorted(sites, key=lambda s: (s != blamed.operation.site, -s))


def _searched(blamed: Blamed, sites: list[int]) -> Diagnosis | None:
    return _from(blamed, blamed.search.best(sites, blamed.fault.repaired))


def _from(blamed: Blamed, found: Found | None) -> Diagnosis | None:
    if found is None or not set(found.repaired) >= set(blamed.fault.repaired):
        return None
    better = at_its_call(blamed.search, found, blamed.fault.repaired) or _at_its_name(blamed, found)
    return from_edit(blamed.search, better or found)


def _at_its_name(blamed: Blamed, found: Found) -> Found | None:
    """Return the statement that names a sum, if a slope is missing that its terms could have."""
    missing = found.edit.is_slope and found.edit.cause == "missing-factor"
    if not missing or not found.site.kind.startswith("aug"):
        return None
    named = blamed.search.at_names(blamed.fault.repaired)
    return named if named is not None and set(named.repaired) >= set(found.repaired) else None
