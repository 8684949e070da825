"""Optional parts, which the core never imports. Each has a folder and, if needed, an extra."""
