"""API operations that require a login: without one, they return 401."""

from typing import Any

from django.contrib.auth import get_user_model
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class MeSerializer(serializers.ModelSerializer[Any]):
    """The user who is logged in."""

    class Meta:
        model = get_user_model()
        fields = ("email", "first_name", "last_name")


class MeView(APIView):
    """The user who is logged in."""

    @extend_schema(tags=["account"], responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Show who is logged in."""
        return Response(MeSerializer(request.user).data)
