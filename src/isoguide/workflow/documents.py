"""Strict JSON documents with a published schema, and when they were written."""

import json
import time
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Part of a document: no unknown keys, immutable, and numbers that JSON can hold (RFC 8259)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def document_text(document: BaseModel) -> str:
    """Return a document as indented JSON."""
    return json.dumps(document.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def with_writing(timing_s: Mapping[str, float], start_s: float) -> Mapping[str, float]:
    """Add the time since ``start_s`` (``time.perf_counter``) as that of writing, and to the total."""
    writing_s = time.perf_counter() - start_s
    return MappingProxyType({**timing_s, "write": writing_s, "total": timing_s.get("total", 0.0) + writing_s})
