from typing import Self

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone


class Status(models.TextChoices):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"


class ArticleQuerySet(models.QuerySet["Article"]):
    def with_status(self, status: str) -> Self:
        now = timezone.now()
        return self.filter(
            {
                Status.DRAFT: Q(published_at=None),
                Status.SCHEDULED: Q(published_at__gt=now),
                Status.PUBLISHED: Q(published_at__lte=now),
            }[Status(status)]
        )

    def published(self) -> Self:
        return self.with_status(Status.PUBLISHED)


class Article(models.Model):
    """An article, which is a draft until it has a time of publication."""

    title = models.CharField(max_length=200)
    slug = models.SlugField("address", max_length=100, unique=True)
    summary = models.CharField(max_length=300, help_text="For lists and the feed.")
    text = models.TextField(max_length=100_000, help_text="An empty line begins a new paragraph.")
    published_at = models.DateTimeField(
        null=True,
        blank=True,
        db_index=True,
        help_text="A draft has no time; one to come is a schedule.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ArticleQuerySet.as_manager()

    class Meta:
        ordering = ("-published_at", "-id")
        permissions = (("publish_article", "Can publish article"),)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("articles:detail", args=[self.slug])

    @property
    def status(self) -> Status:
        if self.published_at is None:
            return Status.DRAFT
        return Status.PUBLISHED if self.published_at <= timezone.now() else Status.SCHEDULED
