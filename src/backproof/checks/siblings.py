"""Which values of a program belong together by where they are kept: ``W[0]`` beside ``W[1]``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

TOKEN = re.compile(r"\[(?P<item>[^\[\]]*)\]|\.?(?P<name>\w+)")
#: What authors' own classes call the value that they hold.
VALUES = {"data", "value", "val", "values"}
#: What may follow the word for weights or biases (``b1``, ``weights_ih``), in some languages.
_AFTER = r"(?:_?[A-Za-z]{0,2}\d*|_\w{1,24})"
_WEIGHTS = r"[Pp]es[oi]s?|[Pp]oids|[Gg]ewichte?|agirlik(?:lar)?|wagi|bobot|matriz_pesos"
_BIASES = r"[Ss]esgos?|[Vv]i[eé]s(?:es)?|[Ss]chwellen?|[Bb]iais|umbral(?:es)?|soglie?"
WEIGHTS = re.compile(
    rf"_*[a-z]?_?(?:{_WEIGHTS}|[Ww]|[Ww]eights?|[Kk]ernels?|[Ff]ilters?|gammas?|gains?|syn"
    r"|synapses?|[Tt]hetas?"
    r"|coefs?|coefficients?|slopes?|[A-Z]|[a-z])" + _AFTER
)
BIASES = re.compile(
    rf"(?:[A-Za-z]\w{{0,24}}_)?(?:bias(?:es)?|{_BIASES})\d*|_*[a-z]?_?(?:{_BIASES}|[Bb]|[Bb]ias|[Bb]iases|betas?|shifts?|offsets?|intercepts?"
    r"|thresholds?|c|w0)" + _AFTER
)
_SURE = rf"(?:[Ww]eights?|[Bb]ias(?:es)?|{_WEIGHTS}|{_BIASES})"
#: Names that nothing else has.
SURE = re.compile(
    rf"_*(?:W\w{{0,3}}|W_[a-z]{{1,6}}|w(?:_\w{{1,5}}|\d+|[a-z]{{0,2}})|[Ww]eights?(?:\w{{0,6}}|_\w+)"
    rf"|(?:{_WEIGHTS}|{_BIASES})(?:\d*|_\w+)"
    rf"|(?!(?:sample|class|loss|case|row|pos|data)_)[A-Za-z]\w{{0,24}}_{_SURE}\d*"
    r"|syn\d|[Tt]heta_?\d"
    r"|[Kk]ernels?|[Ff]ilters?|[Bb]ias(?:es)?(?:\w{0,6}|_\w+)|[Bb]_?[a-z]?\d*|[Bb]_[a-z]{2,6}"
    r"|gamma|beta)"
)
#: What samples are called. (`X` may be a factor of a matrix.)
INPUTS = re.compile(r"x(?:s|_\w+|\d+)?|inputs?|data|batch|images?|seq(?:uence)?s?|tokens?")
#: What settings of weights are called: ``weight_decay``, ``w_scale``.
SETTING = re.compile(r"_(?:decay|reg\w*|init\w*|scale|std|rate|lr|lambda|l[12]|shape|size)$")


@dataclass(frozen=True, slots=True)
class Kept:
    """A path as its parts: ``net.layers[1].W`` is ``('net', 'layers', '[1]', 'W')``."""

    parts: tuple[str, ...]

    @classmethod
    def at(cls, path: str) -> Kept:
        """Take a path apart."""
        found = []
        for match in TOKEN.finditer(path):
            name, item = match["name"], match["item"]
            found.append(name if name is not None else f"[{item}]")
        return cls(tuple(found))

    @property
    def signature(self) -> tuple[str, ...]:
        """The parts without numbers: equal for ``W1`` and ``W2``, ``W[0]`` and ``W[1]``."""
        return tuple(re.sub(r"\d+", "#", part) for part in self.parts)

    @property
    def named(self) -> int:
        """The position of the name: behind it come indices and what a class calls its value."""
        position = len(self.parts) - 1
        while position > 0 and (
            self.parts[position].strip("[]-").isdigit()
            or (position > 1 and self.parts[position] in VALUES)
        ):
            position -= 1
        return position

    @property
    def name(self) -> str:
        """What the value is called: ``W`` for ``net.W[0].value``."""
        return self.parts[self.named].strip("[]'\"") if self.parts else ""

    @property
    def around(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The signature without the name."""
        signature, position = self.signature, self.named
        return signature[:position], signature[position + 1 :]


@dataclass(slots=True)
class Family:
    """The places of the parameters that a step updates."""

    members: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    """signature -> paths"""
    beside: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = field(default_factory=dict)
    """signature without the name -> paths"""

    @classmethod
    def of(cls, paths: Iterable[str]) -> Family:
        """Gather the paths of trained parameters."""
        family = cls()
        for path in paths:
            kept = Kept.at(path)
            family.members.setdefault(kept.signature, []).append(path)
            family.beside.setdefault(kept.around, []).append(path)
        return family

    def twins(self, path: str, *, words: bool = True) -> list[str]:
        """Return trained parameters whose path differs in nothing but numbers.

        With `words`, of biases those that have other words: `bias_hidden`, `bias_output`.
        """
        kept = Kept.at(path)
        if not any("#" in part for part in kept.signature):
            if not words or not is_called_a_bias(path):
                return []
            return [p for p in self.beside.get(kept.around, ()) if is_called_a_bias(p)]
        same = [p for p in self.members.get(kept.signature, ()) if p != path]
        near = [p for p in same if _numbers(p)[:-1] == _numbers(path)[:-1]]
        return near or same

    def partners(self, path: str) -> list[str]:
        """Return the weights beside a bias, the bias beside weights: same holder, other name."""
        kept = Kept.at(path)
        beside = [
            p for p in self.beside.get(kept.around, ()) if _are_a_pair(Kept.at(p).name, kept.name)
        ]  # fmt: skip
        near = [p for p in beside if _numbers(p) == _numbers(path)]
        return near or [p for p in beside if not _numbers(path) or not _numbers(p)]

    def cousins(self, path: str) -> list[str]:
        """Return trained weights (biases) of other parts: ``net.fc.W`` for ``net.conv.kernels``."""
        kept = Kept.at(path)
        if len(kept.parts) < 3 or not is_called_a_weight(path):
            return []
        trained = [(p, Kept.at(p)) for paths in self.members.values() for p in paths]
        return [
            p for p, other in trained
            if len(other.parts) >= 3 and other.parts[0] == kept.parts[0] and is_called_a_weight(p)
            and bool(BIASES.fullmatch(other.name)) == bool(BIASES.fullmatch(kept.name))
        ]  # fmt: skip

    def fellows(self, path: str) -> list[str]:
        """Return the trained weights and biases that are kept beside one: ``Wf`` beside ``Wo``."""
        beside = self.beside.get(Kept.at(path).around, ()) if is_called_a_weight(path) else ()
        return [p for p in beside if p != path and is_called_a_weight(p)]

    def company(self, path: str) -> list[str]:
        """Return trained parameters that the same dictionary holds."""
        kept = Kept.at(path)
        if not kept.parts or not kept.parts[kept.named].startswith("["):
            return []
        holder = kept.parts[: kept.named]
        return [
            p for p in self.beside.get(kept.around, ())
            if Kept.at(p).parts[: Kept.at(p).named] == holder
        ]  # fmt: skip


def is_called_a_weight(path: str) -> bool:
    """Whether a value has a name that only weights and biases have: `net.Wy`, never `X`."""
    name = Kept.at(path).name
    return bool(SURE.fullmatch(name)) and not SETTING.search(name)


def is_called_a_bias(path: str) -> bool:
    """Whether a value has a name that only biases have."""
    return is_called_a_weight(path) and bool(BIASES.fullmatch(Kept.at(path).name))


def is_called_an_input(path: str) -> bool:
    """Whether a variable has a name that samples have: their gradient is often computed, too."""
    return bool(INPUTS.fullmatch(path))


def nearest(path: str, others: Sequence[str]) -> str | None:
    """Return the path that has most of another's name: ``w`` for `w0`, beside ``v``."""
    name = Kept.at(path).name
    likeness = {p: SequenceMatcher(None, name, Kept.at(p).name).ratio() for p in others}
    best = [p for p in others if likeness[p] == max(likeness.values())]
    return best[0] if len(best) == 1 else None


def same_list(one: str, two: str) -> bool:
    """Whether two paths lead to entries of one list."""
    return one.rpartition("[")[0] == two.rpartition("[")[0] and one[-1] == two[-1] == "]"


def _numbers(path: str) -> list[str]:
    return re.findall(r"\d+", path)


def _are_a_pair(one: str, two: str) -> bool:
    return bool(
        (WEIGHTS.fullmatch(one) and BIASES.fullmatch(two))
        or (BIASES.fullmatch(one) and WEIGHTS.fullmatch(two))
    )
