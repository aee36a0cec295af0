"""What all documents share."""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A request or an answer: frozen, nothing unknown in it, and no number that is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
