"""Admin pages for articles. Editors change drafts; only reviewers publish."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import ModelAdmin
from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from .models import Article, ArticleQuerySet, Status


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return Status.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Article]) -> QuerySet[Article]:
        if (status := self.value()) in Status.values and isinstance(queryset, ArticleQuerySet):
            return queryset.with_status(status)
        return queryset


class ArticleForm(forms.ModelForm[Article]):
    def clean(self) -> None:
        """Refuse an editor's change of an article that a reviewer has just passed."""
        super().clean()
        if self.instance.pk and "published_at" not in self.fields:
            locked = Article.objects.select_for_update(no_key=True)
            article = locked.filter(pk=self.instance.pk).first()
            if article and article.published_at:
                raise forms.ValidationError("A reviewer has just passed this article.")


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin[Article]):
    form = ArticleForm
    list_display = ("title", "status", "published_at", "updated_at")
    list_filter = (StatusFilter, "updated_at")
    search_fields = ("title", "summary", "text")
    prepopulated_fields: ClassVar = {"slug": ("title",)}
    actions = ("publish", "withdraw")

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("articles.publish_article")

    def get_readonly_fields(self, request: HttpRequest, obj: Article | None = None) -> list[str]:
        fields = ["created_at", "updated_at"]
        return fields if self.has_publish_permission(request) else ["published_at", *fields]

    def has_change_permission(self, request: HttpRequest, obj: Article | None = None) -> bool:
        return super().has_change_permission(request, obj) and self.may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Article | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self.may_touch(request, obj)

    def may_touch(self, request: HttpRequest, article: Article | None) -> bool:
        """Only reviewers change what is published or has a schedule."""
        is_draft = article is None or article.status == Status.DRAFT
        return is_draft or self.has_publish_permission(request)

    def formfield_for_dbfield(self, db_field: Field[Any, Any], *args: Any, **kwargs: Any) -> Any:
        """Let the form remember the time that it has shown."""
        if db_field.name == "published_at":
            kwargs["show_hidden_initial"] = True
        return super().formfield_for_dbfield(db_field, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Article, form: Any, change: bool) -> None:
        """Save what was changed in the form: it may be published since the page was opened."""
        names = {field.name for field in obj._meta.concrete_fields}.intersection(form.changed_data)
        obj.save(update_fields=[*names, "updated_at"] if change else None)

    @admin.action(description="Publish selected articles now", permissions=["publish"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Article]) -> None:
        for article in queryset:
            if article.status != Status.PUBLISHED:
                article.published_at = timezone.now()
                article.save(update_fields=["published_at", "updated_at"])
                self.log_change(request, article, "Published.")
        messages.success(request, "The articles are published.")

    @admin.action(description="Withdraw selected articles", permissions=["publish"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Article]) -> None:
        for article in queryset:
            article.published_at = None
            article.save(update_fields=["published_at", "updated_at"])
            self.log_change(request, article, "Withdrawn.")
        messages.success(request, "The articles are drafts again.")
