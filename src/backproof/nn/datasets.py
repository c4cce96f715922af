"""Data to classify: two planar figures drawn by a formula, and a folder of pictures.

All return one sample a row, as scikit-learn does; the program this package grew from keeps one a
column (``make_flower(random_state=1)[0].T`` is its ``X``).
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

Floats = NDArray[np.float64]
RandomState = int | np.random.RandomState | np.random.Generator | None

# The course's data set ends its half turns a little early, at 3.12 rather than π, which leaves
# a gap between the classes at the origin; kept, since its points are to be reproduced exactly.
HALF_TURN: Final = 3.12


def make_flower(
    n_samples: int = 400,
    *,
    n_petals: int = 4,
    radius: float = 4.0,
    noise: float = 0.2,
    random_state: RandomState = None,
) -> tuple[Floats, NDArray[np.int64]]:
    """Draw two classes on the petals of a rose, r = radius · sin(n_petals · θ).

    Class 0 has θ in [0, 3.12], class 1 in [3.12, 6.24], and each point is
    (r sin θ, r cos θ), where normal noise was added to θ and then to r.

    ``make_flower(random_state=1)`` gives the 400 points of the planar data set of the deep-learning
    course to the last bit: an integer seeds NumPy's legacy generator, and the draws come in the
    same order as there after ``np.random.seed(1)``.

    Parameters
    ----------
    n_samples : int
        Points of both classes together; the odd one goes to class 1.
    n_petals : int
        Petals of each class. An odd rose repeats itself after half a turn, so that both classes
        would lie on the same petals: there, class 1 is turned to lie between those of class 0.
    radius : float
        Length of a petal.
    noise : float
        Standard deviation, of θ in radians and of r.
    random_state : int, RandomState, Generator or None
        Where the noise comes from; None draws from NumPy's global generator.

    Returns
    -------
    X : float64 of shape (n_samples, 2)
    y : int64 of shape (n_samples,)
        First all zeros, then all ones.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    _at_least("n_samples", n_samples, 2)
    _at_least("n_petals", n_petals, 1)
    _not_negative("radius", radius)
    _not_negative("noise", noise)
    draws = _generator(random_state)
    arms = []
    for label, count in enumerate(_halves(n_samples)):
        start, stop = label * HALF_TURN, (label + 1) * HALF_TURN
        side = -1.0 if label and n_petals % 2 else 1.0
        θ = np.linspace(start, stop, count) + draws.standard_normal(count) * noise
        r = side * radius * np.sin(n_petals * θ) + draws.standard_normal(count) * noise
        arms.append(np.c_[r * np.sin(θ), r * np.cos(θ)])
    return np.concatenate(arms), _labels(n_samples)


def make_spiral(
    n_samples: int = 400,
    *,
    n_turns: float = 1.0,
    radius: float = 4.0,
    noise: float = 0.1,
    random_state: RandomState = None,
) -> tuple[Floats, NDArray[np.int64]]:
    """Draw two classes on the two arms of a spiral, r = radius · θ / (2π · n_turns).

    The second arm is the first one turned by half a turn; normal noise is added to both
    coordinates.

    Parameters
    ----------
    n_samples : int
        Points of both classes together; the odd one goes to class 1.
    n_turns : float
        Full turns of an arm, from the centre outwards.
    radius : float
        Distance of an arm's end from the centre.
    noise : float
        Standard deviation of either coordinate.
    random_state : int, RandomState, Generator or None
        Where the noise comes from; None draws from NumPy's global generator.

    Returns
    -------
    X : float64 of shape (n_samples, 2)
    y : int64 of shape (n_samples,)
        First all zeros, then all ones.

    Raises
    ------
    ValueError
        If a number is out of range.
    """
    _at_least("n_samples", n_samples, 2)
    _not_negative("n_turns", n_turns)
    _not_negative("radius", radius)
    _not_negative("noise", noise)
    draws = _generator(random_state)
    arms = []
    for label, count in enumerate(_halves(n_samples)):
        # The arms meet in the centre; beginning at half a step keeps their first points apart.
        share = (np.arange(count) + 0.5) / count
        θ = 2 * np.pi * n_turns * share + np.pi * label
        r = radius * share
        arm = np.c_[r * np.sin(θ), r * np.cos(θ)]
        arms.append(arm + draws.standard_normal((count, 2)) * noise)
    return np.concatenate(arms), _labels(n_samples)


class UnreadableImageWarning(UserWarning):
    """Some files of a folder of pictures were left out; the message names them."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is not among the samples, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """What `load_image_folder` read.

    Attributes
    ----------
    X : float32 of shape (n_images, height · width · channels)
        Brightness from 0 to 1, row by row from the top left, channels together.
    y : str array of shape (n_images,)
        Name of the sub-folder.
    classes : (str, str)
        Both names, sorted.
    paths : tuple of Path
        File of each row.
    shape : (height, width, channels)
        ``X[i].reshape(folder.shape)`` is a picture.
    unreadable : tuple of Unreadable
        Files that could not be read as pictures.
    """

    X: NDArray[np.float32]
    y: NDArray[np.str_]
    classes: tuple[str, str]
    paths: tuple[Path, ...]
    shape: tuple[int, int, int]
    unreadable: tuple[Unreadable, ...]


def load_image_folder(
    path: str | os.PathLike[str],
    size: int | tuple[int, int],
    *,
    color: Literal["rgb", "grey"] = "rgb",
) -> ImageFolder:
    """Read the pictures of two sub-folders, the two classes, as rows of brightness from 0 to 1.

    A picture is turned as its camera says, laid on white where it is transparent, scaled, and cut
    at the centre to the size asked for. Sub-folders of a class are read too, names that begin with
    a dot are passed over. A file that is no picture, damaged or truncated is left out, and named
    in ``unreadable`` and in one warning.

    Parameters
    ----------
    path : path
        Folder with two sub-folders.
    size : int or (width, height)
        Pixels; one number for a square.
    color : {"rgb", "grey"}
        Three channels or one.

    Returns
    -------
    ImageFolder

    Raises
    ------
    ValueError
        If there are not exactly two sub-folders, or one holds no readable picture.
    NotADirectoryError
        If ``path`` is no folder.
    ImportError
        If Pillow is not installed.
    """
    if color not in ("rgb", "grey"):
        raise ValueError(f"color must be 'rgb' or 'grey'. Got {color!r} instead.")
    width, height = (size, size) if isinstance(size, int) else size
    _at_least("size", min(width, height), 1)
    root = Path(path)
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is not a folder of pictures")
    classes = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and _shown(entry))
    if len(classes) != 2:
        raise ValueError(
            f"{root} must hold two sub-folders, one for each class. "
            f"It holds {len(classes)}{': ' if classes else ''}{', '.join(classes[:10])}"
        )
    rows: list[NDArray[np.float32]] = []
    labels: list[str] = []
    paths: list[Path] = []
    unreadable: list[Unreadable] = []
    for name in classes:
        for file in sorted(_files_of(root / name)):
            try:
                rows.append(_read_picture(file, (width, height), color))
            except _Refused as refused:
                unreadable.append(Unreadable(file, str(refused)))
            else:
                labels.append(name)
                paths.append(file)
        if name not in labels:
            raise ValueError(f"{root / name} holds no readable picture{_named(unreadable)}")
    if unreadable:
        files = len(unreadable) + len(rows)
        warnings.warn(
            f"{len(unreadable)} of {files} files left out{_named(unreadable)}",
            UnreadableImageWarning,
            stacklevel=2,
        )
    return ImageFolder(
        X=np.stack(rows),
        y=np.array(labels),
        classes=(classes[0], classes[1]),
        paths=tuple(paths),
        shape=(height, width, 3 if color == "rgb" else 1),
        unreadable=tuple(unreadable),
    )


class _Refused(Exception):
    """A file is no picture that can be read; the text says why."""


def _read_picture(file: Path, size: tuple[int, int], color: str) -> NDArray[np.float32]:
    """Return one file as a flat row, or raise `_Refused`."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    mode = "RGB" if color == "rgb" else "L"
    try:
        # A file from elsewhere may claim any size: Pillow's warning about it becomes a refusal.
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as opened:
                opened.draft(mode, size)
                picture = ImageOps.exif_transpose(opened)
                picture = ImageOps.fit(_in_eight_bits(picture, mode), size)
    except (_Refused, MemoryError):
        raise
    except UnidentifiedImageError:
        raise _Refused("no picture in a known format") from None
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        raise _Refused(str(error) or type(error).__name__) from error
    return (np.asarray(picture, np.float32) / np.float32(255)).reshape(-1)


def _in_eight_bits(picture: Image.Image, mode: str) -> Image.Image:
    """Return the picture in ``mode``; Pillow's own conversion cuts deeper pixels off at 255."""
    from PIL import Image

    if picture.mode == "F":
        raise _Refused("pixels are floating-point numbers, whose range is not known")
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        deep = np.asarray(picture, np.int64)
        if deep.min() < 0 or deep.max() > 65535:
            raise _Refused("pixels have more than 16 bits")
        picture = Image.fromarray((deep / 257).round().astype(np.uint8))
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return picture.convert(mode)


def _files_of(folder: Path) -> list[Path]:
    return [
        file
        for file in folder.rglob("*")
        if file.is_file() and all(map(_shown, (file, *file.relative_to(folder).parents)))
    ]


def _shown(path: Path) -> bool:
    return not path.name.startswith(".")


def _named(unreadable: list[Unreadable]) -> str:
    """Return ': a.png (why), b.png (why) and 3 more', or nothing."""
    if not unreadable:
        return ""
    first = ", ".join(f"{file.path} ({file.reason})" for file in unreadable[:5])
    more = f" and {len(unreadable) - 5} more" if len(unreadable) > 5 else ""
    return f": {first}{more}"


def _generator(random_state: RandomState) -> Any:
    """Return what draws: for an integer the legacy generator, whose stream is fixed for good."""
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    if random_state is None:
        return np.random.mtrand._rand  # the generator behind np.random.randn
    return np.random.RandomState(random_state)


def _halves(n_samples: int) -> tuple[int, int]:
    return n_samples // 2, n_samples - n_samples // 2


def _labels(n_samples: int) -> NDArray[np.int64]:
    return np.repeat(np.arange(2, dtype=np.int64), _halves(n_samples))


def _at_least(name: str, value: int, smallest: int) -> None:
    if value < smallest:
        raise ValueError(
            f"{name} must be an int in the range [{smallest}, inf). Got {value!r} instead."
        )


def _not_negative(name: str, value: float) -> None:
    if not 0 <= value < np.inf:
        raise ValueError(f"{name} must be a float in the range [0, inf). Got {value!r} instead.")
