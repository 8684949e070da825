"""Views of REST framework that change widgets, some of them decorated."""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.urls import include, path
from rest_framework import generics, mixins, serializers, viewsets
from rest_framework.authentication import TokenAuthentication
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from eventlog.contrib.rest_framework import EventLogViewSetMixin
from eventlog.decorators import log_exempt, log_request
from tests.shop.models import Widget


class NameIsToken(TokenAuthentication):
    """A header such as ``Authorization: Token anna``."""

    def authenticate_credentials(self, key):
        user = User.objects.filter(username=key).first()
        if user is None:
            raise AuthenticationFailed
        return user, key


class WidgetSerializer(serializers.ModelSerializer):
    class Meta:
        model = Widget
        fields = ["id", "name"]


class WidgetViewSet(EventLogViewSetMixin, viewsets.ModelViewSet):
    authentication_classes = [NameIsToken]
    serializer_class = WidgetSerializer
    action_kinds = {"polish": "POLISHED", "refuse": "REFUSED", "sweep": "SWEPT"}

    def get_queryset(self):
        return Widget.objects.order_by("pk")

    def get_serializer(self, *args, **kwargs):
        if isinstance(kwargs.get("data"), list):
            kwargs["many"] = True
        return super().get_serializer(*args, **kwargs)

    def perform_create(self, serializer):
        serializer.save()  # does not call the mixin, as in many sites

    @property
    def extra_data(self):
        return {"verb": self.action}

    @action(detail=True, methods=["post"])
    def polish(self, request, pk):
        return Response({"name": self.get_object().name})

    @action(detail=True, methods=["post"])
    def refuse(self, request, pk):
        self.get_object()
        raise PermissionDenied

    @action(detail=False, methods=["post"])
    def sweep(self, request):
        return Response(status=204)

    @action(detail=True, methods=["post"])
    def unnamed(self, request, pk):
        return Response({"name": self.get_object().name})


class SilentViewSet(EventLogViewSetMixin, viewsets.ModelViewSet):
    queryset = Widget.objects.order_by("pk")
    serializer_class = WidgetSerializer
    action_kinds = {"destroy": "", "retrieve": "VIEWED"}


class WidgetList(EventLogViewSetMixin, generics.ListCreateAPIView):
    queryset = Widget.objects.order_by("pk")
    serializer_class = WidgetSerializer


class ChoresViewSet(EventLogViewSetMixin, mixins.CreateModelMixin, viewsets.GenericViewSet):
    """A viewset without a model."""

    def create(self, request):
        return Response(status=201)


class Never(BaseThrottle, BasePermission):
    def allow_request(self, request, view):
        return False

    def has_permission(self, request, view):
        return False

    def wait(self):
        return 7


class Refusing(APIView):
    """Refuses each request before the decorated method is called, at the step ``why``."""

    authentication_classes = [NameIsToken]
    why = ""

    def get_permissions(self):
        return [IsAuthenticated()] + [Never()] * (self.why == "permission")

    def get_throttles(self):
        return [Never()] * (self.why == "throttle")

    @log_request("READ")
    def get(self, request):
        return Response({})

    @log_exempt
    def post(self, request):
        return Response({})


@log_request("READ")
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def decorated(request):
    return Response({})


whole = log_request("READ")(Refusing.as_view())

router = SimpleRouter()
router.register("widgets", WidgetViewSet, "widget")
router.register("silent", SilentViewSet, "silent")
router.register("chores", ChoresViewSet, "chore")

urlpatterns = [
    path("", include(router.urls)),
    path("list/", WidgetList.as_view()),
    path("decorated/", decorated),
    path("whole/", whole),
    path("method/", Refusing.as_view()),
    path("permission/", Refusing.as_view(why="permission")),
    path("throttle/", Refusing.as_view(why="throttle")),
    path("whole-throttle/", log_request("READ")(Refusing.as_view(why="throttle"))),
]
