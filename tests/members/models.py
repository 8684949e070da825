from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class Active(BaseUserManager):
    def get_queryset(self):
        return super().get_queryset().filter(is_active=True)


class Member(AbstractBaseUser):
    """A user with a text key, a number or NULL as username, and a manager that hides some."""

    code = models.CharField(primary_key=True, max_length=20)
    number = models.IntegerField(unique=True, null=True)
    full_name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "number"
    objects = Active()

    def __str__(self):
        return self.full_name


class Patron(Member):
    """A user model that extends another in a second table."""

    since = models.IntegerField(default=2026)


class Friend(Member):
    class Meta:
        proxy = True
