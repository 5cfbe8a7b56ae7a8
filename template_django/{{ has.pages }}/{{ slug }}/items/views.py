"""Pages for items. Anyone can read them; changes require a login."""

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.messages.views import SuccessMessageMixin
from django.db.models import Q, QuerySet
from django.forms import BaseForm, Form
from django.http import HttpResponse
from django.urls import reverse, reverse_lazy
from django.views.generic import CreateView, DeleteView, DetailView, ListView, UpdateView
from django.views.generic.edit import FormMixin

from ..core.database import constraints
from ..core.problems import ServiceError
from .forms import ItemForm
from .models import Item


class ItemList(ListView[Item]):
    """A list with search and pages: `?q=lamp&page=2`."""

    model = Item
    paginate_by = 20

    def get_queryset(self) -> QuerySet[Item]:
        items = super().get_queryset()
        for word in self.request.GET.get("q", "").replace("\0", "").split()[:10]:
            items = items.filter(Q(name__icontains=word) | Q(description__icontains=word))
        return items


class ItemDetail(DetailView[Item]):
    model = Item


class ChangeMixin(LoginRequiredMixin, FormMixin[Any]):
    """Require a login, and show an error above the form if the database rejects the change."""

    def form_valid(self, form: BaseForm) -> HttpResponse:
        # Only the database knows whether a name is free: another request may take it at any time.
        duplicate, referenced = "An item with this name already exists.", "This item is in use."
        try:
            with constraints(duplicate=duplicate, referenced=referenced):
                return super().form_valid(form)
        except ServiceError as error:
            form.add_error(None, str(error))
            return self.form_invalid(form)


class ItemCreate(ChangeMixin, SuccessMessageMixin[ItemForm], CreateView[Item, ItemForm]):
    object: Item
    model = Item
    form_class = ItemForm
    success_message = "%(name)s was added."

    def get_success_url(self) -> str:
        return reverse("items:detail", args=[self.object.pk])


class ItemUpdate(ChangeMixin, SuccessMessageMixin[ItemForm], UpdateView[Item, ItemForm]):
    model = Item
    form_class = ItemForm
    success_message = "%(name)s was changed."

    def get_success_url(self) -> str:
        return reverse("items:detail", args=[self.object.pk])


class ItemDelete(ChangeMixin, SuccessMessageMixin[Form], DeleteView[Item, Form]):
    model = Item
    success_url = reverse_lazy("items:list")
    success_message = "The item was deleted."
