"""Reading what was recorded: the search language, pages, counts, files. The admin shows them."""
