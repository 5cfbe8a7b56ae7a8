"""The same endpoints with Django REST framework, as its documentation shows them.

https://www.django-rest-framework.org
"""

from django.urls import path
from django_app import Item, admin
from rest_framework import generics, serializers
from rest_framework.decorators import api_view
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response


class ItemSerializer(serializers.ModelSerializer):
    class Meta:
        model = Item
        fields = ("id", "name", "description", "quantity", "created_at", "updated_at")


class ItemPagination(LimitOffsetPagination):
    default_limit = 20
    max_limit = 100

    def get_paginated_response(self, data: list[dict[str, object]]) -> Response:
        return Response({"results": data, "total": self.count, "limit": self.limit, "offset": self.offset})


@api_view()
def get_json(request: Request) -> Response:
    return Response({"status": "ok", "version": 1})


class ItemList(generics.ListCreateAPIView):
    queryset = Item.objects.all()
    serializer_class = ItemSerializer
    pagination_class = ItemPagination


class ItemDetail(generics.RetrieveAPIView):
    queryset = Item.objects.all()
    serializer_class = ItemSerializer


urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/bench/json", get_json),
    path("api/v1/items", ItemList.as_view()),
    path("api/v1/items/<int:pk>", ItemDetail.as_view()),
]
