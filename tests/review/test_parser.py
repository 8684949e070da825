"""Searches are parsed into trees, and text that cannot be parsed has a reason and a correction."""

import pytest

from eventlog.review.search.parser import SyntaxProblem, parse
from eventlog.review.search.tree import And, Not, Or, Term

A, B, C = Term("", "a"), Term("", "b"), Term("", "c")
ANNA, BOB = Term("user", "anna"), Term("user", "bob")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", And()),
        ("   ", And()),
        ("a", A),
        ("user:anna", ANNA),
        ("User:anna", Term("User", "anna")),
        ('user:"anna b" a', And((Term("user", "anna b"), A))),
        ("obj:shop.order:7", Term("obj", "shop.order:7")),
        (r'extra.title:"a \"b\" \\c"', Term("extra.title", r'a "b" \c')),
        ("ip:2001:db8::/32", Term("ip", "2001:db8::/32")),
        ("fe80::1", Term("", "fe80::1")),
        ("dead:beef::/32", Term("", "dead:beef::/32")),
        ("user:", Term("user", "")),
        ("user: a", And((Term("user", ""), A))),
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ("a OR b", Or((A, B))),
        ("a b OR c", Or((And((A, B)), C))),
        ("a (b OR c)", And((A, Or((B, C))))),
        ("((a))", A),
        ("-a", Not(A)),
        ("NOT a", Not(A)),
        ("-(a b)", Not(And((A, B)))),
        ("NOT -a", A),
        ("--a", A),
        ("-status:404,410", Not(Or((Term("status", "404"), Term("status", "410"))))),
        ("user:anna,bob", Or((ANNA, BOB))),
        ("user:anna OR user:bob", Or((ANNA, BOB))),
        ("user:anna user:bob", Or((ANNA, BOB))),
        ("user:anna -user:bob", And((ANNA, Not(BOB)))),
        ("is:bot is:event", And((Term("is", "bot"), Term("is", "event")))),
        ("status:>=500", Term("status", "500", ">=")),
        ('extra.a:">5"', Term("extra.a", ">5")),
        (
            "status:>=400 status:<500",
            And((Term("status", "400", ">="), Term("status", "500", "<"))),
        ),
        ("a,b", Term("", "a,b")),
        ('"or"', Term("", "or")),
    ],
)
def test_a_search_is_parsed_into_a_tree(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "part", "reason", "suggestion", "without"),
    [
        ('"half', '"', "quotation mark is not closed", '"half"', "half"),
        ('a user:"half', '"', "quotation mark is not closed", 'a user:"half"', "a user: half"),
        ("(a b", "(", "is not closed", "(a b)", "a b"),
        ("a)", ")", "has no opening bracket", "", "a"),
        ("()", "()", "are empty", "", ""),
        ("a OR", "OR", "OR needs a term after it", "", "a"),
        ("OR a", "OR", "OR needs a term before and after it", "", "a"),
        ("a OR OR b", "OR", "OR needs a term before and after it", "", "a OR b"),
        ("NOT", "NOT", "NOT needs a term after it", "", ""),
        ("a -", "-", "- needs a term after it", "", "a"),
        ("- a", "-", "- needs a term after it", "", "a"),
        ("a or b", "or", "Write OR in capital letters", "a OR b", "a b"),
        ("path:/a(b) c", "path:/a(b)", "in quotation marks", 'path:"/a(b)" c', "c"),
        ("a(b)", "a(b)", "in quotation marks", '"a(b)"', ""),
        ('user:"a"b', 'user:"a"b', "in quotation marks", "", ""),
        (f"{'(' * 11}a{')' * 11}", "(", "more than 10 levels", "", None),
    ],
)
def test_text_that_cannot_be_parsed_has_a_reason(text, part, reason, suggestion, without):
    problem = parse(text)
    assert isinstance(problem, SyntaxProblem)
    assert reason in problem.reason
    assert problem.part == part
    if suggestion:
        assert problem.suggestion == suggestion
        assert not isinstance(parse(problem.suggestion), SyntaxProblem)
    if without is not None:
        assert problem.without == without
