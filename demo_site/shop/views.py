# mypy: disable-error-code=type-arg
# (django-stubs declares classes as generic that take no parameters at run time)

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin, UserPassesTestMixin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_GET
from django.views.generic import (
    CreateView,
    DeleteView,
    DetailView,
    FormView,
    ListView,
    UpdateView,
)

from eventlog.decorators import log_exempt, log_request
from eventlog.mixins import EventLogMixin
from eventlog.models import Log

from .forms import OrderForm, SearchForm
from .models import Order, Product
from .payment import PaymentDeclined
from .services import place_order


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "shop/home.html", {"events": Log.objects.all()[:12]})


def _search_words(request: HttpRequest, response: HttpResponseBase | None) -> Mapping[str, Any]:
    return {"words": request.GET.get("q", "")}


@log_request(action="SEARCHED", extra=_search_words)
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    q = form.cleaned_data["q"].strip() if form.is_valid() else ""
    found = Product.objects.filter(Q(name__icontains=q) | Q(description__icontains=q))
    return render(request, "shop/search.html", {"q": q, "products": found if q else []})


@log_exempt
@require_GET
def robots(request: HttpRequest) -> HttpResponse:
    """Answer crawlers; these frequent requests are not worth recording."""
    return HttpResponse("User-agent: *\nDisallow: /admin/\n", content_type="text/plain")


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer health checks, which the first rule in the settings leaves out."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_GET
def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("This page fails on purpose. Look for its event.")


class ProductList(ListView):
    model = Product


class ProductDetail(EventLogMixin, DetailView):
    model = Product
    action_kind = "VIEWED"


class StaffOnly(LoginRequiredMixin, UserPassesTestMixin):
    """Access for staff only: the login page for anonymous visitors, a 403 for customers."""

    request: HttpRequest

    def test_func(self) -> bool:
        return bool(getattr(self.request.user, "is_staff", False))


class ProductCreate(StaffOnly, EventLogMixin, CreateView):
    model = Product
    fields = ["name", "description", "price"]
    action_kind = "CREATED"


class ProductUpdate(StaffOnly, EventLogMixin, UpdateView):
    model = Product
    fields = ["name", "description", "price"]
    action_kind = "UPDATED"

    @property
    def extra_data(self) -> dict[str, Any]:
        return {"changed": self.changed}

    def form_valid(self, form: ModelForm) -> HttpResponse:
        self.changed = form.changed_data
        response: HttpResponse = super().form_valid(form)
        return response


class ProductDelete(StaffOnly, EventLogMixin, DeleteView):
    model = Product
    success_url = reverse_lazy("shop:product-list")
    action_kind = "DELETED"


class OrderProduct(LoginRequiredMixin, FormView):
    form_class = OrderForm
    template_name = "shop/order_form.html"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.product = get_object_or_404(Product, pk=kwargs["pk"])

    def form_valid(self, form: OrderForm) -> HttpResponse:
        assert self.request.user.is_authenticated
        try:
            order = place_order(self.request.user, self.product, **form.cleaned_data)
        except PaymentDeclined as declined:
            form.add_error("card", f"The bank declined: {declined}.")
            return self.form_invalid(form)
        messages.success(self.request, f"Thank you: {order} is on its way.")
        self.success_url = order.get_absolute_url()
        return super().form_valid(form)


class OrderList(LoginRequiredMixin, ListView):
    model = Order
    paginate_by = 20

    def get_queryset(self) -> QuerySet[Order]:
        assert self.request.user.is_authenticated
        return Order.objects.filter(customer=self.request.user)


class OrderDetail(LoginRequiredMixin, EventLogMixin, DetailView):
    model = Order
    action_kind = "VIEWED"

    def get_object(self, queryset: QuerySet[Order] | None = None) -> Order:
        order: Order = super().get_object(queryset)
        if order.customer != self.request.user:
            raise PermissionDenied
        return order
