"""What the routes of the clinic share: the consoles, long work, uploads, what is kept for many readers."""

from collections.abc import Sequence
from dataclasses import dataclass

from isoguide.service.jobs import Job, Jobs
from isoguide.service.problems import status_and_kind
from isoguide.service.settings import ServiceSettings
from isoguide.workflow.clinic.console import Console
from isoguide.workflow.clinic.day_anatomy import AnatomyDesk
from isoguide.workflow.clinic.day_corrections import CorrectionsDesk
from isoguide.workflow.clinic.day_dose import DoseDesk
from isoguide.workflow.clinic.desk import Desk
from isoguide.workflow.clinic.inbox import Inbox
from isoguide.workflow.clinic.pictures.gallery import Gallery
from isoguide.workflow.clinic.records_watch import RecordsWatch
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.room_events import JobChanged, RoomEvents
from isoguide.workflow.clinic.uploads import Uploads
from isoguide.workflow.clinic.worklist import Worklist
from isoguide.workflow.review.kept_reviews import PopulationReviews


@dataclass(frozen=True, slots=True)
class Clinic:
    """What the routes of the clinic share."""

    desk: Desk
    gallery: Gallery
    anatomy: AnatomyDesk
    doses: DoseDesk
    corrections: CorrectionsDesk
    console: Console
    events: RoomEvents
    jobs: Jobs
    uploads: Uploads
    inbox: Inbox
    worklist: Worklist
    reviews: PopulationReviews
    watch: RecordsWatch

    @classmethod
    def of(
        cls, desk: Desk, settings: ServiceSettings, events: RoomEvents, drives: Sequence[RoomDrive]
    ) -> "Clinic":
        """Return that of a service that has just begun.

        Parameters
        ----------
        desk
            Of the department.
        settings
            Of the service.
        events
            The hub that the connected rooms tell.
        drives
            The connected rooms.
        """

        def told(job: Job) -> None:
            events.publish(JobChanged(job.job_id, job.title, job.state, job.fraction_done, job.step))

        gallery = Gallery.of(desk)
        doses = DoseDesk(desk, gallery)
        return cls(
            desk,
            gallery,
            AnatomyDesk(desk, gallery),
            doses,
            CorrectionsDesk(doses),
            Console(desk, events, drives, gallery.prefetch),
            events,
            Jobs(told, lambda error: status_and_kind(error)[1], settings.now),
            Uploads(settings.uploads, settings.now),
            Inbox(settings.inbox, settings.now),
            Worklist(desk),
            PopulationReviews(desk.records),
            RecordsWatch(desk.records, events),
        )

    def start(self) -> None:
        """Begin what goes on beside the requests."""
        self.watch.start()

    def close(self) -> None:
        """Hold what is on, cancel what runs, and leave no file behind."""
        for drive in self.console.drives:
            drive.close()
        self.watch.close()
        self.jobs.close()
        self.uploads.close()
        self.gallery.close()
        self.events.close()
