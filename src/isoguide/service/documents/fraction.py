"""One fraction: where it is, what may be done, by whom; and what users ask of it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr

from isoguide.service.documents.base import CouchPose, Document, ImageKind, Six, Sixteen, Three
from isoguide.service.documents.course import AccessoryDocument, PatientDocument, WaitingSignature

Action = Literal["no correction", "correct", "second look", "image again", "set up again", "stop"]
Step = Literal["set-up", "image", "match", "approve", "couch", "deliver", "beam on", "hold", "resume", "stop"]
SeenVersion = Annotated[int, Field(description="Version of the fraction that the user saw.")]


class DecisionDocument(Document):
    """What the protocol says about the newest match."""

    action: Action
    rule: str = Field(description="Which rule decided, with value and limit.")
    agreed: Action | None = Field(description="What is done when those who look agree with the match.")
    doubts: tuple[str, ...]
    image_uid: str


class SigningOption(Document):
    """Something that can be decided now, and whose signatures it needs."""

    action: Action
    is_proposed: bool = Field(description="It is what the protocol says.")
    first_roles: tuple[str, ...] = Field(description="One person of these roles signs; empty: anybody.")
    second_roles: tuple[str, ...] | None = Field(
        description="And a second person of these; null: not needed."
    )
    needs_reason: bool
    barred_because: str = Field(description="Why nobody may choose it; empty where somebody may.")
    not_second: str = Field("", description="Who matched by hand, and so cannot be the second person.")


class MatchDocument(Document):
    """A match of an image: of the engine, or by hand."""

    image_uid: str
    verdict: Literal["accept", "review", "not available"]
    reasons: tuple[str, ...]
    algorithm: str
    is_by_hand: bool
    planning_from_daily: Sixteen | None
    correction: Six | None
    deviation: Six | None = Field(description="Standard deviation of the six numbers.")
    pose: CouchPose | None
    residual_mm: float | None = Field(description="What the correction leaves at the target.")
    needs_person: tuple[str, ...]


class ImageLine(Document):
    """An image of the fraction."""

    uid: str
    kind: ImageKind
    model: str
    started_at: datetime
    acquired_at: datetime
    couch: CouchPose
    is_kept: bool = Field(description="Its files are in the image store, so it can be looked at.")


class BeamLine(Document):
    """A treatment beam, and what was delivered of it."""

    number: int
    name: str
    planned_mu: float
    delivered_mu: float


class JournalLine(Document):
    """A step that was made."""

    at: datetime
    event: str
    state_before: str
    state_after: str
    detail: str
    by: str


class SignedDecision(Document):
    """A decision that was signed."""

    action: str
    rule: str
    proposed: str
    by: str
    role: str
    second: str
    is_override: bool
    reason: str
    image_uid: str


class FractionDocument(Document):
    """One fraction now."""

    course_id: str
    number: int
    version: int
    patient: PatientDocument
    site: str
    machine: str
    plan_label: str
    protocol: str
    fractions_planned: int | None
    patient_position: str
    isocentre_mm: Three
    degrees_of_freedom: Literal[3, 4, 6]
    yaw_axis: Literal["support", "eccentric"]
    state: str
    reason: str
    started_at: datetime
    ended_at: datetime | None
    next_steps: tuple[str, ...]
    possible: tuple[Step, ...] = Field(description="Steps that the table of states has from here.")
    needs_somebody: bool
    images_left: int
    image_valid_until: datetime | None = Field(description="Afterwards nothing may rest on the newest image.")
    approval_expires_at: datetime | None
    no_image_because: str
    systematic_correction: Six | None
    set_up_pose: CouchPose | None
    expected_pose: CouchPose | None = Field(description="Where the couch has to stand now, if it is known.")
    order_pose: CouchPose | None = Field(description="Where the approved order sends the couch.")
    correction: Six | None = Field(description="What the approved order does.")
    decision: DecisionDocument | None
    signing: tuple[SigningOption, ...]
    waiting_signature: WaitingSignature | None
    images: tuple[ImageLine, ...]
    matches: tuple[MatchDocument, ...] = Field(description="In order; the newest one counts.")
    decisions: tuple[SignedDecision, ...]
    beams: tuple[BeamLine, ...]
    delivered_mu: float
    planned_mu: float
    tolerance_mm: float
    tolerance_deg: float
    limits: tuple[str, ...] = Field(description="What the protocol allows, in words.")
    journal: tuple[JournalLine, ...]
    room: str | None = Field(description="Connected room that answers for this fraction; null: staff read.")


class BeginRequest(Document):
    """Begin the next fraction."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"accessories": [{"kind": "MASK", "label": "Head mask", "index": "H2"}], "number": 7}
            ]
        }
    )

    accessories: tuple[AccessoryDocument, ...]
    number: int = Field(description="Which fraction the user means to begin.")
    reason: str = ""


class StepRequest(Document):
    """What every step needs."""

    seen_version: SeenVersion
    couch: CouchPose | None = Field(
        None, description="As it was read; left out where a connected room answers."
    )


class SetUpRequest(StepRequest):
    """The patient lies on his marks."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "seen_version": 1,
                    "couch": {"lateral_mm": 1.2, "longitudinal_mm": 853.4, "vertical_mm": -118.0},
                }
            ]
        }
    )

    on_marks: CouchPose | None = Field(
        None, description="The reading on the marks, before a systematic correction."
    )


class MarksRequest(Document):
    """Where marks were measured in the room."""

    couch: CouchPose
    measured_mm: dict[str, Three] = Field(description="Name of a mark to its place, IEC fixed, mm.")


class MarksAnswer(Document):
    """The first move of the couch from the marks; nothing is recorded."""

    correction: Six
    pose: CouchPose
    left_mm: dict[str, float]
    rms_mm: float


class ImageRequest(StepRequest):
    """Take the image that was exported, or let the connected room take one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "seen_version": 2,
                    "couch": {"lateral_mm": 1.2, "longitudinal_mm": 853.4, "vertical_mm": -118.0},
                    "inbox_name": "CBCT 0815",
                }
            ]
        }
    )

    upload_id: str | None = None
    inbox_name: str | None = Field(None, description="A folder of the inbox.")
    machine_isocentre_mm: Three | None = None
    dose_value: float | None = None
    dose_metric: str | None = None
    source_from_gantry_deg: float | None = None


class MovementDocument(Document):
    """One movement by hand, and where it led."""

    at: datetime
    kind: Literal["drag", "key", "typed", "undo", "redo", "reset", "engine"]
    correction: Six


class HandMatchRequest(StepRequest):
    """Where a person found the patient."""

    planning_from_daily: Sixteen
    image_uid: str
    movements: tuple[MovementDocument, ...] = Field(max_length=5000)


class Signature(Document):
    """A person signs with the password, whoever is signed in."""

    name: str
    password: SecretStr


class ApproveRequest(StepRequest):
    """Sign what is done about the newest match."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "seen_version": 4,
                    "couch": {"lateral_mm": 1.2, "longitudinal_mm": 853.4, "vertical_mm": -118.0},
                    "action": "correct",
                    "image_uid": "1.2.826.0.1.3680043.8.498.1",
                    "match_index": 0,
                    "signatures": [{"name": "anna", "password": "four quiet words here"}],
                }
            ]
        }
    )

    action: Action
    reason: str = ""
    image_uid: str = Field(description="Of the match that was looked at.")
    match_index: int = Field(description="Which of the fraction's matches was looked at.")
    signatures: tuple[Signature, ...] = Field(min_length=1, max_length=2)
    ask_second: bool = Field(
        default=False, description="One signature is given; let a second person answer elsewhere."
    )


class SecondSignatureRequest(StepRequest):
    """Answer a first signature that waits."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "seen_version": 5,
                    "couch": {"lateral_mm": 1.2, "longitudinal_mm": 853.4, "vertical_mm": -118.0},
                    "signature": {"name": "berg", "password": "the mountain is quiet"},
                }
            ]
        }
    )

    signature: Signature
    agree: bool = True
    reason: str = ""


class ReasonRequest(Document):
    """A step towards safety: it needs a reason, and no version."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the patient coughs"}]})

    reason: str


class BeamDelivery(Document):
    """What the machine gave of a beam."""

    beam_number: int
    delivered_mu: float = Field(ge=0.0)
    ended: Literal["NORMAL", "OPERATOR", "MACHINE", "UNKNOWN"] = "NORMAL"


class DeliverRequest(StepRequest):
    """What was delivered, as staff read it at the machine."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "seen_version": 8,
                    "couch": {"lateral_mm": 1.2, "longitudinal_mm": 853.4, "vertical_mm": -118.0},
                    "deliveries": [{"beam_number": 1, "delivered_mu": 201.5}],
                }
            ]
        }
    )

    deliveries: tuple[BeamDelivery, ...]


class SimilarityRequest(Document):
    """A pose that a person tries."""

    planning_from_daily: Sixteen


class SimilarityAnswer(Document):
    """What that pose would mean, computed by the service."""

    correction: Six = Field(description="For this couch, as it would be proposed.")
    pose: CouchPose
    residual_mm: float
    needs_person: tuple[str, ...] = Field(
        default=(), description="Why nobody but a person may act on it, a sentence each."
    )
    out_of_reach: tuple[str, ...] = Field(
        default=(), description="Why the couch cannot do it, a sentence each."
    )
    similarity: float | None = Field(
        description="Of the match region, -1 to 1; null where it is not measured."
    )
    from_engine_mm: float | None = Field(
        description="Largest distance at the target from the engine's answer."
    )
    from_engine_deg: float | None
