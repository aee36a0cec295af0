"""Scanner screens painted from known numbers: speckle in a sector or rectangle, rulers, text, calipers."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Screen:
    """A sector (``radius`` > 0) or rectangle on a screen; lengths in pixels, angles in degrees."""

    shape: tuple[int, int] = (420, 560)
    face: tuple[float, float] = (280.0, 40.0)
    radius: float = 120.0
    depth: float = 330.0
    half_deg: float = 33.0
    half_width: float = 100.0
    background: int = 0
    frames: int = 4
    seed: int = 1

    def polar(self) -> tuple[np.ndarray, np.ndarray]:
        """Depth below the face and angle (or offset) of every pixel."""
        rows, columns = np.indices(self.shape).astype(float)
        if not self.radius:
            return rows - self.face[1], columns - self.face[0]
        down, across = rows - self.face[1] + self.radius, columns - self.face[0]
        return np.hypot(across, down) - self.radius, np.degrees(np.arctan2(across, down))

    def in_fan(self) -> np.ndarray:
        depth, aside = self.polar()
        half = self.half_deg if self.radius else self.half_width
        return (depth >= 0.0) & (depth <= self.depth) & (np.abs(aside) <= half)

    def paint(self) -> np.ndarray:
        """Frames of Rayleigh speckle, three times as wide as high, compressed to 60 dB; deep is darker."""
        rng = np.random.default_rng(self.seed)
        depth, _ = self.polar()
        fan = self.in_fan()
        frames = []
        for _ in range(self.frames):
            parts = [ndimage.gaussian_filter(rng.standard_normal(self.shape), (0.9, 2.7)) for _ in range(2)]
            amplitude = np.hypot(*parts) / np.std(parts)
            level = 130.0 + 255.0 / 60.0 * 20.0 * np.log10(np.maximum(amplitude, 1e-3)) - 0.15 * depth
            frames.append(np.where(fan, np.clip(level, 0, 255), self.background))
        return np.rint(frames).astype(np.uint8)


def write_text(pixels: np.ndarray, row: int, column: int, value: int = 255, letters: int = 6) -> None:
    """Letters H of strokes two pixels wide, written into all frames."""
    for number in range(letters):
        at = column + 14 * number
        pixels[:, row : row + 14, at : at + 2] = value
        pixels[:, row : row + 14, at + 8 : at + 10] = value
        pixels[:, row + 6 : row + 8, at : at + 10] = value


def draw_ruler(pixels: np.ndarray, column: int, first: float, step: float, count: int, major: int) -> None:
    """Marks of a depth ruler, 5 px long, 10 px where a major one is due."""
    for number in range(count):
        row = round(first + number * step)
        length = 10 if number % major == 0 else 5
        pixels[:, row : row + 2, column : column + length] = 200
