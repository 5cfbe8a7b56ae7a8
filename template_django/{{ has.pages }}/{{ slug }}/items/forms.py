"""Forms for items."""

from typing import ClassVar

from django import forms

from .models import Item


class ItemForm(forms.ModelForm[Item]):
    class Meta:
        model = Item
        fields = ("name", "description", "quantity")
        widgets: ClassVar = {"description": forms.Textarea(attrs={"rows": 4})}
