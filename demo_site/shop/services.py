from django.contrib.auth.models import User
from django.db import transaction

from eventlog.models import log

from .models import Order, Product
from .payment import PaymentDeclined, charge


def place_order(user: User, product: Product, quantity: int, card: str) -> Order:
    """Sell ``product`` to ``user``; raises ``PaymentDeclined``.

    No request comes in here, yet the events know where they come from: the middleware remembers
    which request is being answered.
    """
    total = product.price * quantity
    # The card's number goes under a secret name, so it is masked before it is stored.
    extra = {"product": product.pk, "quantity": quantity, "total": total, "card": card}
    try:
        # An event logged in a transaction is rolled back with it: no order, no PLACED_ORDER.
        with transaction.atomic():
            order = Order.objects.create(
                customer=user, product=product, item=product.name, quantity=quantity, total=total
            )
            log(user, "PLACED_ORDER", extra, obj=order)
            charge(card, total)
    except PaymentDeclined as declined:
        log(user, "PAYMENT_FAILED", extra | {"reason": str(declined)}, obj=product)
        raise
    return order
