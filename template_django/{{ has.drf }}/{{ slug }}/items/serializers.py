"""Request and response bodies. Their fields are the API's documentation."""

from drf_spectacular.utils import extend_schema_serializer

from ..serializers import Integer, PageSerializer, StrictSerializer, Text
from .models import Item


class ItemSerializer(StrictSerializer[Item]):
    """An item."""

    name = Text(r"^[^\x00]*\S[^\x00]*$", max_length=100)
    description = Text(max_length=1000, allow_blank=True, required=False)
    quantity = Integer(min_value=0, max_value=2**31 - 1, required=False)

    class Meta:
        model = Item
        fields = ("id", "name", "description", "quantity", "created_at", "updated_at")

    def validate_name(self, name: str) -> str:
        """Trim the name; the schema's limit includes leading and trailing spaces."""
        return name.strip()


@extend_schema_serializer(many=False)
class ItemPage(PageSerializer):
    """A part of the list of items."""

    results = ItemSerializer(many=True)
