"""Pages that require a login."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.views.generic import TemplateView


class AccountView(LoginRequiredMixin, TemplateView):
    """An overview of the user's account."""

    template_name = "login/account.html"
