"""The steps of a job: fetch, probe, plan, recall, encode and upload, verify, images, publish."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from worker import __version__
from worker.callbacks.callbacks import Callbacks
from worker.config.callback_options import tags_of
from worker.config.job import Job, academy_of
from worker.config.location import title_of
from worker.context import Context
from worker.download.content import Content
from worker.download.make import DownloadContext, make_downloads
from worker.encode.encoder import SourceFile
from worker.encode.run import Encoded, EncodeJob, encode_run
from worker.errors import WorkerError
from worker.ffmpeg.remux import DownloadFormat
from worker.hls.encryption import SegmentCipher, cipher_for, fingerprint_for
from worker.hls.run import Run
from worker.images.generate import ImageContext, generate_images
from worker.images.model import ImageSet
from worker.layout import MASTER
from worker.monitoring.progress import Reporter, Step
from worker.monitoring.status import Status
from worker.outcome import JobResult, clip_of, published
from worker.plan.digest import request_digest, run_name
from worker.plan.plan import Plan, describe
from worker.publish.asked import Asked
from worker.publish.leftovers import delete_leftovers
from worker.publish.manifest import Origin, read_manifest
from worker.publish.one_source import OneSource
from worker.publish.publish import Publication, Published, publish
from worker.publish.standing import is_published
from worker.publish.texts import find_standing, publish_texts
from worker.records.job import Outcome
from worker.records.manifest import DownloadRecord, ManifestRecord
from worker.runtime.workspace import Workspace, open_workspace
from worker.source.fetch.sources import fetch, sizes_of
from worker.source.prepare import PlannedSource, plan_source
from worker.source.subtitle_files import OutsideTrack, fit_tracks
from worker.source.subtitles import make_subtitles
from worker.storage.open import OpenedParts
from worker.storage.retrying import RetryingStore
from worker.upload.listing import list_run
from worker.upload.verify import verify_run

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of one job, in the order in which `run` takes them."""

    job: Job
    context: Context
    result: JobResult
    store: RetryingStore
    status: Status
    reporter: Reporter
    source: OpenedParts
    subtitles: tuple[OutsideTrack, ...]
    callbacks: Callbacks

    def run(self) -> Outcome:
        """Publish the source, unless it is published already."""
        asked = self.find_published()
        if isinstance(asked, Outcome):
            return asked
        with self.open_workspace() as workspace, self.one_source(asked).reported_first():
            paths = self.fetch(workspace)
            planned = self.plan(paths, workspace)
            asked = self.fit(asked, planned.plan, paths)
            name, cipher = self.name_run(planned.plan)
            job = self.encode_job(name, cipher, planned.plan, planned.files, workspace)
            return self.make(job, asked)

    def find_published(self) -> Outcome | Asked:
        """Find what is published: the outcome where nothing is left to be encoded."""
        request = self._request(self.subtitles, self.job.download)
        previous = read_manifest(self.store)
        if previous and is_published(self.store, previous, request):
            return self._already_published(previous)
        if published := self._change_extras(request, previous):
            return self._finish(published, previous)
        return Asked(request=request, previous=previous)

    def open_workspace(self) -> AbstractContextManager[Workspace]:
        """Make the job's folder for the source and unfinished segments."""
        context = self.context
        return open_workspace(self.job.work_dir, tools=context.tools, budget=context.budget)

    def one_source(self, asked: Asked) -> OneSource:
        """Make the check that all of the run is of one source."""
        return OneSource(
            source=self.source,
            store=self.store,
            run=lambda: self.result.run,
            previous=asked.previous,
        )

    def _request(
        self, subtitles: Sequence[OutsideTrack] = (), downloads: Sequence[DownloadFormat] = ()
    ) -> str:
        return request_digest(
            self.source.identity,
            self.job,
            fingerprint=fingerprint_for(self.job),
            subtitles=[track.identity for track in subtitles],
            downloads=downloads,
        )

    def _change_extras(self, request: str, previous: ManifestRecord | None) -> Published | None:
        """Publish what is published with other subtitles or downloads, if nothing else differs."""
        standing = find_standing(self.store, previous, self._request())
        if standing is None or self.job.report:
            # A report is made of the whole run.
            return None
        texts = fit_tracks(self.subtitles, standing.grid, self.job.clip)
        content = standing.content()
        if standing.lacks_any(texts) or (self.job.download and content is None):
            return None
        self.status.update(run=standing.manifest.run)
        self.result.take(standing.manifest)
        downloads: Sequence[DownloadRecord] = ()
        if content is not None and self.job.download:
            with self.open_workspace() as workspace:
                downloads = self._make_downloads(content, workspace, standing.manifest.downloads)
        self.reporter.begin(Step.PUBLISH)
        origin = self._origin(request)
        confirm, threads = self.status.confirm, self.job.upload_threads
        return publish_texts(
            standing, texts, downloads, origin, self.store, confirm=confirm, threads=threads
        )

    def _finish(self, published: Published, previous: ManifestRecord | None) -> Outcome:
        try:
            delete_leftovers(self.store, published, previous)
        except WorkerError as error:
            log.warning("leftovers_not_deleted", reason=str(error))
        self.reporter.begin(Step.END)
        return self._published(published.manifest)

    def _already_published(self, manifest: ManifestRecord) -> Outcome:
        self.result.run = manifest.run
        self.result.already_published = True
        self.reporter.begin(Step.END)
        self.callbacks.published(manifest, already_published=True)
        return published("already published from the same source with the same options")

    def fetch(self, workspace: Workspace) -> tuple[Path, ...]:
        """Return all parts of the source on disk, whole."""
        return fetch(
            self.source,
            self.job,
            workspace,
            on_begin=lambda size: self.reporter.begin(Step.FETCH, bytes=size),
            on_progress=self.reporter.fetched,
        )

    def plan(self, paths: Sequence[Path], workspace: Workspace) -> PlannedSource:
        """Read the source and plan its run."""
        self.reporter.begin(Step.PROBE)
        return plan_source(paths, self.job, workspace)

    def fit(self, asked: Asked, plan: Plan, paths: Sequence[Path]) -> Asked:
        """Cut the subtitles from outside to the video, before hours of encoding: some cannot be."""
        outside = fit_tracks(self.subtitles, plan.grid, self.job.clip)
        return replace(asked, outside=outside, sizes=sizes_of(self.source, paths))

    def name_run(self, plan: Plan) -> tuple[str, SegmentCipher]:
        """Name the run of a plan, and make the cipher of its segments."""
        cipher = cipher_for(self.job, self.source.identity, plan)
        name = run_name(self.source.identity, plan, key_id=cipher.key_id)
        self.status.update(run=name)
        self.take_run(name, plan)
        self.result.rungs = [rung.name for rung in plan.rungs]
        log.info(
            "planned",
            run=name,
            duration_s=self.result.duration_s,
            rungs=self.result.rungs,
            rate=plan.frame_rate and str(plan.frame_rate),
            plan=describe(plan) | cipher.describe(),
        )
        return name, cipher

    def take_run(self, name: str, plan: Plan) -> None:
        """Note what is published in the end, whoever planned it."""
        self.result.run = name
        self.result.duration_s = round(float(plan.grid.duration_s), 3)

    def encode_job(
        self,
        name: str,
        cipher: SegmentCipher,
        plan: Plan,
        sources: Sequence[SourceFile],
        workspace: Workspace,
    ) -> EncodeJob:
        """Make the encode of a run."""
        return EncodeJob(
            plan=plan,
            name=name,
            sources=tuple(sources),
            workspace=workspace,
            cipher=cipher,
            store=self.store,
            reporter=self.reporter,
            threads=self.job.uploads_beside(plan.lanes),
        )

    def make(self, job: EncodeJob, asked: Asked) -> Outcome:
        """Encode a run, and publish it."""
        return self.complete(encode_run(job), job, asked)

    def complete(self, encoded: Encoded, job: EncodeJob, asked: Asked) -> Outcome:
        """Publish what was encoded, as the end of the job."""
        return self._finish(self.publish_encoded(encoded, job, asked), asked.previous)

    def publish_encoded(self, encoded: Encoded, job: EncodeJob, asked: Asked) -> Published:
        """Verify what was encoded, make its texts and images, and publish it."""
        self._take(encoded)
        one_source, paths, workspace = self.one_source(asked), job.paths, job.workspace
        one_source.check()
        self.reporter.begin(Step.VERIFY)
        run = encoded.run
        verify_run(run, list_run(run, self.store, self.context.budget))
        run = replace(run, texts=make_subtitles(run.plan, paths, workspace, outside=asked.outside))
        publication = Publication(
            run=run,
            images=self._generate_images(run, paths, workspace),
            downloads=() if asked.is_first else self._make_downloads(Content.of(run), workspace),
            origin=self._origin(asked.request, asked.sizes),
            previous=asked.previous,
            with_report=self.job.report and not asked.is_first,
        )
        one_source.check()
        return self._publish(publication)

    def _take(self, encoded: Encoded) -> None:
        result = self.result
        result.rungs = [rung.name for rung in encoded.run.rungs]
        result.encode_s, result.speed = encoded.encode_s, encoded.speed
        result.segments, result.segments_resumed = encoded.segments, encoded.segments_resumed
        result.bytes = encoded.bytes
        result.ffmpeg_peak_memory_bytes = encoded.ffmpeg_peak_memory_bytes

    def _generate_images(self, run: Run, paths: Sequence[Path], workspace: Workspace) -> ImageSet:
        context = ImageContext(
            run=run, store=self.store, workspace=workspace, threads=self.job.upload_threads
        )
        names = run.plan.used([part.name for part in self.source.parts])
        return generate_images(context, paths, names, with_chapters=self.job.chapters)

    def _make_downloads(
        self, content: Content, workspace: Workspace, standing: Sequence[DownloadRecord] = ()
    ) -> Sequence[DownloadRecord]:
        title = title_of(self.job.source[0])
        context = DownloadContext(store=self.store, workspace=workspace, title=title)
        return make_downloads(self.job.download, content, context, standing=standing)

    def _origin(self, request: str, sizes: Sequence[int] = ()) -> Origin:
        result = self.result
        return Origin(
            request=request,
            video_request=self._request(),
            source=self.source,
            sizes=sizes,
            clip=clip_of(self.job),
            job_id=self.job.job_id,
            tags=tags_of(self.job.tag),
            academy=academy_of(self.job),
            published_at=self.context.now().isoformat(),
            worker_version=__version__,
            ffmpeg_version=result.ffmpeg or "unknown",
            job=self.context.stats.record(**result.pace),
        )

    def _publish(self, publication: Publication) -> Published:
        self.reporter.begin(Step.PUBLISH)
        confirm, threads = self.status.confirm, self.job.upload_threads
        return publish(publication, self.store, confirm=confirm, threads=threads)

    def _published(self, manifest: ManifestRecord) -> Outcome:
        self.callbacks.published(manifest, already_published=False)
        without = ", ".join(manifest.missing_rungs)
        return published(
            f"published {self.job.destination}/{MASTER}"
            + (f" without {without}, for lack of time; submit again to add it" if without else "")
        )
