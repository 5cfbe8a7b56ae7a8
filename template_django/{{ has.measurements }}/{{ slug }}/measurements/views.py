"""Pages for analysts. Each query uses an index, and none counts the rows of the large table."""

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.views import View
from django.views.generic import ListView, TemplateView

from .files import export
from .forms import FilterForm
from .models import Day, Measurement

PAGE = 50


class AnalystMixin(PermissionRequiredMixin):
    permission_required = "measurements.view_measurement"


class MeasurementList(AnalystMixin, TemplateView):
    template_name = "measurements/measurement_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        form = FilterForm(self.request.GET)
        rows: list[Measurement] = []
        if form.is_valid():
            rows = list(form.measurements().select_related("station")[: PAGE + 1])
        last = rows[PAGE - 1] if len(rows) > PAGE else None
        return super().get_context_data(form=form, rows=rows[:PAGE], last=last, **kwargs)


class MeasurementExport(AnalystMixin, View):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        form = FilterForm(request.GET)
        if not form.is_valid():
            raise BadRequest("The filters are not valid.")
        return StreamingHttpResponse(
            export(form.measurements()),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="measurements.csv"'},
        )


class DayList(AnalystMixin, ListView[Day]):
    """The report, as it was when it was last refreshed."""

    queryset = Day.objects.select_related("station")
    paginate_by = PAGE
