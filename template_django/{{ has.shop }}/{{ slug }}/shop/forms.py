from typing import Any, ClassVar

from django import forms

from .basket import MAX_QUANTITY
from .models import Order


class QuantityForm(forms.Form):
    """How many of a product are in the basket."""

    quantity = forms.IntegerField(min_value=0, max_value=MAX_QUANTITY)


class CheckoutForm(forms.ModelForm[Order]):
    """The name and addresses for an order, and the total that the customer has seen."""

    expected = forms.DecimalField(widget=forms.HiddenInput, max_digits=13, decimal_places=2)
    reference = forms.UUIDField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Order
        fields: ClassVar = ("name", "email", "address")
        widgets: ClassVar[dict[str, Any]] = {
            "name": forms.TextInput({"autocomplete": "name"}),
            "email": forms.EmailInput({"autocomplete": "email"}),
            "address": forms.Textarea({"autocomplete": "street-address", "rows": 4}),
        }

    def clean_email(self) -> str:
        """Refuse letters such as ı, which Django takes for an ASCII i but cannot send an email to."""
        email: str = self.cleaned_data["email"]
        if not email.rpartition("@")[0].isascii():
            raise forms.ValidationError("Enter a valid email address.", code="invalid")
        return email
