"""The query language: its parse, its errors, and its meaning against a plain evaluator over documents."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_stores import Store

from anew.errors import QueryError
from anew.index import Index
from anew.index import query as q
from anew.index.evaluate import like
from anew.index.times import moment, span_s

GOLDEN = [
    ("", None),
    ("metrics.val_acc > 0.9", q.Compare(q.Field("metrics", "val_acc"), ">", 0.9)),
    ("metrics.val/acc.min <> 1", q.Compare(q.Field("metrics", "val/acc.min"), "!=", 1)),
    ("metrics.`val/acc`.min == -1e3", q.Compare(q.Field("metrics", "val/acc", "min"), "=", -1000.0)),
    ('metrics."val acc".max<=.5', q.Compare(q.Field("metrics", "val acc", "max"), "<=", 0.5)),
    ("PARAMS.lr in (0.1, 'a', true)", q.In(q.Field("config", "lr"), (0.1, "a", True))),
    ("attributes.run_name LIKE 'it''s%'", q.Compare(q.Field("", "run_name"), "like", "it's%")),
    ("created > yesterday", q.Compare(q.Field("", "created"), ">", "yesterday")),
    ("tags.`a.b`` c` is null", q.IsNull(q.Field("tags", "a.b` c"))),
    ("data.`train.csv`.digest = 'x'", q.Compare(q.Field("data", "train.csv", "digest"), "=", "x")),
    ("name not in ('a')", q.And((q.Present(q.Field("", "name")), q.Not(q.In(q.Field("", "name"), ("a",)))))),
    ("resnet 50 'two words'", q.Words(("resnet", "50", "two words"))),
    (
        "a = 1 and (b = 2 or not c = 3) and d is not null",
        q.And((
            q.Compare(q.Field("", "a"), "=", 1),
            q.Or((q.Compare(q.Field("", "b"), "=", 2), q.Not(q.Compare(q.Field("", "c"), "=", 3)))),
            q.Present(q.Field("", "d")),
        )),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree"), GOLDEN)
def test_parses_to(text: str, tree: q.Node | None) -> None:
    assert q.parse(text) == tree
    assert q.parse(q.unparse(tree)) == tree


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("metrics.x >", 11, "Expected a value"),
        ("a = 'b", 4, "never closed"),
        ("(a = 1", 6, "Expected ')'"),
        ("a = 1 b = 2", 6, "Expected 'and' or 'or' before 'b'"),
        ("metrics.x", 0, "needs a comparison"),
        ("a = null", 4, "is null"),
        ("a is 3", 5, "is null"),
        ("1 = a", 0, "on the left"),
        ("a like 3", 7, "takes a text"),
        ("metrics.a > metrics.b", 12, "not with another column"),
        ("a = 1 and", 9, "stops where"),
        ("not " * 200 + "a = 1", 400, "levels"),
        ("name = '`", 7, "never closed"),
    ],
)
def test_errors_point_at_the_place(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        q.parse(text)
    assert caught.value.position == position
    assert message in str(caught.value)
    assert str(caught.value).splitlines()[-1] == " " * (position + 2) + "^"


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
spaces = st.sampled_from(["metrics", "config", "tags", "summary", "system", "code"])
fields = st.builds(q.Field, st.just(""), names) | st.builds(
    q.Field, spaces, names, st.sampled_from(["", "min", "last", "count"])
)
values = st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=8))


def _nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=2, max_size=3)
    return (
        st.builds(q.Not, inner)
        | several.map(lambda parts: q.And(q._flat(q.And, parts)))
        | several.map(lambda parts: q.Or(q._flat(q.Or, parts)))
    )


leaves = st.one_of(
    st.builds(q.Compare, fields, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), values),
    st.builds(q.Compare, fields, st.sampled_from(["like", "ilike"]), st.text(max_size=8)),
    st.builds(lambda field, some: q.In(field, tuple(some)), fields, st.lists(values, min_size=1, max_size=3)),
    st.builds(q.IsNull, fields),
    st.builds(q.Present, fields),
    st.builds(lambda some: q.Words(tuple(some)), st.lists(st.text(max_size=5), min_size=1, max_size=3)),
)
trees = st.recursive(leaves, _nodes, max_leaves=12)


@given(trees)
def test_what_is_written_out_parses_to_the_same(tree: q.Node) -> None:
    assert _equal(q.parse(q.unparse(tree)), tree)


def _equal(a: Any, b: Any) -> bool:
    """Equal trees, in which NaN equals NaN and true is not 1."""
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if type(a) is not type(b):
        return False
    if isinstance(a, (q.Compare, q.In, q.IsNull, q.Present, q.Words, q.Not, q.And, q.Or)):
        slots = [slot for slot in a.__slots__ if not slot.startswith("position")]
        return all(_equal(getattr(a, slot), getattr(b, slot)) for slot in slots)
    return bool(a == b)


# Meaning

CELLS = {
    "x": [0.5, 1.0, math.nan, -math.inf, None, 3.0, 0.0, 2.0],
    "mixed": [1, "1", "01", True, "true", "abc", None, 2**60],
    "opt": ["adam", "sgd", "Adam", None, "a%m", "", "0.01", 0.01],
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    store = Store(tmp_path_factory.mktemp("store") / ".anew")
    for at in range(8):
        config = {name: CELLS[name][at] for name in ("mixed", "opt")}
        x = CELLS["x"][at]
        points: list[Any] = [] if x is None else [({"val/acc": x}, 1), ({"val/acc": x}, 2)]
        tags = {"team": "vision" if at % 2 else "speech"}
        store.write(
            f"r{at}",
            [("config", {"values": config}), ("tag", tags), ("notes", {"text": f"try {at} resnet"})],
            points,
        )
    index = store.index()
    yield index
    index.close()


def naive(documents: list[dict[str, Any]], tree: q.Node) -> set[str]:
    return {document["id"] for document in documents if holds(tree, document)}


def look(field: q.Field, document: dict[str, Any]) -> Any:
    if not field.space:
        return document.get(field.name)
    if field.space == "metrics" and field.statistic not in ("", "last"):
        return document["metric_stats"].get(field.name, {}).get(field.statistic)
    return document[field.space].get(field.name)


def holds(tree: q.Node, document: dict[str, Any]) -> bool:
    match tree:
        case q.And(parts):
            return all(holds(part, document) for part in parts)
        case q.Or(parts):
            return any(holds(part, document) for part in parts)
        case q.Not(of):
            return not holds(of, document)
        case q.IsNull(field):
            return look(field, document) is None
        case q.Present(field):
            return look(field, document) is not None
        case q.In(field, some):
            return any(compares(look(field, document), "=", value) for value in some)
        case q.Compare(field, sign, value):
            return compares(look(field, document), sign, value)
    raise AssertionError(tree)


def number(text: Any) -> float | None:
    if isinstance(text, bool):
        return None
    if isinstance(text, str) and not re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+|inf|nan)\s*", text):
        return None
    return float(text)


def compares(cell: Any, sign: str, value: Any) -> bool:
    if cell is None:
        return False
    if sign in ("like", "ilike"):
        pattern = re.escape(value).replace("%", "(?s:.*)").replace("_", "(?s:.)")
        flags = re.IGNORECASE if sign == "ilike" else 0
        return isinstance(cell, str) and re.fullmatch(pattern, cell, flags) is not None
    if sign == "!=":
        return not compares(cell, "=", value)
    if isinstance(value, bool):
        return cell is value or (isinstance(cell, str) and cell.lower() == str(value).lower())
    if isinstance(cell, bool):
        return sign == "=" and isinstance(value, str) and value.lower() == str(cell).lower()
    if isinstance(cell, str) and isinstance(value, str) and (sign == "=" or number(value) is None):
        return _sign(cell, sign, value)
    left, right = number(cell), number(value)
    if left is None or right is None:
        return False
    if sign == "=" and math.isnan(left) and math.isnan(right):
        return True
    return _sign(left, sign, right)


def _sign(a: Any, sign: str, b: Any) -> bool:
    return bool({"=": a == b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[sign])


known = st.sampled_from([
    q.Field("metrics", "val/acc"), q.Field("metrics", "val/acc", "min"),
    q.Field("metrics", "val/acc", "count"),
    q.Field("config", "mixed"), q.Field("config", "opt"), q.Field("tags", "team"), q.Field("", "name"),
])  # fmt: skip
known_values = st.sampled_from([
    0, 1, 0.01, 0.5, 2, -3.5, math.nan, math.inf, 2**60, "1", "0.01", "01", "adam", "abc", "", "true", True,
    False,
    "vision", "r3",
])  # fmt: skip
patterns = st.sampled_from(["a%", "%m", "a%m", "_dam", "%", "", "A%", "%a%a%", "r_"])
known_leaves = st.one_of(
    st.builds(q.Compare, known, st.sampled_from(["=", "!="]), known_values),
    st.builds(
        q.Compare,
        known,
        st.sampled_from(["<", "<=", ">", ">="]),
        known_values.filter(lambda v: type(v) is not bool),
    ),
    st.builds(q.Compare, known, st.sampled_from(["like", "ilike"]), patterns),
    st.builds(lambda f, some: q.In(f, tuple(some)), known, st.lists(known_values, min_size=1, max_size=3)),
    st.builds(q.IsNull, known),
    st.builds(q.Present, known),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.recursive(known_leaves, _nodes, max_leaves=6))
def test_means_what_a_plain_evaluator_says(index: Index, tree: q.Node) -> None:
    documents = index.search(limit=None)
    assert set(index.ids(q.unparse(tree))) == naive(documents, tree), q.unparse(tree)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(max_size=30)
    | st.lists(
        st.sampled_from(
            [
                "metrics.val/acc",
                "params.opt",
                "name",
                "and",
                "or",
                "not",
                "(",
                ")",
                "=",
                "<",
                "like",
                "in",
                "is",
                "null",
                "'a'",
                '"b"',
                "1",
                "0.5",
                ",",
                "today",
                "tags.team",
                "`",
                "%",
                "-",
            ]
        ),
        max_size=10,
    ).map(" ".join)
)
def test_any_text_is_answered_or_refused(index: Index, text: str) -> None:
    try:
        assert index.count(text) >= 0
        index.search(text, limit=3)
    except QueryError as error:
        assert 0 <= error.position <= len(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics.val_acc > 1", "did you mean metrics.val/acc?"),
        ("metrics.zzz > 1", "no run has ever logged it"),
        ("params.otp = 'a'", "did you mean params.opt?"),
        ("nmae = 'a'", "did you mean name?"),
        ("created > 'soon'", "is no time"),
        ("params.mixed > true", "have no order"),
    ],
)
def test_unknown_names_are_refused_with_a_hint(index: Index, text: str, message: str) -> None:
    with pytest.raises(QueryError, match=re.escape(message)):
        index.ids(text)
    if "Unknown" not in message and "metrics.zzz" in text:
        assert index.ids(text, strict=False) == []


def test_half_a_character_is_refused(index: Index) -> None:
    with pytest.raises(QueryError, match="surrogate"):
        index.ids("id = '\ud800'")


def test_words_are_looked_up_in_the_text_of_runs(index: Index) -> None:
    assert index.count("resn") == 8  # the start of a word is enough
    assert index.ids("vision and name = 'r1'") == ["r1"]
    assert set(index.ids("vision")) == {"r1", "r3", "r5", "r7"}
    assert index.ids("'try 5'") == ["r5"]
    assert index.ids("not vision and metrics.val/acc >= 0") == ["r0", "r6"]
    assert index.ids("%%%") == []


def test_words_alone_answer_the_best_match_first(store: Store) -> None:
    store.write("old", [("notes", {"text": "cat"})], created=1)
    store.write("long", [("notes", {"text": "cat " + "and dog " * 50})], created=2)
    store.write("none", [("notes", {"text": "bird"})], created=3)
    index = store.index()
    assert index.ids("cat") == ["old", "long"]
    assert index.ids("cat", sort=["-created"]) == ["long", "old"]
    assert [run["id"] for run in index.search("cat", limit=1, offset=1)] == ["long"]
    index.close()


def test_sorting_puts_what_is_missing_last_both_ways(index: Index) -> None:
    up, down = index.ids(sort=["metrics.val/acc"]), index.ids(sort=["-metrics.val/acc"])
    assert up == ["r3", "r6", "r0", "r1", "r7", "r5", "r2", "r4"]
    assert down == ["r5", "r7", "r1", "r0", "r6", "r3", "r2", "r4"]
    assert index.ids(sort=["metrics.val/acc DESC"]) == down
    mixed = index.ids(sort=["params.mixed"])
    assert mixed[-1] == "r6"
    for limit in range(1, 9):
        assert index.ids(sort=["metrics.val/acc"], limit=limit) == up[:limit]
        assert index.ids(sort=["params.mixed"], limit=limit) == mixed[:limit]


def test_paging_is_stable_among_equals(index: Index) -> None:
    whole = [run["id"] for run in index.search(sort=["tags.team"], limit=None)]
    paged = [run["id"] for page in range(4) for run in index.search(sort=["tags.team"], limit=2, offset=2 * page)]
    assert paged == whole


def test_groups_and_distinct_values(index: Index) -> None:
    groups = index.group("", "tags.team", ["count", "max:metrics.val/acc", "mean:metrics.val/acc.count"])
    assert groups == [
        {"tags.team": "speech", "count": 4, "max:metrics.val/acc": 0.5, "mean:metrics.val/acc.count": 2.0},
        {"tags.team": "vision", "count": 4, "max:metrics.val/acc": 3.0, "mean:metrics.val/acc.count": 2.0},
    ]
    assert index.distinct("tags.team") == ["speech", "vision"]
    assert index.distinct("params.mixed") == [True, 1.0, 2.0**60, "01", "1", "abc", "true"]
    with pytest.raises(QueryError, match="no aggregate"):
        index.group("", "tags.team", ["median"])


def test_columns_alone(index: Index) -> None:
    rows = index.search("name in ('r1', 'r4')", sort=["name"], columns=["params.opt", "metrics.val/acc"])
    assert rows == [
        {"id": "r1", "params.opt": "sgd", "metrics.val/acc": 1.0},
        {"id": "r4", "params.opt": "a%m", "metrics.val/acc": None},
    ]


def test_times_and_spans() -> None:
    now = datetime(2026, 5, 10, 12, 0, 0)
    day = moment("2026-05-09", now)
    assert day == moment("yesterday", now)
    assert day is not None and day[1] - day[0] in (82800, 86400, 90000)
    assert moment("2 weeks ago", now) == ((now - timedelta(days=14)).timestamp(),) * 2
    assert moment("2026-05-09T10:00:00Z", now) == (1778320800.0, 1778320800.0)
    assert moment(1778320800000, now) == (1778320800.0, 1778320800.0)
    assert moment("soon", now) is None
    assert span_s("90 min") == 5400
    assert span_s("2 hours") == 7200
    assert span_s("x") is None


def test_like_never_goes_back_over_a_wildcard() -> None:
    assert like("%a" * 30, ignore_case=False).fullmatch("b" * 5000 + "a" * 29) is None


def test_status_and_times_as_mlflow_writes_them(index: Index) -> None:
    assert index.count("attributes.status = 'FINISHED'") == 8
    assert index.count("attributes.start_time <= 1700000000000") == 8
    assert index.count("attributes.start_time > 1700000000000") == 0
    assert index.count("created > today") == 0
    assert index.count("duration >= '100 s'") == 8


def test_import_of_anew_loads_neither_numpy_nor_sqlite() -> None:
    import subprocess
    import sys

    code = "import sys, anew; sys.exit(bool({'numpy', 'sqlite3'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, check=False).returncode == 0
