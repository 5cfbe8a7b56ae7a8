"""The sitemap: https://docs.djangoproject.com/en/6.1/ref/contrib/sitemaps/."""

from datetime import datetime
from typing import Any

from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import sitemap
from django.db.models import QuerySet
from django.urls import path

from .models import Article


class ArticleSitemap(Sitemap[Article]):
    def items(self) -> QuerySet[Article]:
        return Article.objects.published()

    def lastmod(self, item: Article) -> datetime:
        return item.updated_at


sitemaps: dict[str, type[Sitemap[Any]]] = {"articles": ArticleSitemap}  # add those of your own apps
urlpatterns = [path("", sitemap, {"sitemaps": sitemaps}, name="sitemap")]
