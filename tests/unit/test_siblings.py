"""Values that belong together by where they are kept."""

import pytest

from backproof.checks.siblings import Family, Kept


@pytest.mark.parametrize(
    ("path", "trained"),
    [
        ("W2", ["W1"]),
        ("net.W[0]", ["net.W[1]", "net.b[1]"]),
        ("params['W1']", ["params['W2']"]),
        ("layers[0].W", ["layers[1].W"]),
        ("network[0][1]['weights'][2]", ["network[0][1]['weights'][0]"]),
    ],
)
def test_twins_differ_in_numbers_only(path, trained):
    assert Family.of(trained).twins(path) == trained[:1]


@pytest.mark.parametrize(
    ("path", "trained"),
    [
        ("b1", ["W1"]),
        ("self.bias", ["self.weights"]),
        ("params['b1']", ["params['W1']"]),
        ("model.b[0].value", ["model.W[0].value"]),
    ],
)
def test_a_bias_is_beside_its_weights(path, trained):
    assert Family.of(trained).partners(path) == trained


@pytest.mark.parametrize(
    ("path", "trained"),
    [
        ("X", ["W"]),
        ("self.input", ["self.weights1"]),
        ("targets[0]", ["W[0]"]),
        ("self.b3", ["self.W2"]),
        ("b[1].value", ["W[0].value"]),
    ],
)
def test_data_and_others_are_not(path, trained):
    family = Family.of(trained)
    assert family.twins(path) == []
    assert family.partners(path) == []


def test_values_of_one_dictionary_keep_company():
    family = Family.of(["params['A']", "params['B']", "W"])
    assert family.company("params['D']") == ["params['A']", "params['B']"]
    assert family.company("other['D']") == []
    assert family.company("W2") == []


def test_a_path_is_taken_apart():
    kept = Kept.at("net.layers[1].W.value")
    assert kept.parts == ("net", "layers", "[1]", "W", "value")
    assert kept.name == "W"
