"""One structure followed through frames of ultrasound, always measured against how it first looked.

A bank keeps the first look and a few others. Another look enters it only where the first one was found in the
same frame, so that no error is handed on more than once: nothing drifts. What a frame shows is believed when
it correlates with a look of the bank, speckle included, and is the same tissue as in the frame before.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.kernels.patch_tracking import correlation_scan
from isoguide.motion.ultrasound_patch import MIDDLE, NO_WARP, Floats, Match, Patch, Scene
from isoguide.motion.ultrasound_settings import UltrasoundTrackerSettings

COARSE: Final = 2
"""Places are looked for with samples so many times as far apart."""
CANDIDATES: Final = 3
WORTH: Final = 0.6
"""Share of the best place's correlation below which another is none."""
CLEAR: Final = 0.55
"""Correlation of speckle from which on one look needs no other."""
NO_OTHER: Final = 0.4
"""Correlation of speckle from which on there is no other place: nothing else reaches 0.25."""
CLEAR_OUTLINE: Final = 0.8
FAINT: Final = 0.15
"""Where all else correlates so well, and a structure was followed without a break, this much of the speckle
is enough: a real abdomen keeps its outlines through a breath, and less of its speckle. What was lost in
simulations correlates up to 0.65."""
NEW_LOOK: Final = 0.7
"""A look enters the bank when its speckle correlates less than this with all in it."""
ANCHORED: Final = 0.4
"""A look enters the bank only where the first one's speckle correlates more than this."""
AGREEING_MM: Final = 1.0
"""Looks found within this of each other show the same place."""
MARGIN: Final = 4
"""Samples about a patch that a fit may move it by."""
REMEMBERED: Final = 0.5
"""Share of the speed that is foretold from the frames before the last two."""
FLOOR_MM: Final = 0.1
"""What no correlation shows: samples, scan conversion, refraction."""
RUNNING: Final = 2
"""Frames in which a lost structure has to be found again before it counts as seen."""
SAME_TISSUE: Final = 0.5
"""Correlation of the speckle of two frames running. Livers that breathe keep above 0.65 at ten frames a
second, a real abdomen above 0.75 at nineteen; what only looks alike stays below 0.35."""
SHADE: Final = 0.45
"""Grey value against the first look's below which it is the darkness that hides a structure."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a frame says of a structure.

    Parameters
    ----------
    place_mm
        Where it is, (3,) mm from the first pixel; None where it is not seen.
    covariance_mm2
        Of the place, (3, 3).
    correlation, texture
        Of the best look; 0 where there is none.
    reason
        Why it is not seen; empty where it is.
    """

    place_mm: Array | None
    covariance_mm2: Array
    correlation: float
    texture: float
    reason: str = ""


@dataclass(eq=False)
class _Look:
    """How the structure looks at a moment.

    ``covariance_mm2`` is that of its place, ``trust`` the correlation of its speckle with that of the first
    look, and ``warp`` how it was found last, in frame ``useful``.
    """

    patch: Patch
    covariance_mm2: Array
    trust: float = 1.0
    warp: Array = field(default_factory=lambda: NO_WARP)
    useful: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A look found in a frame; ``texture`` is what is left of the first look's speckle on the way over it."""

    look: _Look
    match: Match
    texture: float
    place_mm: Array
    covariance_mm2: Array


class FollowedStructure:
    """A structure, its bank, and where it was last.

    Parameters
    ----------
    scene
        The first frame.
    place_mm
        Where the structure is in it, (3,) mm from the first pixel.
    settings
        How it is followed.
    """

    def __init__(self, scene: Scene, place_mm: Array, settings: UltrasoundTrackerSettings) -> None:
        self.settings, self.home_mm = settings, place_mm
        self._half = round(settings.patch_mm / settings.sample_mm)
        self._coarse_half = round(settings.patch_mm / settings.sample_mm / COARSE)
        self._coarse = Patch(scene, place_mm, self._coarse_half, COARSE * settings.sample_mm)
        self.first = Patch(scene, place_mm, self._half, settings.sample_mm)
        self._bank = [_Look(self.first, np.zeros((3, 3)))]
        self._scene, self._first_mean = scene, float(scene.values[scene.seen].mean())
        self._place_mm, self._speed_mm = place_mm, np.zeros(3)
        self._lost, self._running, self._frame = False, 0, 0

    def see(self, scene: Scene) -> Found:
        """Return where the structure is in the next frame."""
        self._frame += 1
        found = self._recognised(scene)
        reason = self._why_lost(scene, found)
        self._scene = scene
        if reason or found is None:
            self._lose(found)
            correlation, texture = (found.match.correlation, found.texture) if found else (0.0, 0.0)
            return Found(None, np.zeros((3, 3)), correlation, texture, reason)
        self._take(scene, found)
        return Found(found.place_mm, found.covariance_mm2, found.match.correlation, found.texture)

    def overlooked(self) -> None:
        """Count a frame that says nothing: the structure may have moved on."""
        self._frame += 1
        self._speed_mm = np.zeros(3)

    def _recognised(self, scene: Scene) -> _Seen | None:
        """Return where a frame shows the structure best, by the look that says it most exactly."""
        first, others = self._bank[0], self._bank[1:]
        windows, all_seen = [], []
        for place_mm in self._candidates(scene):
            window = scene.window(place_mm, self._half + MARGIN, self.settings.sample_mm)
            seen = self._fitted(first, window, place_mm)
            if seen is not None and seen.texture >= CLEAR:
                return seen
            windows.append((window, place_mm))
            if seen is not None:
                all_seen.append(seen)
            if seen is not None and seen.texture >= NO_OTHER:
                windows = windows[-1:]
                break
        all_seen += [
            seen
            for window, place_mm in windows
            for look in others
            if (seen := self._fitted(look, window, place_mm)) is not None
        ]
        return self._best_of(all_seen)

    def _best_of(self, all_seen: list[_Seen]) -> _Seen | None:
        if not all_seen:
            return None
        best = max(all_seen, key=lambda one: one.match.texture)
        agreeing = [one for one in all_seen if np.linalg.norm(one.place_mm - best.place_mm) <= AGREEING_MM]
        surest = max(agreeing, key=lambda one: one.texture)
        exact = min(agreeing, key=lambda one: float(np.trace(one.covariance_mm2)))
        return surest if exact.texture < self.settings.least_texture else exact

    def _fitted(self, look: _Look, window: Floats, place_mm: Array) -> _Seen | None:
        start = np.column_stack([look.warp[:, :3], np.zeros(3)])
        match = look.patch.find(window, start)
        if match is None:
            return None
        found_mm = place_mm + self.settings.sample_mm * match.warp[:, 3]
        covariance = match.shift_mm2 + look.covariance_mm2 + FLOOR_MM**2 * np.eye(3)
        return _Seen(look, match, look.trust * match.texture, found_mm, covariance)

    def _candidates(self, scene: Scene) -> list[Array]:
        """Return places at which the structure may be, likeliest first."""
        settings = self.settings
        expected_mm = self.home_mm if self._lost else self._place_mm + self._speed_mm
        reach_mm = settings.search_mm if self._lost else settings.reach_mm
        step_mm = COARSE * settings.sample_mm
        reach = int(np.ceil(reach_mm / step_mm))
        window = scene.window(expected_mm, self._coarse_half + reach, step_mm)
        answer = correlation_scan(window, self._coarse.values)
        answer = np.nan_to_num(answer, nan=-1.0)
        places: list[Array] = []
        best = 0.0
        while len(places) < CANDIDATES:
            at = np.unravel_index(int(answer.argmax()), answer.shape)
            value = float(answer[at])
            if value <= 0.1 or value < WORTH * best:
                break
            best = max(best, value)
            middle = np.array([reach, reach, reach if scene.is_volume else 0])
            places.append(expected_mm + step_mm * (np.array(at[::-1]) - middle))
            near = tuple(slice(max(n - 2, 0), n + 3) for n in at)
            answer[near] = -1.0
        return places

    def _why_lost(self, scene: Scene, found: _Seen | None) -> str:
        settings = self.settings
        if found is None:
            return self._darkness(scene) or "nothing like the structure is where it is expected"
        match = found.match
        least = settings.regained_texture if self._lost else settings.least_texture
        if not self._lost and match.correlation >= CLEAR_OUTLINE:
            least = min(least, FAINT)
        if match.correlation < settings.least_correlation:
            return self._darkness(scene) or "the image no longer looks like the structure"
        if found.texture < least:
            return self._darkness(scene) or (
                "the speckle is another: the structure has left the plane, or this is something like it"
            )
        if not self._lost:
            return self._why_other_tissue(scene, found)
        self._running = self._running + 1 if self._near_last(found) else 1
        if self._running < RUNNING:
            self._place_mm = found.place_mm
            return "the structure is found again and has to be confirmed by the next frame"
        return ""

    def _near_last(self, found: _Seen) -> bool:
        return float(np.linalg.norm(found.place_mm - self._place_mm)) <= self.settings.reach_mm

    def _why_other_tissue(self, scene: Scene, found: _Seen) -> str:
        """Follow what was found back into the frame before: it has to come back to where it was."""
        step_mm = COARSE * self.settings.sample_mm
        now = Patch(scene, found.place_mm, self._coarse_half, step_mm)
        before = self._scene.window(self._place_mm, self._coarse_half + MARGIN, step_mm)
        match = now.find(before, NO_WARP)
        if match is None or match.texture < SAME_TISSUE:
            return "this is not the tissue of the frame before"
        away_mm = step_mm * float(np.linalg.norm(match.warp[:, 3]))
        if away_mm > self.settings.return_mm:
            return f"followed back, the structure comes out {away_mm:.1f} mm from where it was"
        return ""

    def _darkness(self, scene: Scene) -> str:
        """Return that it is dark where the structure is expected, in words; empty where it is not."""
        step_mm = COARSE * self.settings.sample_mm
        window = scene.window(self._place_mm, self._coarse_half, step_mm) + MIDDLE
        grey = float(np.nanmean(window)) if np.isfinite(window).any() else 0.0
        if grey >= SHADE * self.first.grey:
            return ""
        all_seen = scene.values[scene.seen]
        if float(all_seen.mean()) < SHADE * self._first_mean:
            return "the image is dark: the probe may have lost contact"
        return "the structure lies in a shadow"

    def _lose(self, found: _Seen | None) -> None:
        if not self._lost:
            self._running = 0
        if found is None:
            self._running = 0
        self._lost = True
        self._speed_mm = np.zeros(3)

    def _take(self, scene: Scene, found: _Seen) -> None:
        moved_mm = found.place_mm - self._place_mm
        if self._lost:
            self._speed_mm = np.zeros(3)
        else:
            self._speed_mm = REMEMBERED * self._speed_mm + (1.0 - REMEMBERED) * moved_mm
        self._lost, self._running = False, 0
        self._place_mm = found.place_mm
        found.look.warp = found.match.warp
        found.look.useful = self._frame
        self._learn(scene, found)

    def _learn(self, scene: Scene, found: _Seen) -> None:
        """Keep how the structure looks now, where no look in the bank is like it."""
        is_first = found.look is self._bank[0]
        if not is_first or not ANCHORED < found.match.texture < NEW_LOOK or self.settings.keyframes == 0:
            return
        patch = Patch(scene, found.place_mm, self._half, self.settings.sample_mm)
        window = scene.window(found.place_mm, self._half + MARGIN, self.settings.sample_mm)
        for look in self._bank[1:]:
            seen = self._fitted(look, window, found.place_mm)
            if seen is not None and seen.match.texture >= NEW_LOOK:
                return
        if len(self._bank) > self.settings.keyframes:
            self._bank.remove(min(self._bank[1:], key=lambda look: look.useful))
        self._bank.append(_Look(patch, found.covariance_mm2, found.texture))
