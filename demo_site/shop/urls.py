from django.urls import path

from . import views

app_name = "shop"

urlpatterns = [
    path("", views.home, name="home"),
    path("products/", views.ProductList.as_view(), name="product-list"),
    path("products/new/", views.ProductCreate.as_view(), name="product-create"),
    path("products/<int:pk>/", views.ProductDetail.as_view(), name="product-detail"),
    path("products/<int:pk>/edit/", views.ProductUpdate.as_view(), name="product-update"),
    path("products/<int:pk>/delete/", views.ProductDelete.as_view(), name="product-delete"),
    path("products/<int:pk>/order/", views.OrderProduct.as_view(), name="order"),
    path("orders/", views.OrderList.as_view(), name="order-list"),
    path("orders/<int:pk>/", views.OrderDetail.as_view(), name="order-detail"),
    path("search/", views.search, name="search"),
    path("crash/", views.crash, name="crash"),
    path("healthz", views.healthz, name="healthz"),
    path("robots.txt", views.robots, name="robots"),
]
