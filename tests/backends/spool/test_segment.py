import pytest

from eventlog.backends.spool.segment import SegmentName

NAMES = [
    SegmentName("00000000001500000000-12-abc", "postgresql@db.example.org:5432,shop+t1", ".jsonl"),
    SegmentName("1-2-3", "sqlite@,%2Fsrv%2Fdb.sqlite3!test-77", ".inflight"),
    SegmentName("1-2-3", "", ".dead"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_is_parsed_into_its_parts(name):
    assert SegmentName.parse(str(name)) == name


def test_a_batch_id_holds_the_time_of_creation():
    assert NAMES[0].created == 1.5
    assert SegmentName.parse("strange.jsonl").created == 0.0


@pytest.fixture
def claimed(spool):
    """Claim a segment that holds this text."""
    segments = []

    def claim(text):
        spool.append(text, "here")
        spool.rotate()
        segments.extend(spool.claim())
        return segments[0]

    yield claim
    for segment in segments:
        segment.release()


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 20])
def test_chunks_split_at_line_breaks_only(claimed, size):
    text = "\n".join(["short", "long" * 100, "é\u2028\x85", "last"])
    segment = claimed(text)
    chunks = list(segment.chunks(lambda: size))
    assert [line for chunk in chunks for line in chunk] == text.split("\n")
    assert segment.lines() == text.split("\n")


def test_a_line_without_a_line_break_is_skipped(claimed):
    segment = claimed("whole")
    with segment.path.open("a") as file:
        file.write("torn")
    assert segment.lines() == ["whole"]


def test_invalid_utf8_does_not_hide_the_other_lines(claimed):
    segment = claimed("first")
    with segment.path.open("ab") as file:
        file.write(b"\xff\nlast\n")
    assert segment.lines() == ["first", "\ufffd", "last"]
