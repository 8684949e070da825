from django.contrib.auth.models import User
from django.db import transaction

from eventlog.models import log

from .models import Order, Product
from .payment import PaymentDeclined, charge


def place_order(user: User, product: Product, quantity: int, card: str) -> Order:
    """Sell ``product`` to ``user``, or raise ``PaymentDeclined``.

    This function has no request. ``log()`` finds the current request, which the middleware keeps.
    """
    total = product.price * quantity
    # "card" is a secret name, so the number is masked before it is stored.
    extra = {"product": product.pk, "quantity": quantity, "total": total, "card": card}
    try:
        # If the payment is declined, ORDER_PLACED is rolled back together with the order.
        with transaction.atomic():
            order = Order.objects.create(
                customer=user, product=product, item=product.name, quantity=quantity, total=total
            )
            log(user, "ORDER_PLACED", extra, obj=order)
            charge(card, total)
    except PaymentDeclined as declined:
        log(user, "PAYMENT_FAILED", extra | {"reason": str(declined)}, obj=product)
        raise
    return order
