"""Jobs and their parts. The tables are authoritative; messages in the queue only refer to them."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class Job(models.Model):
    """Work in parts, of which `position` are done."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    function = models.CharField(max_length=200)  # its path, such as a.b.c
    title = models.CharField(max_length=100)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+"
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    position = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)  # in a row
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(default=timezone.now)  # when the next part may run
    sent_at = models.DateTimeField(default=timezone.now)  # the last message or finished part
    finished_at = models.DateTimeField(null=True, blank=True)
    # The request that started it, for logs and traces.
    request_id = models.CharField(max_length=64, blank=True, default="")
    traceparent = models.CharField(max_length=55, blank=True, default="")

    class Meta:
        ordering = ("-created_at",)
        indexes: ClassVar = [
            models.Index(
                name="unfinished_jobs",
                fields=["due_at"],
                condition=models.Q(finished_at__isnull=True),
            ),
            models.Index(name="finished_jobs", fields=["finished_at"]),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_finished(self) -> bool:
        return self.finished_at is not None


class Part(models.Model):
    """A part of a job: its input, and its output once it is done."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    given: Any = models.JSONField()
    result = models.TextField(blank=True, default="")
    is_done = models.BooleanField(default=False)

    class Meta:
        ordering = ("number",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("job", "number"), name="number_of_part")
        ]

    def __str__(self) -> str:
        return f"{self.number}"
