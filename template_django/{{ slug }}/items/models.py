from django.db import models


class Item(models.Model):
    """An item with a name and a quantity."""

    name = models.CharField(max_length=100, unique=True)
    description = models.CharField(max_length=1000, blank=True, default="")
    quantity = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name
