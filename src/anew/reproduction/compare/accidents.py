"""Are two differing tokens the same accident, such as the time of day, and by which rule?

An accident is taken for one only where its form and its surroundings say so on both sides. Whatever is
not known to be an accident is a result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anew.reproduction.compare import moments, names
from anew.reproduction.compare.places import PLACES, same_place
from anew.reproduction.compare.result import Findings, Side, change, gap
from anew.reproduction.compare.tokens import NUMBER, Token, label_of, parsed_number, plain_number, tokens

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_OWN_MEMORY = re.compile(r"(?i)(?<![a-z])(?:rss|peak|process|allocated|gpu|cuda)(?![a-z])")
_OUTSIDE = re.compile(
    r"(?i)/min|\d\s?[kmg]?\s?(?:req|word|call|run|point|quer|trial|ops?/)|(?-i:[kKMGTkmgt]?i?(?:b|bit)/)"
)
_UNITS = re.compile(
    r"\s?(?:days?|d|weeks?|w|months?|years?|yrs?|y|decades?|km|kmh|kph|mph|m|knots?|kn|kt|cm|mm|mi|miles?|rpm|[kMG]?[Hh]z|"
    r"bpm|degrees?|hours?|°|%)(?![A-Za-z_])|\s?[A-Za-z]+\s?/"
)  # of what is no timing of a program's
_NO_TIMING = "value"
_OF_TIME = frozenset(["in", "took", "after", "within", "elapsed"])
_UNITED = re.compile(rf"({NUMBER})(.*)", re.DOTALL)
PID_MOST = 2**22
_THREAD_BLOCKS = range(0x7E0000000000, 0x800000000000)  # where x86-64 maps stacks
_LOOPBACK = re.compile(r"(?:127(?:\.\d{1,3}){3}|localhost|\[::1?\]|0\.0\.0\.0):$")


@dataclass(frozen=True)
class Spot:
    """One token in its line, on its side, with the name of the field or column around the line."""

    line: Sequence[Token]
    index: int
    side: Side
    outer: str = ""

    @property
    def token(self) -> Token:
        return self.line[self.index]

    @property
    def text(self) -> str:
        return self.token.text

    @property
    def label(self) -> str:
        """The name nearest to the token: the words before it, else that of its field."""
        return label_of(self.line, self.index) or self.outer

    @property
    def before(self) -> str:
        return "".join(token.text for token in self.line[max(0, self.index - 4) : self.index])


def compare_line(a: str, b: str, found: Findings, where: str = "", label: str = "", labels: Sequence[str] = ()) -> None:
    """Compare two texts token by token. `label` names what they are; `labels` names each cell of a row."""
    if a == b:
        return
    left, right = tokens(a, found.side_a), tokens(b, found.side_b)
    if _texts_differ(left, right) and len(left) != len(right):
        found.differ(where, change(a, b))
        return
    columns = _columns(left, labels)
    padded: list[int] = []
    rules: set[str] = set()
    touched: set[int] = set()
    numbers: list[tuple[float, float]] = []
    for index, (x, y) in enumerate(zip(left, right, strict=True)):
        if x.text == y.text:
            continue
        if x.kind == y.kind == "space":
            padded.append(index)
            continue
        outer = columns.get(index, label)
        spots = Spot(left, index, found.side_a, outer), Spot(right, index, found.side_b, outer)
        accepted = same_accident(*spots)
        if accepted:
            rules |= accepted
            touched.add(index)
            continue
        apart = _apart(*spots)
        if apart is None:
            found.differ(where, change(a, b) if len(left) > 1 else change(x.text, y.text))
            return
        numbers.append(apart)
    if any(index - 1 not in touched and index + 1 not in touched for index in padded):
        found.differ(where, change(a, b))
        return
    for rule in sorted(rules):
        found.mask(rule)
    for absolute, relative in numbers:
        found.differ_numbers(where, change(a, b), absolute, relative)


def compare_cell_text(a: str, b: str, name: str, found: Findings, where: str, timing: bool | None = None) -> None:
    """Compare the texts of two cells or values; one that is a span alone is a timing only where its name says so."""
    timing = names.is_timing(name) if timing is None else timing
    kinds = [token.kind for token in tokens(a, found.side_a) if token.kind != "space"]
    own = ((a, found.side_a), (b, found.side_b))
    alone = a != b and len(kinds) == 1 and kinds[0] in ("span", "rate", "clock", "minutes", "size")
    if alone and not timing and not (kinds == ["clock"] and all(moments.is_own_clock(*side) for side in own)):
        found.differ(where, change(a, b))
        return
    compare_line(a, b, found, where, name)


def _texts_differ(left: Sequence[Token], right: Sequence[Token]) -> bool:
    return [token.text for token in left] != [token.text for token in right]


def _columns(line: Sequence[Token], labels: Sequence[str]) -> dict[int, str]:
    """The column's name for each token of a row whose cells are separated by spaces."""
    if not labels:
        return {}
    found: dict[int, str] = {}
    cell = -1
    after_space = True
    for index, token in enumerate(line):
        if token.kind == "space":
            after_space = True
            continue
        cell += after_space
        after_space = False
        if cell < len(labels):
            name = labels[cell]
            timing = names.is_timing(name)
            found[index] = name if not timing or names.is_table_timing(name, labels) else _NO_TIMING
    return found


def _apart(a: Spot, b: Spot) -> tuple[float, float] | None:
    """How far apart two numbers are; None when they are not two numbers of one kind."""
    if a.token.kind != b.token.kind:
        return None
    if a.token.kind == "number":
        x, y = plain_number(a.line, a.index), plain_number(b.line, b.index)
        if x is None or y is None:
            return None
        widest = gap(x, y)
        if "," in a.text or "," in b.text:  # thousands, or a list: the larger of both readings
            parts = a.text.split(","), b.text.split(",")
            if len(parts[0]) != len(parts[1]):
                return None
            gaps = [gap(float(left), float(right)) for left, right in zip(*parts, strict=True)] + [widest]
            return max(g[0] for g in gaps), max(g[1] for g in gaps)
        return widest
    if a.token.kind in ("span", "size", "rate"):
        left, right = _UNITED.fullmatch(a.text), _UNITED.fullmatch(b.text)
        if left and right and left[2] == right[2] and not re.search(r"\d", left[2]):
            x, y = parsed_number(left[1]), parsed_number(right[1])
            return None if x is None or y is None else gap(x, y)
    return None


def same_accident(a: Spot, b: Spot) -> set[str] | None:
    """The rules by which two differing tokens are the same accident; None when they are not."""
    kinds = {a.token.kind, b.token.kind}
    if len(kinds) > 1:
        return _same_span(a, b) if kinds == {"clock", "minutes"} else None
    test = _TESTS.get(a.token.kind)
    return test(a, b) if test else None


def _both(test: bool, other: bool, rule: str) -> set[str] | None:
    return {rule} if test and other else None


def _is_span(spot: Spot) -> bool:
    label = spot.label
    seconds = _span(spot)
    if names.is_measured(label) or (spot.token.kind == "rate" and _OUTSIDE.search(spot.text)):
        return False
    if spot.token.kind == "span" and re.search(r"\d\s?d", spot.text):
        return False
    long = seconds is not None and bool(re.search(r"\d\s?[mh](?!s|ic|il)", spot.text)) and not _is_eta(label)
    if seconds is not None and long and not moments.is_within(seconds, spot.side):
        return False
    parts = names.words(label)
    if names.is_result(label) and not names.is_timing(label) and (not parts or parts[-1] not in _OF_TIME):
        return False
    if spot.token.kind == "span" and re.fullmatch(rf"{NUMBER}m", spot.text) and not names.is_timing(label):
        return False  # minutes, metres, millions
    if spot.token.kind == "minutes" and not (
        spot.before.endswith(("[", "<", "[ ")) or names.is_timing(label) or _is_eta(label)
    ):
        return False
    remaining = _is_eta(label) or spot.before.endswith("<")
    return spot.token.kind == "rate" or remaining or moments.is_likely_span(_span(spot), spot.side)


def _span(spot: Spot) -> float | None:
    text = spot.text
    days = re.match(r"(\d+) days?, ", text)
    if days:
        text = text[days.end() :]
    seconds = moments.span_s(text.replace(",", "") if ":" not in text else text)
    return None if seconds is None else seconds + (int(days[1]) * 86400 if days else 0)


def _is_eta(label: str) -> bool:
    return bool(re.search(r"\b(?:ETA|[Ee]ta|[Rr]emaining)\W*$", label))


def _same_span(a: Spot, b: Spot) -> set[str] | None:
    return _both(_is_span(a), _is_span(b), "durations")


def _same_clock(a: Spot, b: Spot) -> set[str] | None:
    if names.is_result(a.label):
        return None
    days = " day" in a.text or " day" in b.text
    if not days and all(
        re.match(r"\d\d:", spot.text) and moments.is_own_clock(spot.text, spot.side) for spot in (a, b)
    ):
        return {"dates"}
    return _same_span(a, b)


def _same_date(a: Spot, b: Spot) -> set[str] | None:
    return _both(moments.is_own_date(a.text, a.side), moments.is_own_date(b.text, b.side), "dates")


def _same_path(a: Spot, b: Spot) -> set[str] | None:
    if same_place(a.text, b.text, a.side, b.side):
        return {"paths"}
    for key in PLACES:
        bases = getattr(a.side, key).rstrip("/"), getattr(b.side, key).rstrip("/")
        if all(bases) and a.text.startswith(bases[0] + "/") and b.text.startswith(bases[1] + "/"):
            rules = _same_pieces(a.text[len(bases[0]) :], b.text[len(bases[1]) :], a, b)
            if rules is not None:
                return rules | ({"paths"} if bases[0] != bases[1] else set())
    return _same_pieces(a.text, b.text, a, b)


def _same_pieces(text_a: str, text_b: str, a: Spot, b: Spot) -> set[str] | None:
    """Paths whose parts are the same or the same accidents, such as a date in a folder's name."""
    left, right = tokens(text_a, a.side, places=False), tokens(text_b, b.side, places=False)
    if len(left) != len(right):
        return None
    rules: set[str] = set()
    for index, (x, y) in enumerate(zip(left, right, strict=True)):
        if x.text == y.text:
            continue
        if x.kind not in ("date", "uuid", "run_id", "user", "host", "number"):
            return None
        accepted = same_accident(Spot(left, index, a.side), Spot(right, index, b.side))
        if x.kind == y.kind == "uuid" and _UUID4.fullmatch(x.text) and _UUID4.fullmatch(y.text):
            accepted = {"ids"}
        if not accepted:
            return None
        rules |= accepted
    return rules


def _is_pointer(spot: Spot) -> bool:
    before = "".join(token.text for token in spot.line[: spot.index])
    inside = before.rfind("<") > before.rfind(">")
    return 8 <= len(spot.text) - 2 <= 16 and (inside or before.endswith(" at "))


def _same_address(a: Spot, b: Spot) -> set[str] | None:
    return _both(_is_pointer(a), _is_pointer(b), "addresses")


def _same_uuid(a: Spot, b: Spot) -> set[str] | None:
    if all(_UUID4.fullmatch(spot.text) for spot in (a, b)) and names.is_any_id(a.label) and names.is_any_id(b.label):
        return {"ids"}
    return _both(names.is_id(a.label), names.is_id(b.label), "ids")


def _same_hex(a: Spot, b: Spot) -> set[str] | None:
    return _both(names.is_id(a.label), names.is_id(b.label), "ids") if len(a.text) == len(b.text) else None


def _same_size(a: Spot, b: Spot) -> set[str] | None:
    line = "".join(token.text for token in a.line)
    own = bool(_OWN_MEMORY.search(line)) and "model" not in line.lower()
    return _both(own and names.is_memory(a.label), own and names.is_memory(b.label), "memory sizes")


def _same_number(a: Spot, b: Spot) -> set[str] | None:
    x, y = plain_number(a.line, a.index), plain_number(b.line, b.index)
    if all(moments.is_own_epoch(spot.text, spot.side) for spot in (a, b)):
        return {"dates"}
    if _is_port(a) and _is_port(b):
        return {"ports"}
    if _is_thread_ident(a) and _is_thread_ident(b):
        return {"addresses"}
    if x is None or y is None:
        return None
    if x in a.side.pids and y in b.side.pids:
        return {"pids"}
    rules = [number_rules(s.label, v, s.side, _is_spoken(s)) for s, v in ((a, x), (b, y))]
    return {rules[0]} if rules[0] and rules[0] == rules[1] else None


def _is_spoken(spot: Spot) -> bool:
    """Is a bare number in text a timing, by the words before it and what follows?"""
    after = "".join(token.text for token in spot.line[spot.index + 1 : spot.index + 5])
    if _UNITS.match(after):
        return False
    if names.is_bare_time(spot.label) and any("{" in token.text for token in spot.line):
        keys = [token.text for token in spot.line if token.kind == "word"]
        return names.is_key_timing(spot.label, keys)
    return names.is_spoken_timing(spot.label) or (spot.label == spot.outer and names.is_timing(spot.label))


def _is_thread_ident(spot: Spot) -> bool:
    """Is this what `threading.get_ident()` gives, a thread's block's address, in a log's line or beside "thread"?"""
    block = int(spot.text) if spot.text.isdigit() else 0
    if block not in _THREAD_BLOCKS or block % 64:
        return False
    return any(token.kind in ("clock", "date") or "thread" in token.text.lower() for token in spot.line)


def _is_port(spot: Spot) -> bool:
    """Is this the port of an address on the run's own machine, out of the range that is handed out?"""
    return spot.text.isdigit() and 1024 <= int(spot.text) < 65536 and bool(_LOOPBACK.search(_all_before(spot)))


def _all_before(spot: Spot) -> str:
    return "".join(token.text for token in spot.line[max(0, spot.index - 16) : spot.index])


def number_rule(name: str, a: float, b: float, found: Findings, timing: bool) -> str:
    """The rule by which two differing numbers in a field called `name` are the same accident; '' if none."""
    rules = number_rules(name, a, found.side_a, timing), number_rules(name, b, found.side_b, timing)
    if rules[0] and rules[0] == rules[1]:
        return rules[0]
    own = moments.is_own_epoch(repr(a), found.side_a) and moments.is_own_epoch(repr(b), found.side_b)
    return "dates" if own else ""


def number_rules(name: str, value: float, side: Side, timing: bool) -> str:
    """The rule by which a number called `name` is an accident of its run; '' if it is a result."""
    whole = isinstance(value, int) and value > 0
    if names.is_process(name) and whole and value <= PID_MOST and (not side.pids or value in side.pids):
        return "pids"
    if names.is_thread(name) and whole and value > PID_MOST:
        return "pids"
    if names.is_resident(name) and value >= 0:
        return "memory sizes"
    scale = {"ms": 1e-3, "us": 1e-6, "ns": 1e-9}.get((names.words(name) or ("",))[-1], 1.0)
    if timing and value >= 0 and (_is_unbounded(name) or moments.is_likely_span(value * scale, side)):
        return "durations"
    if re.search(r"\bETA\W*$", name):
        return "durations"
    return ""


def _is_unbounded(name: str) -> bool:
    """Speeds, and times in an unknown small unit, have no natural bound."""
    return any(word in ("speed", "throughput", "fps", "ips", "per", "ms", "us", "ns") for word in names.words(name))


def _same_run(a: Spot, b: Spot) -> set[str] | None:
    return {"ids"}


def _same_user(a: Spot, b: Spot) -> set[str] | None:
    after = a.line[a.index + 1].text if a.index + 1 < len(a.line) else ""
    return _both(names.is_user(a.label) or after == "@", names.is_user(b.label) or after == "@", "users")


def _same_host(a: Spot, b: Spot) -> set[str] | None:
    told = any(c.isdigit() or c in "-." for c in a.text + b.text) or a.before.endswith("@") or names.is_host(a.label)
    return {"hosts"} if told else None


_TESTS = {
    "span": _same_span,
    "rate": _same_span,
    "minutes": _same_span,
    "clock": _same_clock,
    "date": _same_date,
    "path": _same_path,
    "address": _same_address,
    "uuid": _same_uuid,
    "hex": _same_hex,
    "size": _same_size,
    "number": _same_number,
    "run_id": _same_run,
    "user": _same_user,
    "host": _same_host,
}


def canonical(line: str, side: Side) -> Iterator[str]:
    """The tokens of `line`, its accidents by kind only: to tell lines that only changed their order."""
    listed = tokens(line, side)
    for index, token in enumerate(listed):
        spot = Spot(listed, index, side)
        if token.kind != "space":
            yield (
                f"<{token.kind}>"
                if token.kind not in ("number", "word", "other") and same_accident(spot, spot)
                else token.text
            )
