"""A model comes back to the last bit; any other file is one clear error; nothing in a file runs."""

from __future__ import annotations

import json
import os
import pickle
import re

import numpy as np
import pytest
from safetensors.numpy import load, save

from backproof.nn import BinaryClassifier, storage
from backproof.nn.datasets import make_flower
from backproof.nn.storage import ModelFileError

X, Y = make_flower(120, random_state=0)


def fitted(labels=(0, 1), **settings):
    settings = {"hidden_layers": (5, 3), "max_iter": 20, "random_state": 0} | settings
    return BinaryClassifier(**settings).fit(X, np.array(labels)[Y])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def file(path):
    fitted().save(path)
    return path


@pytest.mark.parametrize(
    "labels",
    [
        (0, 1),
        (-1, 1),
        ("cat", "dog"),
        (False, True),
        np.array([3, 250], np.uint8),
        (1.0, 2.0),
        np.array(["no", "yes"], dtype=object),
    ],
    ids=str,
)
def test_predictions_and_labels_come_back(path, labels):
    model = fitted(labels)
    model.save(path)
    again = BinaryClassifier.load(path)
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(again.predict(X), model.predict(X))
    assert again.classes_.dtype == model.classes_.dtype
    assert again.predict(X).dtype == model.predict(X).dtype


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_layers": ()},
        {"hidden_layers": [4]},
        {"activation": "gelu"},
        {"random_state": None},
        {"random_state": np.random.RandomState(7)},
        {"class_weight": {0: 1.0, 1: 2.5}},
        {"learning_rate": np.float64(0.1)},
        {"dtype": np.float32},
        {"max_gradient_norm": 5.0},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_parameters_come_back(path, settings):
    model = fitted(**settings)
    model.save(path)
    again = BinaryClassifier.load(path)
    before, after = model.get_params(), again.get_params()
    states = before.pop("random_state"), after.pop("random_state")
    if isinstance(states[0], np.random.RandomState):
        assert states[0].random() == states[1].random()
    else:
        assert states[0] == states[1]
    assert after == before
    assert type(again.hidden_layers) is type(model.hidden_layers)


def test_curves_come_back(path):
    model = fitted(early_stopping=True)
    model.save(path)
    again = BinaryClassifier.load(path)
    assert again.n_iter_ == model.n_iter_
    assert list(again.loss_curve_) == list(model.loss_curve_)
    assert list(again.validation_scores_) == list(model.validation_scores_)


def test_number_that_is_none_comes_back(path):
    model = fitted(optimizer="lbfgs")
    assert np.isnan(model.learning_rate_)
    model.save(path)
    assert np.isnan(BinaryClassifier.load(path).learning_rate_)


def test_layout_in_memory_comes_back(path):
    # A product's last bits hang on it.
    model = fitted()
    model.coefs_ = [np.asfortranarray(W) for W in model.coefs_]
    model.save(path)
    again = BinaryClassifier.load(path)
    assert again.coefs_[0].flags.f_contiguous
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


def test_feature_names_come_back(path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["east", "north"])
    model = BinaryClassifier(max_iter=5, random_state=0).fit(frame, Y)
    model.save(path)
    again = BinaryClassifier.load(path)
    assert again.feature_names_in_.tolist() == ["east", "north"]
    assert np.array_equal(again.predict(frame), model.predict(frame))


def test_training_goes_on_where_it_was(path):
    model = fitted(optimizer="adam", random_state=0)
    model.save(path)
    again = BinaryClassifier.load(path)
    for _ in range(3):
        model.partial_fit(X, Y)
        again.partial_fit(X, Y)
    assert np.array_equal(again.coefs_[0], model.coefs_[0])


def test_callbacks_stay_behind(path):
    fitted(callbacks=[lambda epoch: None]).save(path)
    assert BinaryClassifier.load(path).callbacks is None


def test_unfitted_is_refused(path):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        BinaryClassifier().save(path)
    assert not path.exists()


def test_parameter_that_is_no_data_is_refused(path):
    model = fitted()
    model.verbose = object()
    with pytest.raises(TypeError, match="cannot hold verbose, which is a object"):
        model.save(path)


class TestWriting:
    def test_failure_leaves_the_old_file_and_nothing_else(self, file, monkeypatch):
        before = file.read_bytes()

        def full(descriptor):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            fitted(activation="tanh").save(file)
        assert file.read_bytes() == before
        assert os.listdir(file.parent) == [file.name]

    def test_link_stays_a_link(self, file):
        link = file.with_name("link")
        link.symlink_to(file.name)
        fitted(activation="tanh").save(link)
        assert link.is_symlink()
        assert BinaryClassifier.load(file).activation == "tanh"


class TestOtherFiles:
    def refused(self, path, reason):
        with pytest.raises(ModelFileError, match=reason) as caught:
            BinaryClassifier.load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_truncated_anywhere(self, file):
        whole = file.read_bytes()
        for length in [0, 1, 7, 8, 9, len(whole) // 2, len(whole) - 1]:
            file.write_bytes(whole[:length])
            self.refused(file, "empty" if length == 0 else "truncated")

    def test_any_changed_byte_is_noticed(self, file):
        whole = file.read_bytes()
        for place in {*range(0, len(whole), 37), len(whole) - 1}:
            damaged = bytearray(whole)
            damaged[place] ^= 0x04
            file.write_bytes(damaged)
            try:
                BinaryClassifier.load(file)
            except ModelFileError:
                continue
            assert whole[place : place + 1] == b" ", "only padding may change"

    @pytest.mark.parametrize(
        "content", [b"\x80\x04", b"PK\x03\x04" + bytes(60), b"x" * 100, b"\xff" * 64, b"{}" * 20]
    )
    def test_other_formats(self, path, content):
        path.write_bytes(content)
        self.refused(path, "no safetensors file")

    def test_pickle_is_not_run(self, path):
        class Payload:
            def __reduce__(self):
                return os.mkdir, (str(path.parent / "ran"),)

        path.write_bytes(pickle.dumps(Payload()))
        self.refused(path, "no safetensors file")
        assert not (path.parent / "ran").exists()

    @pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}, {"format": "backproof"}])
    def test_safetensors_of_somebody_else(self, path, metadata):
        path.write_bytes(save({"weight": np.zeros(3)}, metadata))
        self.refused(path, "did not write")

    def test_newer_format(self, file):
        self.change(file, format="backproof.nn/2")
        self.refused(file, "of format 2; this backproof reads 1")

    def test_missing_file_and_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            BinaryClassifier.load(tmp_path / "nowhere")
        with pytest.raises(IsADirectoryError):
            BinaryClassifier.load(tmp_path)

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ('"class": "BinaryClassifier"', '"class": "Regressor"'),
            ('"n_features_in_": 2', '"n_features_in_": 3'),
            ('"n_features_in_": 2', '"fit": 2'),
            ('"n_features_in_": 2', '"__class__": 2'),
            ('"n_features_in_": 2', '"max_iter": 2'),
            ('"max_iter": 20', '"max_itre": 20'),
            ('{"tensor": "coefs_.1"}', '{"tensor": "coefs_.9"}'),
            ('{"tensor": "coefs_.1"}', '{"tensor": "coefs_.0"}'),
            ('{"tensor": "coefs_.1"}', '{"call": "os.system"}'),
            ('{"tensor": "coefs_.1"}', "[1]"),
            ('{"tensor": "coefs_.1"}', "3"),
            ('{"tensor": "coefs_.1"}', '{"list": 3}'),
            ('{"tensor": "coefs_.1"}', '{"a": 1, "b": 2}'),
            ('"attributes": {', '"attributes": 3, "more": {'),
        ],
    )
    def test_made_by_hand_with_a_right_checksum(self, file, before, after):
        document = self.metadata(file)["model"]
        assert before in document
        self.change(file, model=document.replace(before, after))
        self.refused(file, "not a model")

    @staticmethod
    def metadata(file):
        whole = file.read_bytes()
        length = int.from_bytes(whole[:8], "little")
        return json.loads(whole[8 : 8 + length])["__metadata__"]

    def change(self, file, **changes):
        """Change metadata and put the checksum right."""
        metadata, tensors = self.metadata(file) | changes, load(file.read_bytes())
        metadata["sha256"] = storage._digest(metadata, tensors)
        file.write_bytes(save(tensors, metadata))


def test_metadata_can_be_read_by_people(file):
    text = file.read_bytes().decode("latin-1")
    assert "backproof.nn/1" in text
    assert re.search(r'\\"max_iter\\": ?20', text)
