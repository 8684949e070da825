from django.contrib import admin
from django.urls import include, path, re_path, register_converter
from django.urls.converters import StringConverter

from eventlog.decorators import log_exempt, log_request

from . import views


class Odd(StringConverter):
    """A site's converter that raises an exception which Django does not expect."""

    def to_python(self, value):
        raise RuntimeError("on purpose")


class Hexadecimal:
    regex = "[0-9a-f]+"

    def to_python(self, value):
        return int(value, 16)

    def to_url(self, value):
        return f"{value:x}"


register_converter(Odd, "odd")
register_converter(Hexadecimal, "hex")
shop = [
    path("orders/<int:pk>/", views.order, name="order-detail"),
    path("reset/<token>/", views.ok, name="reset"),
    path("otp/<int:otp>/", views.ok, name="otp"),
    path("ticket/<hex:token>/", views.ok, name="ticket"),
    path("invite-<str:token>/", views.ok, name="invite"),
    path("odd/<odd:token>/", views.ok, name="odd"),
    re_path(r"^key/(?P<token>[a-z0-9]+)/$", views.ok, name="key"),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("shop/", include((shop, "shop"))),
    path("ok/", views.ok, name="ok"),
    path("unnamed/", views.ok),
    path("aok/", views.aok, name="aok"),
    path("who/", views.who, name="who"),
    path("awho/", views.awho, name="awho"),
    path("redirect/", views.redirect, name="redirect"),
    path("missing/", views.missing, name="missing"),
    path("denied/", views.denied, name="denied"),
    path("suspicious/", views.suspicious, name="suspicious"),
    path("crash/", views.crash, name="crash"),
    path("acrash/", views.acrash, name="acrash"),
    path("nothing/", views.nothing, name="nothing"),
    path("stream/", views.stream, name="stream"),
    path("astream/", views.astream, name="astream"),
    path("file/", views.file, name="file"),
    path("service/", views.service, name="service"),
    path("aservice/", views.aservice, name="aservice"),
    path("mixed/", views.mixed, name="mixed"),
    path("logged/", views.logged, name="logged"),
    path("alogged/", views.alogged, name="alogged"),
    path("logged-crash/", views.logged_crash, name="logged-crash"),
    path("logged-missing/", views.logged_missing, name="logged-missing"),
    path("logged-class/", views.LoggedClass.as_view(), name="logged-class"),
    path("logged-async-class/", views.LoggedAsyncClass.as_view(), name="logged-async-class"),
    path("logged-template/", views.logged_template),
    path("alogged-template/", views.alogged_template),
    path("logged-broken-template/", views.logged_template, {"name": "missing.html"}),
    path("exempt-in-urlconf/", log_exempt(views.logged)),
    path("logged-method/", views.LoggedMethod.as_view(), name="logged-method"),
    path("logged-posts/", log_request(methods=["POST"])(views.ok), name="logged-posts"),
    path("logged-twice/", log_request("OUTER")(views.LoggedTwice.as_view())),
    path("private/", views.private, name="private"),
    path("exempt/", views.exempt, name="exempt"),
    path("aexempt/", views.aexempt, name="aexempt"),
    path("exempt-class/", views.ExemptClass.as_view(), name="exempt-class"),
    path("login/", views.log_in, name="login"),
    path("leave/", views.leave, name="leave"),
    path("start-task/", views.start_task, name="start-task"),
    path("logout/", views.log_out, name="logout"),
    path("widgets/", views.WidgetList.as_view(), name="widget-list"),
    path("widgets/add/", views.WidgetCreate.as_view(), name="widget-create"),
    path("widgets/<int:pk>/", views.WidgetDetail.as_view(), name="widget-detail"),
    path("widgets/<int:pk>/edit/", views.WidgetUpdate.as_view(), name="widget-update"),
    path("widgets/<int:pk>/delete/", views.WidgetDelete.as_view(), name="widget-delete"),
    path("dashboard/", views.DashboardView.as_view(), name="dashboard"),
    path("plain/", views.PlainView.as_view(), name="plain"),
    path("async-plain/", views.AsyncPlainView.as_view(), name="async-plain"),
    path("nameless/", views.NamelessView.as_view(), name="nameless"),
]
