"""Narrow beams in layers by ompMC, and fields that are added up from them; for ``dose_monte_carlo.py``.

A beam without width that comes straight down on layers without end holds all parallel fields: what a point
gets from a field is what the narrow beam leaves in the mirrored field about that point. So each history
counts for every point of every field, and minutes are enough. Borders of voxels lie where edges of fields
need them.
"""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.beam_data import Spectrum

Floats = NDArray[np.float64]
PEER: Final = Path(__file__).with_name("dose_monte_carlo_peer.py")
SIDES_MM: Final = (30.0, 50.0, 100.0)
STEP_MM: Final = 2.5
LAYER_MM: Final = 5.0
DEEP_MM: Final = 300.0
WIDE_MM: Final = 250.0
"""Half the width of the layers."""
OUTSIDE_MM: Final = 15.0
"""How far beyond its edge a field is looked at."""
WATER_ELECTRONS: Final = 0.55508
"""Electrons per mass, Z/A."""


@dataclass(frozen=True)
class Medium:
    """A material of ompMC's list, its density in g/cm³, and its electrons per mass (Z/A of its elements)."""

    name: str
    density: float
    electrons: float

    @property
    def relative_electron_density(self) -> float:
        """What isoguide knows of it."""
        return self.density * self.electrons / WATER_ELECTRONS


WATER: Final = Medium("H2O700ICRU", 1.0, WATER_ELECTRONS)
LUNG: Final = Medium("LUNG700ICRU", 0.26, 0.55048)
BONE: Final = Medium("ICRPBONE700ICRU", 1.85, 0.52131)


@dataclass(frozen=True)
class Phantom:
    """Water, with one slab of something else between two depths in mm or without."""

    name: str
    slab: tuple[float, float, Medium] | None = None

    def media(self) -> list[Medium]:
        """Of each layer."""
        found = []
        for middle in depths_mm():
            inside = self.slab is not None and self.slab[0] < middle < self.slab[1]
            found.append(self.slab[2] if self.slab is not None and inside else WATER)
        return found


PHANTOMS: Final = (
    Phantom("water"),
    Phantom("8 cm of lung behind 5 cm of water", (50.0, 130.0, LUNG)),
    Phantom("2 cm of bone behind 5 cm of water", (50.0, 70.0, BONE)),
)


def depths_mm() -> Floats:
    """Middles of the layers, (60,)."""
    return np.arange(LAYER_MM / 2.0, DEEP_MM, LAYER_MM)


def in_pairs(by_depth: Floats) -> Floats:
    """Means of two layers each, over the last axis."""
    return np.asarray(by_depth.reshape(*by_depth.shape[:-1], -1, 2).mean(axis=-1))


def borders_mm() -> tuple[Floats, Floats, Floats]:
    """Borders of the voxels across, along and down."""
    reach = max(SIDES_MM) + OUTSIDE_MM
    fine = np.arange(-reach, reach + STEP_MM / 2.0, STEP_MM)
    halves = np.array(SIDES_MM) / 2.0
    coarse = np.concatenate([[-WIDE_MM], -halves[::-1], halves, [WIDE_MM]])
    return (
        np.concatenate([[-WIDE_MM], fine, [WIDE_MM]]),
        coarse,
        np.arange(0.0, DEEP_MM + LAYER_MM / 2.0, LAYER_MM),
    )


@dataclass(frozen=True, eq=False)
class NarrowBeam:
    """Energy per mass and depth about a narrow beam, Gy mm² per MeV that came in: ``[run, x, y, depth]``."""

    per_mev: Floats
    histories: int
    seconds: float
    version: str

    def write(self, place: Path) -> None:
        """Keep it in a file."""
        place.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(place, allow_pickle=False, **vars(self))

    @classmethod
    def read(cls, place: Path) -> "NarrowBeam":
        """Read what was kept."""
        with np.load(place) as kept:
            return cls(kept["per_mev"], int(kept["histories"]), float(kept["seconds"]), str(kept["version"]))

    def dose(self, side_mm: float, x_mm: float) -> tuple[Floats, Floats]:
        """Gy per MeV/mm² of a square field at a distance from its axis, by pairs of layers; its error."""
        x, y, _ = borders_mm()
        near = 0.5 * (y[1:] + y[:-1])
        half = side_mm / 2.0
        middle = 0.5 * (x[1:] + x[:-1])
        both = [
            self.per_mev[:, np.abs(middle - way * x_mm) < half][:, :, np.abs(near) < half].sum(axis=(1, 2))
            for way in (1.0, -1.0)
        ]
        found = in_pairs(0.5 * (both[0] + both[1]))
        return found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(len(found))


MEV_PER_G_IN_GY: Final = 1.602176634e-10


def narrow_beam(
    python: str, phantom: Phantom, spectrum: Spectrum, histories: int, runs: int = 12
) -> NarrowBeam:
    """Let ompMC follow photons of a spectrum into a phantom."""
    x, y, depth = borders_mm()
    media = phantom.media()
    # Photons of a bin all have its mean energy: as many thin lines as there are bins, and nothing between.
    line = spectrum.energy_mev * np.array([[0.999], [1.001]])
    photons = np.stack([np.zeros(len(spectrum.energy_mev)), spectrum.energy_fluence / spectrum.energy_mev])
    asked = {
        "x_mm": x,
        "y_mm": y,
        "depth_mm": depth,
        "material": np.array([one.name for one in media]),
        "density": np.array([one.density for one in media]),
        "energy_mev": line.T.ravel()[1:],
        "photons": photons.T.ravel()[1:],
        "lowest_mev": line[0, 0],
        "histories": histories,
        "runs": runs,
        "seed": 1 + PHANTOMS.index(phantom),
    }
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(question, allow_pickle=False, **asked)
        subprocess.run([python, PEER, question, answer], check=True, capture_output=True)
        with np.load(answer) as found:
            energy, seconds, version = found["energy_mev"], float(found["seconds"]), str(found["version"])
    mean_mev = float(spectrum.energy_fluence.sum() / (spectrum.energy_fluence / spectrum.energy_mev).sum())
    grams_per_mm2 = np.array([one.density for one in media]) * 1e-3 * LAYER_MM
    per_mev = energy.astype(np.float64) / grams_per_mm2 / mean_mev * MEV_PER_G_IN_GY
    return NarrowBeam(per_mev, histories, seconds, version)
