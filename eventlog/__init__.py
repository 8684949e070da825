"""Who did what on a Django site, to which object, from where.

Nothing else is imported here: reaching the models before the apps are loaded breaks the site.
"""

__version__ = "1.0.0"
