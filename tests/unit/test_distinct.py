"""Parameters that the first steps name by their statement and later ones by their place."""

from backproof.finding import ParameterVerdict
from backproof.history import distinct


def verdict(name, status="verified", line=18):
    return ParameterVerdict(name, "g", status, None, None, line)


def test_a_parameter_is_listed_once():
    named = [verdict("p['A']", "wrong"), verdict("p['b']")]
    assert distinct([verdict("p[n]", "wrong"), verdict("p[n] (2)"), *named]) == tuple(named)


def test_no_verdict_is_lost():
    both = (verdict("p[n]", "wrong"), verdict("p['A']"))
    assert distinct(both) == both
    more = (verdict("p[n]"), verdict("p[n] (2)"), verdict("p['A']"))
    assert distinct(more) == more


def test_literal_subscripts_are_places():
    layers = (verdict("self.W[1]"), verdict("self.W[2]"), verdict("self.W (2)"))
    assert distinct(layers) == layers
