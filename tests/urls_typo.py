from django.urls import path

from eventlog.decorators import log_request

from .views import ok

urlpatterns = [path("typo/", log_request(methods=["GETT"])(ok), name="typo")]
