"""A feed: https://docs.djangoproject.com/en/6.1/ref/contrib/syndication/."""

import re
from datetime import datetime

from django.contrib.syndication.views import Feed
from django.db.models import QuerySet
from django.urls import reverse_lazy
from django.utils.feedgenerator import Atom1Feed

from ..core.about import NAME
from .models import Article

# Such as the vertical tab in text pasted from a slide. One of them would break the whole feed.
NOT_IN_XML = re.compile("[^\\t\\n\\r -\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


class ArticleFeed(Feed[Article, None]):
    """The newest articles."""

    feed_type = Atom1Feed
    title = NAME
    link = reverse_lazy("articles:list")

    def items(self) -> QuerySet[Article]:
        return Article.objects.published()[:20]

    def item_title(self, item: Article) -> str:
        return NOT_IN_XML.sub(" ", item.title)

    def item_description(self, item: Article) -> str:
        return NOT_IN_XML.sub(" ", item.summary)

    def item_pubdate(self, item: Article) -> datetime | None:
        return item.published_at

    def item_updateddate(self, item: Article) -> datetime:
        return item.updated_at
