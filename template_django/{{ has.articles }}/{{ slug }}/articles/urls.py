"""URLs of the pages for articles, and of their feed."""

from django.urls import path

from . import views
from .feeds import ArticleFeed

app_name = "articles"
urlpatterns = [
    path("", views.ArticleList.as_view(), name="list"),
    path("feed.xml", ArticleFeed(), name="feed"),
    path("<slug:slug>/", views.ArticleDetail.as_view(), name="detail"),
]
