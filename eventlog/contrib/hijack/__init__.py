"""The person behind a hijacked account, for sites with django-hijack."""
