from django import forms

from .payment import DECLINED, TEST_CARD


class OrderForm(forms.Form):
    quantity = forms.IntegerField(min_value=1, max_value=20, initial=1)
    card = forms.RegexField(
        r"^[0-9 ]{12,23}$",
        label="Card number",
        initial=TEST_CARD,
        error_messages={"invalid": "Give the digits of the card."},
        help_text=f"No money moves. A card that ends in {DECLINED} is declined.",
    )


class SearchForm(forms.Form):
    q = forms.CharField(label="Search", max_length=100, required=False)
