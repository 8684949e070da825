HERE = "sqlite@,here"


def lines(spool):
    """Return the lines of each segment that can be claimed."""
    found = []
    for segment in spool.claim():
        found.append(segment.lines())
        segment.release()
    return found
