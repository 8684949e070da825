"""Reading events: the search language, pages, the overview and exports."""
