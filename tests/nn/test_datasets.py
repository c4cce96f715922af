"""The flower is the course's to the last bit; folders of pictures with good and bad files."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backproof.nn.datasets import (
    UnreadableImageWarning,
    load_image_folder,
    make_flower,
    make_spiral,
)

FLOWER = Path(__file__).resolve().parents[2] / "examples" / "flower.py"


def flower_of_the_example():
    """Run `flower_data` of examples/flower.py, without the training below it."""
    module = ast.parse(FLOWER.read_text("utf-8"))
    module.body = [node for node in module.body if getattr(node, "name", "") == "flower_data"]
    assert module.body
    names = {"np": np}
    exec(compile(module, str(FLOWER), "exec"), names)
    return names["flower_data"]()


class TestFlower:
    def test_seed_one_gives_the_points_of_the_example_to_the_last_bit(self):
        state = np.random.get_state()
        columns, labels = flower_of_the_example()
        np.random.set_state(state)
        X, y = make_flower(random_state=1)
        assert X.T.tobytes() == np.ascontiguousarray(columns).tobytes()
        assert np.array_equal(y, labels[0])

    def test_seed_one_against_figures_from_the_formula(self):
        # The 1st and the 201st draw of seed 1 move θ and r of the first point.
        θ = 0.2 * 1.6243453636632417
        r = 4 * np.sin(4 * θ) + 0.2 * -0.40087819178892664
        X, y = make_flower(random_state=1)
        assert X[0].tolist() == [r * np.sin(θ), r * np.cos(θ)]
        assert X[0] == pytest.approx([1.204442292254319, 3.5761141481288448], abs=1e-14)
        draws = np.random.RandomState(1).standard_normal(800)
        θ = 6.24 + 0.2 * draws[599]
        r = 4 * np.sin(4 * θ) + 0.2 * draws[799]
        assert X[399] == pytest.approx([r * np.sin(θ), r * np.cos(θ)], abs=1e-15)
        assert (y[0], y[199], y[200], y[399]) == (0, 0, 1, 1)

    def test_global_generator_is_used_and_left_alone_as_asked(self):
        np.random.seed(1)
        from_global = make_flower()[0]
        assert np.array_equal(from_global, make_flower(random_state=1)[0])
        before = np.random.get_state()[1].copy()
        make_flower(random_state=3)
        make_flower(random_state=np.random.default_rng(3))
        assert np.array_equal(before, np.random.get_state()[1])

    @pytest.mark.parametrize("n_petals", [1, 2, 3, 4, 5, 8])
    def test_classes_lie_on_different_petals(self, n_petals):
        X, y = make_flower(4000, n_petals=n_petals, noise=0, random_state=0)
        direction = np.arctan2(X[:, 0], X[:, 1]) % (2 * np.pi)
        petal = (direction / (np.pi / n_petals)).astype(int)
        outer = np.hypot(*X.T) > 1  # near the centre the shorter half turn leaves some overlap
        petals = [set(petal[outer & (y == label)]) for label in (0, 1)]
        assert len(petals[0]) == len(petals[1]) == n_petals
        assert not petals[0] & petals[1]

    def test_radius_and_noise(self):
        X, _ = make_flower(4000, radius=7.0, noise=0, random_state=0)
        assert np.hypot(*X.T).max() == pytest.approx(7, abs=1e-4)
        assert np.hypot(*X.T).max() <= 7

    def test_odd_number_of_samples(self):
        X, y = make_flower(7, random_state=0)
        assert X.shape == (7, 2)
        assert np.bincount(y).tolist() == [3, 4]

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"n_samples": 1}, r"n_samples must be an int in the range \[2, inf\). Got 1"),
            ({"n_petals": 0}, "n_petals must be an int"),
            ({"radius": -1.0}, "radius must be a float"),
            ({"noise": float("nan")}, "noise must be a float .* Got nan"),
        ],
    )
    def test_numbers_out_of_range(self, wrong, message):
        with pytest.raises(ValueError, match=message):
            make_flower(**wrong)


class TestSpiral:
    def test_arms_are_half_a_turn_apart(self):
        X, y = make_spiral(200, noise=0)
        assert X[y == 1] == pytest.approx(-X[y == 0], abs=1e-12)

    def test_radius_grows_with_the_angle(self):
        X, y = make_spiral(200, n_turns=2, radius=3.0, noise=0)
        r = np.hypot(*X[y == 0].T)
        assert np.all(np.diff(r) > 0)
        assert r[-1] == pytest.approx(3 * 99.5 / 100)
        crossings = np.sum(np.diff(np.sign(X[y == 0, 0])) != 0)
        assert crossings == 3  # two full turns from the axis on

    def test_seed(self):
        assert np.array_equal(make_spiral(random_state=2)[0], make_spiral(random_state=2)[0])
        assert not np.array_equal(make_spiral(random_state=2)[0], make_spiral(random_state=3)[0])


@pytest.fixture
def folder(tmp_path):
    """Two classes: a left half black and a right half white, and the other way round."""
    stripes = np.zeros((10, 20, 3), np.uint8)
    stripes[:, 10:] = 255
    (tmp_path / "dark_left").mkdir()
    (tmp_path / "bright_left").mkdir()
    for index in range(3):
        Image.fromarray(stripes).save(tmp_path / "dark_left" / f"{index}.png")
        Image.fromarray(stripes[:, ::-1].copy()).save(tmp_path / "bright_left" / f"{index}.bmp")
    return tmp_path


class TestImageFolder:
    def test_rows_labels_and_shape(self, folder):
        data = load_image_folder(folder, (20, 10))
        assert data.X.shape == (6, 600)
        assert data.X.dtype == np.float32
        assert data.shape == (10, 20, 3)
        assert data.classes == ("bright_left", "dark_left")
        assert data.y.tolist() == ["bright_left"] * 3 + ["dark_left"] * 3
        assert [path.name for path in data.paths][:3] == ["0.bmp", "1.bmp", "2.bmp"]
        picture = data.X[3].reshape(data.shape)
        assert np.all(picture[:, :10] == 0)
        assert np.all(picture[:, 10:] == 1)
        assert data.unreadable == ()

    def test_square_is_cut_from_the_centre(self, folder):
        data = load_image_folder(folder, 10, color="grey")
        assert data.shape == (10, 10, 1)
        assert np.all(data.X[3].reshape(10, 10) == np.repeat([0, 1], 5))

    def test_unreadable_files_are_named_and_left_out(self, folder):
        (folder / "dark_left" / "notes.txt").write_text("no picture")
        whole = (folder / "dark_left" / "0.png").read_bytes()
        (folder / "dark_left" / "cut.png").write_bytes(whole[:60])
        (folder / "dark_left" / ".DS_Store").write_bytes(b"\0")
        with pytest.warns(UnreadableImageWarning, match=r"2 of 8 files .*cut\.png.*notes\.txt"):
            data = load_image_folder(folder, 10)
        assert [file.path.name for file in data.unreadable] == ["cut.png", "notes.txt"]
        assert data.unreadable[1].reason == "no picture in a known format"
        assert len(data.X) == 6

    def test_more_pixels_than_pillow_trusts(self, folder, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)
        Image.fromarray(np.zeros((10, 10), np.uint8)).save(folder / "dark_left" / "small.png")
        Image.fromarray(np.zeros((10, 10), np.uint8)).save(folder / "bright_left" / "small.png")
        with pytest.warns(UnreadableImageWarning, match="decompression bomb"):
            data = load_image_folder(folder, 10)
        assert len(data.X) == 2

    def test_sixteen_bits_are_scaled_not_cut_off(self, folder):
        deep = np.full((10, 10), 32768, np.uint16)
        Image.fromarray(deep).save(folder / "dark_left" / "z.png")
        data = load_image_folder(folder, 10, color="grey")
        assert data.X[-1] == pytest.approx(0.5, abs=0.005)

    def test_transparent_is_white(self, folder):
        Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(folder / "dark_left" / "z.png")
        assert np.all(load_image_folder(folder, 10).X[-1] == 1)

    def test_picture_is_turned_as_its_camera_says(self, folder):
        stripes = Image.open(folder / "dark_left" / "0.png")
        exif = Image.Exif()
        exif[0x0112] = 3  # upside down
        stripes.save(folder / "dark_left" / "z.png", exif=exif)
        picture = load_image_folder(folder, (20, 10), color="grey").X[-1].reshape(10, 20)
        assert np.all(picture[:, :10] == 1)

    @pytest.mark.parametrize("names", [[], ["a"], ["a", "b", "c"]])
    def test_not_two_classes(self, tmp_path, names):
        for name in names:
            (tmp_path / name).mkdir()
        with pytest.raises(ValueError, match=f"It holds {len(names)}"):
            load_image_folder(tmp_path, 8)

    def test_class_without_pictures(self, folder):
        (folder / "dark_left" / "0.png").write_bytes(b"x")
        (folder / "dark_left" / "1.png").unlink()
        (folder / "dark_left" / "2.png").unlink()
        with pytest.raises(ValueError, match=r"dark_left holds no readable picture: .*0\.png"):
            load_image_folder(folder, 8)

    def test_wrong_arguments(self, folder):
        with pytest.raises(NotADirectoryError):
            load_image_folder(folder / "nowhere", 8)
        with pytest.raises(ValueError, match="size must be"):
            load_image_folder(folder, (8, 0))
        with pytest.raises(ValueError, match="color must be"):
            load_image_folder(folder, 8, color="cmyk")
