"""Example articles for development: `manage.py seed` calls `seed`."""

from datetime import timedelta

from django.utils import timezone

from .models import Article

# How many days from now each is published; a draft has none.
EXAMPLES = {"Welcome": -1, "Coming soon": 7, "An idea": None}


def seed() -> None:
    """Add missing articles; existing articles stay as they are."""
    for title, days in EXAMPLES.items():
        values = {
            "title": title,
            "summary": f"An example: {title}.",
            "text": "Staff change articles in the admin.\n\nAn empty line begins a paragraph.",
            "published_at": None if days is None else timezone.now() + timedelta(days=days),
        }
        slug = title.lower().replace(" ", "-")
        Article.objects.get_or_create(slug=slug, defaults=values)
