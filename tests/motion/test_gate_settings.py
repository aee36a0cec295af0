"""What a gate may be set to."""

import pytest

from isoguide.errors import InputError
from isoguide.motion.gate_settings import GateSettings


def test_the_defaults_stay_within_what_tg_76_allows() -> None:
    settings = GateSettings(gate_mm=3.0)
    assert settings.longest_latency_s == 0.5
    assert settings.stale_s <= 0.5
    assert settings.system_latency_s >= 0.149  # the slowest hold that Naylor (2025) measured


@pytest.mark.parametrize(
    "name",
    [name for name in GateSettings.__dataclass_fields__ if name != "bridged_frames"],
)
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_value_that_is_not_positive_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        GateSettings(**({"gate_mm": 3.0} | {name: value}))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"longest_latency_s": 0.6}, "TG-76 allows 0.5"),
        ({"system_latency_s": 0.5}, "leaves nothing of longest_latency_s"),
        ({"least_probability": 0.9}, "settled_probability must lie between"),
        ({"settled_probability": 1.0}, "settled_probability must lie between"),
        ({"least_quality": 1.5}, "least_quality must be a share"),
        ({"period_s": 0.15}, "permit_s (0.3) must last for three looks"),
        ({"permit_s": 0.6}, "permit_s (0.6) must not outlast stale_s"),
        ({"bridged_frames": 4}, "bridged_frames must be 0 to 3"),
        ({"bridged_frames": -1}, "bridged_frames must be 0 to 3"),
        ({"bridged_frames": 0.5}, "bridged_frames must be 0 to 3"),
    ],
)
def test_values_that_contradict_each_other_are_refused(changed: dict, words: str) -> None:
    with pytest.raises(InputError) as refused:
        GateSettings(gate_mm=3.0, **changed)
    assert words in str(refused.value)
