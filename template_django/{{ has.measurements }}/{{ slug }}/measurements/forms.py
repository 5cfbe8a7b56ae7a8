from datetime import UTC, date, datetime, time, timedelta

from django import forms

from .models import Measurement, MeasurementQuerySet, Station

MAX_ID = 2**63 - 1


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


class FilterForm(forms.Form):
    """The filters of the list and the export."""

    station = forms.ModelChoiceField(
        Station.objects.all(), required=False, empty_label="All", to_field_name="code"
    )
    since = forms.DateField(required=False, label="From", widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"type": "date"}))
    # The last row of the previous page; with a page number, the database would skip all rows before it.
    before_time = forms.DateTimeField(required=False, widget=forms.HiddenInput())
    before_id = forms.IntegerField(
        required=False, min_value=0, max_value=MAX_ID, widget=forms.HiddenInput()
    )

    def clean_until(self) -> date | None:
        until: date | None = self.cleaned_data["until"]
        if until == date.max:
            raise forms.ValidationError("Choose an earlier day.")
        return until

    def clean_before_time(self) -> datetime | None:
        before: datetime | None = self.cleaned_data["before_time"]
        try:
            return before and before.astimezone(UTC)
        except OverflowError:
            raise forms.ValidationError("This time is out of range.") from None

    def measurements(self) -> MeasurementQuerySet:
        """Return what a valid form selects."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        found: MeasurementQuerySet = Measurement.objects.of(
            self.cleaned_data["station"],
            midnight(since) if since else None,
            midnight(until + timedelta(days=1)) if until else None,
        )
        time, pk = self.cleaned_data["before_time"], self.cleaned_data["before_id"]
        return found if time is None or pk is None else found.before(time, pk)
