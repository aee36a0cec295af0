"""The steps before the beam: set up, image, align, approve or confirm, move the couch, read it back."""

from datetime import timedelta

from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.freshness import Moment, require_current
from isoguide.treatment.match import Match, Proposal, match_image
from isoguide.treatment.orders import Approver, CouchOrder
from isoguide.treatment.ports import DayImage
from isoguide.treatment.refusals import PersonNeededError, PositionError, RefusedError
from isoguide.treatment.session import Place, Session
from isoguide.treatment.states import Event, State
from isoguide.treatment.words import correction_words, in_words, match_words, pose_words


class Positioning(Session):
    """Brings the patient of today to where the plan wants him, and proves it."""

    def set_up(self) -> State:
        """Drive the couch to the set-up pose, where the patient lies on his marks.

        Raises
        ------
        PositionError
            If the couch is not there afterwards.
        DeviceError
            If the couch does not answer.
        """
        self._require(Event.SET_UP)
        pose = self.planned.set_up_pose
        self._began_at = self._now()
        self._drive(pose)
        self._require_couch_at(pose, "the couch is not at its set-up pose")
        return self._enter(Event.SET_UP, f"couch at {pose_words(pose)}")

    def image(self) -> DayImage:
        """Take an image. Whatever becomes of it, older images, orders and a verified position end here.

        Raises
        ------
        StaleImageError
            If the image does not show this patient as he lies now.
        DeviceError
            If the imager or the couch does not answer, or the image was lost.
        RefusedError
            If the fraction has no image left.
        """
        self._require(Event.IMAGE)
        if self.images_left <= 0:
            msg = f"{self._exposures} images were taken, as many as this fraction may have"
            raise RefusedError(msg)
        self._orders.void("a new image was asked for")
        self._place = None
        self._exposures += 1
        try:
            image = self._acquire()
            self._enter(Event.IMAGE, f"image {image.uid} ({image.model})")
        except BaseException as error:
            if not self._state.is_final:
                self._enter(Event.LOSE_IMAGE, in_words(error))
            raise
        self._images.append(image)
        return image

    def _acquire(self) -> DayImage:
        asked_at = self._now()
        image = self._room.imager.acquire()
        couch = self._read_couch()
        moment = Moment(
            self._began_at,
            self._couch_stopped_at,
            asked_at,
            self._now(),
            couch,
            frozenset(self._known_uids),
        )
        self._known_uids.add(image.uid)
        require_current(image, self.planned, moment, self.limits.couch)
        self._require_young(image)
        return image

    def align(self) -> Match:
        """Match the image to the plan.

        Raises
        ------
        StaleImageError
            If the image has become too old.
        InputError
            If the image cannot be used.
        """
        self._require(Event.ALIGN)
        self._require_young(self._images[-1])
        made = self._corrections[-1] if self._corrections else None
        match = match_image(self.planned, self._images[-1], self.limits, made)
        self._enter(Event.ALIGN, match_words(match))
        self._matches.append(match)
        return match

    def approve(self, by: Approver) -> CouchOrder:
        """Approve the correction: the order to carry it out, valid once and for a limited time.

        Raises
        ------
        PersonNeededError
            If the match is doubtful or the correction large and ``by`` is not a person with a reason.
        StaleImageError
            If the image has become too old.
        PositionError
            If the couch was moved since the image.
        RefusedError
            If there is no correction, the couch cannot make it, or no correction is left.
        """
        self._require(Event.APPROVE)
        match, proposal = self._current_match(by)
        if proposal.out_of_reach:
            raise RefusedError("; ".join(proposal.out_of_reach))
        if len(self._corrections) >= self.limits.corrections:
            msg = f"{len(self._corrections)} corrections were made, as many as this fraction may have"
            raise RefusedError(msg)
        now = self._now()
        order = CouchOrder(
            token=f"{match.image_uid}/{len(self._journal)}",
            pose=proposal.pose,
            couch_at_image=match.couch_at_image,
            correction=proposal.correction,
            image_uid=match.image_uid,
            approved_by=by,
            made_at=now,
            expires_at=now + timedelta(seconds=self.limits.approval_s),
        )
        self._enter(Event.APPROVE, f"by {by}: {correction_words(order.correction)}")
        self._orders.issue(order)
        self._order = order
        return order

    def confirm(self, by: Approver) -> State:
        """Confirm that the image shows the patient in place: what it calls for is within the tolerance.

        Raises
        ------
        RefusedError
            If it calls for more, or as for :meth:`approve`.
        """
        self._require(Event.CONFIRM)
        match, proposal = self._current_match(by)
        size = f"{proposal.shift_mm:.2f} mm and {proposal.angle_deg:.2f}°"
        if not proposal.is_within_tolerance(self.limits):
            limit = f"{self.limits.tolerance_mm:g} mm and {self.limits.tolerance_deg:g}°"
            msg = f"the image calls for {size}, more than the tolerance of {limit}: correct the position"
            raise RefusedError(msg)
        detail = f"by {by}: the image {match.image_uid} calls for {size} only"
        state = self._enter(Event.CONFIRM, detail)
        self._place = Place(match.couch_at_image, shown_by_image=True)
        return state

    def _current_match(self, by: Approver) -> tuple[Match, Proposal]:
        """Return what a decision may rest on now, or refuse."""
        match = self._matches[-1]
        self._require_young(self._images[-1])
        proposal = match.proposal
        if proposal is None:
            msg = f"there is no answer to act on: {'; '.join(match.registration.reasons)}"
            raise RefusedError(msg)
        if proposal.needs_person and not (by.is_person and by.reason.strip()):
            lacks = "a person's reason" if by.is_person else "a person"
            msg = f"this needs {lacks}: {'; '.join(proposal.needs_person)}"
            raise PersonNeededError(msg)
        self._require_couch_at(match.couch_at_image, "the couch was moved since the image")
        return match, proposal

    def withdraw(self, reason: str) -> State:
        """Take the approval back."""
        self._require(Event.WITHDRAW)
        self._orders.void(reason)
        return self._enter(Event.WITHDRAW, reason)

    def move_couch(self, token: str) -> State:
        """Carry out the order of this token.

        Raises
        ------
        OrderError
            If the token is unknown, used, void or expired.
        StaleImageError
            If the image has become too old.
        PositionError
            If the couch was moved since the image.
        DeviceError
            If the couch does not answer. It may have moved: the state is "couch moved", and not verified.
        """
        self._require(Event.MOVE_COUCH)
        order = self._valid_order(token)
        self._enter(Event.MOVE_COUCH, f"order {token} to {pose_words(order.pose)}")
        self._orders.use(token, self._timeline.latest)
        self._corrections.append(order.correction)
        self._drive(order.pose)
        return self._state

    def _valid_order(self, token: str) -> CouchOrder:
        try:
            order = self._orders.check(token, self._now())
            self._require_young(self._images[-1])
            self._require_couch_at(order.couch_at_image, "the couch was moved since the image")
        except RefusedError as error:
            # A wrong token says nothing about the order that is valid; anything else ends it.
            if not self._state.is_final and (self._order is None or self._order.token == token):
                self.withdraw(str(error))
            raise
        return order

    def verify(self) -> State:
        """Read the couch back, twice: it has to stand still where the order sent it.

        Raises
        ------
        PositionError
            If it does not; the message names axis, expected and read value. Only a new image helps then.
        DeviceError
            If the couch does not answer.
        """
        self._require(Event.VERIFY)
        pose = self._destination
        try:
            self._require_couch_at(pose, "the couch is not where it was sent")
            self._room.clock.wait(self.limits.couch.settle_s)
            self._require_couch_at(pose, "the couch does not stand still")
        except PositionError as error:
            self._enter(Event.MISS, str(error))
            raise
        state = self._enter(Event.VERIFY, f"read back at {pose_words(pose)}")
        self._place = Place(pose, shown_by_image=False)
        return state

    def _drive(self, pose: TableTopPose) -> None:
        self._destination = pose
        try:
            self._room.couch.move_to(pose)
        finally:
            self._couch_stopped_at = self._timeline.stamp()
