"""A fake payment provider."""

from decimal import Decimal

TEST_CARD = "4242 4242 4242 4242"
DECLINED = "0002"


class PaymentDeclined(Exception):  # noqa: N818 (a result, not an error of the site)
    pass


def charge(card: str, amount: Decimal) -> None:
    """Take ``amount`` from the card, or raise ``PaymentDeclined``."""
    if card.endswith(DECLINED):
        raise PaymentDeclined("insufficient funds")
