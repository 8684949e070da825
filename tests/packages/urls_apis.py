"""Views with the users of REST framework's tokens and of simplejwt, and a GraphQL schema."""

import strawberry
from django.urls import path
from rest_framework import serializers, viewsets
from rest_framework.authentication import TokenAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework_simplejwt.authentication import (
    JWTAuthentication,
    JWTStatelessUserAuthentication,
)
from strawberry.django.views import AsyncGraphQLView, GraphQLView
from strawberry.schema.config import StrawberryConfig

from eventlog.contrib.graphql import (
    action_of_named_operation,
    action_of_operation,
    extra_of_operation,
)
from eventlog.contrib.rest_framework import EventLogViewSetMixin
from eventlog.decorators import log_request
from tests.shop.models import Widget


class WidgetSerializer(serializers.ModelSerializer):
    class Meta:
        model = Widget
        fields = ["id", "name"]


class WidgetViewSet(EventLogViewSetMixin, viewsets.ModelViewSet):
    queryset = Widget.objects.order_by("pk")
    serializer_class = WidgetSerializer
    permission_classes = [IsAuthenticated]


def widgets(*authentications):
    return WidgetViewSet.as_view(
        {"get": "list", "post": "create"}, authentication_classes=[*authentications]
    )


@strawberry.type
class Query:
    @strawberry.field
    def size(self, of: str = "") -> int:
        if of == "broken":
            raise ValueError("no size today")
        return 7


@strawberry.type
class Mutation:
    @strawberry.mutation
    def place_order(self, name: str = "") -> int:
        return 1


schema = strawberry.Schema(
    Query, Mutation, config=StrawberryConfig(batching_config={"max_operations": 3})
)
view = GraphQLView.as_view(schema=schema, multipart_uploads_enabled=True)
async_view = AsyncGraphQLView.as_view(schema=schema, multipart_uploads_enabled=True)
recorded = log_request(action=action_of_operation, extra=extra_of_operation)
named = log_request(action=action_of_named_operation("PlaceOrder", "Size"))

urlpatterns = [
    path("token/", widgets(TokenAuthentication), name="widgets"),
    path("jwt/", widgets(JWTAuthentication), name="widgets"),
    path("stateless/", widgets(JWTStatelessUserAuthentication), name="widgets"),
    path("graphql/", recorded(view)),
    path("async-graphql/", recorded(async_view)),
    path("named/", named(view)),
    path("async-named/", named(async_view)),
    path("undecorated/", view),
]
