"""The steps before the beam: set up, image, align, approve or confirm, move the couch, read it back."""

from datetime import datetime, timedelta

from isoguide.course import Person
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.treatment.freshness import Moment, require_current
from isoguide.treatment.match import Match, Proposal, match_by_hand, match_image
from isoguide.treatment.memory import Place
from isoguide.treatment.orders import Approver, CouchOrder
from isoguide.treatment.ports import DayImage, Exposure
from isoguide.treatment.refusals import PersonNeededError, PositionError, RefusedError, StaleImageError
from isoguide.treatment.session import Session
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
        self._remember(began_at=self._now())
        self._drive(pose)
        self._require_couch_at(pose, "the couch is not at its set-up pose")
        return self._enter(Event.SET_UP, f"couch at {pose_words(pose)}")

    def reposition(self, reason: str) -> State:
        """Have the patient set up again: images, orders and a verified position of before end here."""
        self._require(Event.REPOSITION)
        orders = self._memory.orders.voided("the patient is set up again")
        return self._enter(Event.REPOSITION, reason, orders=orders, place=None)

    def treat_without_image(self) -> State:
        """Take the set-up position for verified, on a day for which the protocol asks for no image.

        Raises
        ------
        RefusedError
            If an image is needed today.
        PositionError
            If the couch is not at its set-up pose any more.
        DeviceError
            If the couch does not answer.
        """
        self._require(Event.SKIP_IMAGE)
        if not self._no_image_because:
            msg = "the protocol asks for an image today: take one"
            raise RefusedError(msg)
        pose = self._memory.destination
        self._require_couch_at(pose, "the couch is not at its set-up pose")
        place = Place(pose, shown_by_image=False)
        return self._enter(Event.SKIP_IMAGE, self._no_image_because, place=place)

    def image(self, *, since: datetime | None = None) -> DayImage:
        """Take an image. Whatever becomes of it, older images, orders and a verified position end here.

        Parameters
        ----------
        since
            The exposure counts when it was begun after this moment: now, unless the image is fetched after it
            was made, as where staff work at the machine's own console. It never counts when it was begun
            before the couch last stopped.

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
        memory = self._memory
        if self.images_left <= 0:
            msg = f"{memory.exposures} images were taken, as many as this fraction may have"
            raise RefusedError(msg)
        orders = memory.orders.voided("a new image was asked for")
        self._remember(orders=orders, place=None, exposures=memory.exposures + 1)
        try:
            image = self._acquire(since)
            images = (*self._memory.images, image.exposure)
            self._enter(Event.IMAGE, f"image {image.uid} ({image.model})", images=images)
        except BaseException as error:
            if not self.state.is_final:
                self._enter(Event.LOSE_IMAGE, in_words(error))
            raise
        self._images = {**self._images, image.uid: image}
        return image

    def _acquire(self, since: datetime | None) -> DayImage:
        asked_at = since if since is not None else self._now()
        image = self._room.imager.acquire()
        couch = self._read_couch()
        memory = self._memory
        moment = Moment(
            memory.began_at, memory.couch_stopped_at, asked_at, self._now(), couch, memory.known_uids
        )
        self._remember(known_uids=memory.known_uids | {image.uid})
        require_current(image, self.planned, moment, self.limits.couch)
        self._require_young(image.exposure)
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
        exposure = self._memory.images[-1]
        self._require_young(exposure)
        if exposure.uid not in self._images:
            msg = (
                f"image {exposure.uid} was taken before a restart and is not at hand any more; take a new one"
            )
            raise StaleImageError(msg)
        match = match_image(self.planned, self._images[exposure.uid], self.limits, self._made)
        self._enter(Event.ALIGN, match_words(match), matches=(*self.matches, match))
        return match

    def match_by_hand(self, planning_from_daily: RigidTransform, by: Person, words: str = "") -> Match:
        """Take what a person found for the match of the newest image, in place of the one before.

        Parameters
        ----------
        planning_from_daily
            Daily LPS to planning LPS.
        by
            The person.
        words
            How it was found, for the journal.

        Raises
        ------
        StaleImageError
            If the image has become too old, or it was not kept where the machine isocentre is in it.
        PositionError
            If the couch was moved since the image.
        DeviceError
            If the couch does not answer.
        GeometryError
            If the transform is one between other frames.
        """
        self._require(Event.MATCH_BY_HAND)
        exposure = self._require_image_of_now()
        match = match_by_hand(
            self.planned,
            exposure,
            self._engine_match,
            planning_from_daily,
            by.name,
            self.limits,
            self._made,
        )
        detail = "; ".join(part for part in (match_words(match), words) if part)
        self._enter(Event.MATCH_BY_HAND, detail, matches=(*self.matches, match))
        return match

    def match_by_engine(self, by: Person) -> Match:
        """Go back to the engine's match of the newest image.

        Raises
        ------
        RefusedError
            If it stands already.
        StaleImageError, PositionError, DeviceError
            As for :meth:`match_by_hand`.
        """
        self._require(Event.MATCH_BY_ENGINE)
        if self.matches[-1].by_hand is None:
            msg = "the engine's match stands already: nobody matched this image by hand since"
            raise RefusedError(msg)
        self._require_image_of_now()
        match = self._engine_match
        detail = f"by {by.name}: {match_words(match)}"
        self._enter(Event.MATCH_BY_ENGINE, detail, matches=(*self.matches, match))
        return match

    @property
    def _made(self) -> CouchCorrection | None:
        return self.corrections[-1] if self.corrections else None

    @property
    def _engine_match(self) -> Match:
        uid = self._memory.images[-1].uid
        return next(match for match in self.matches if match.image_uid == uid and match.by_hand is None)

    def _require_image_of_now(self) -> Exposure:
        """Return the newest image, if it shows the patient as he lies now."""
        exposure = self._memory.images[-1]
        self._require_young(exposure)
        self._require_couch_at(exposure.couch, "the couch was moved since the image")
        return exposure

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
        if len(self.corrections) >= self.limits.corrections:
            msg = f"{len(self.corrections)} corrections were made, as many as this fraction may have"
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
        detail = f"by {by}: {correction_words(order.correction)}"
        self._enter(Event.APPROVE, detail, orders=self._memory.orders.with_order(order))
        return order

    def confirm(self, by: Approver) -> State:
        """Confirm that the patient may be treated where the image shows him.

        What it calls for is within the tolerance, or a person says why nothing is done about it.

        Raises
        ------
        PersonNeededError
            If it calls for more and ``by`` is not a person with a reason.
        RefusedError
            As for :meth:`approve`.
        """
        self._require(Event.CONFIRM)
        match, proposal = self._current_match(by)
        size = f"{proposal.shift_mm:.2f} mm and {proposal.angle_deg:.2f}°"
        if not proposal.is_within_tolerance(self.limits) and not _says_why(by):
            limit = f"{self.limits.tolerance_mm:g} mm and {self.limits.tolerance_deg:g}°"
            msg = f"the image calls for {size}, more than the tolerance of {limit}: correct the position"
            raise PersonNeededError(msg)
        detail = f"by {by}: the image {match.image_uid} calls for {size} only"
        place = Place(match.couch_at_image, shown_by_image=True, image_uid=match.image_uid)
        return self._enter(Event.CONFIRM, detail, place=place)

    def _current_match(self, by: Approver) -> tuple[Match, Proposal]:
        """Return what a decision may rest on now, or refuse."""
        match = self.matches[-1]
        self._require_young(self._memory.images[-1])
        proposal = match.proposal
        if proposal is None:
            msg = f"there is no answer to act on: {'; '.join(match.registration.reasons)}"
            raise RefusedError(msg)
        if proposal.needs_person and not _says_why(by):
            lacks = "a person's reason" if by.is_person else "a person"
            msg = f"this needs {lacks}: {'; '.join(proposal.needs_person)}"
            raise PersonNeededError(msg)
        self._require_couch_at(match.couch_at_image, "the couch was moved since the image")
        return match, proposal

    def withdraw(self, reason: str) -> State:
        """Take the approval back."""
        self._require(Event.WITHDRAW)
        return self._enter(Event.WITHDRAW, reason, orders=self._memory.orders.voided(reason))

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
        # Used up before the couch moves: after a power cut in between, the read-back says whether it did.
        self._enter(
            Event.MOVE_COUCH,
            f"order {token} to {pose_words(order.pose)}",
            orders=self._memory.orders.used(order, self._timeline.latest),
            corrections=(*self.corrections, order.correction),
            destination=order.pose,
        )
        self._drive(order.pose)
        return self.state

    def _valid_order(self, token: str) -> CouchOrder:
        try:
            order = self._memory.orders.check(token, self._now())
            self._require_young(self._memory.images[-1])
            self._require_couch_at(order.couch_at_image, "the couch was moved since the image")
        except RefusedError as error:
            # A wrong token says nothing about the order that is valid; anything else ends it.
            if not self.state.is_final and (self.order is None or self.order.token == token):
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
        pose = self._memory.destination
        try:
            self._require_couch_at(pose, "the couch is not where it was sent")
            self._room.clock.wait(self.limits.couch.settle_s)
            self._require_couch_at(pose, "the couch does not stand still")
        except PositionError as error:
            self._enter(Event.MISS, str(error))
            raise
        place = Place(pose, shown_by_image=False, image_uid=self._memory.images[-1].uid)
        return self._enter(Event.VERIFY, f"read back at {pose_words(pose)}", place=place)

    def _drive(self, pose: TableTopPose) -> None:
        self._remember(destination=pose)
        try:
            self._room.couch.move_to(pose)
        finally:
            self._remember(couch_stopped_at=self._timeline.stamp())


def _says_why(by: Approver) -> bool:
    return by.is_person and bool(by.reason.strip())
