"""The hash by which settings of a registration are compared."""

from collections.abc import Mapping

from isoguide.records.plain import canonical_json, sha256_of


def settings_hash(settings: Mapping[str, object]) -> str:
    """Return the hash by which settings of a registration are compared."""
    return sha256_of(canonical_json({key: str(value) for key, value in settings.items()}))
