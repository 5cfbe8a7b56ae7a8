"""Pages for articles, which everybody can read once they are published."""

from django.db.models import QuerySet
from django.views.generic import DetailView, ListView

from .models import Article


class ArticleList(ListView[Article]):
    model = Article
    paginate_by = 10

    def get_queryset(self) -> QuerySet[Article]:
        return Article.objects.published()


class ArticleDetail(DetailView[Article]):
    """An article; staff who may view it in the admin also see a draft."""

    model = Article

    def get_queryset(self) -> QuerySet[Article]:
        if self.request.user.has_perm("articles.view_article"):
            return Article.objects.all()
        return Article.objects.published()
