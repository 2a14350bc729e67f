"""A graph of names drawn: as text, for Graphviz, for Mermaid. What is needed stands above what needs it."""

from __future__ import annotations

import itertools

Needs = dict[str, list[str]]  # name → what it needs
_GAP = 3  # columns between boxes, and rows between layers


def dot(needs: Needs) -> str:
    names = "".join(f'"{name}";\n' for name in needs)
    edges = "".join(f'"{source}" -> "{name}";\n' for name, sources in needs.items() for source in sources)
    return f"strict digraph {{\n{names}{edges}}}\n"


def mermaid(needs: Needs) -> str:
    lines = ["flowchart TD"]
    count = 0
    for part in components(needs):
        ids = {}
        for name in sorted(part):
            count += 1
            ids[name] = f"node{count}"
            lines.append(f'\t{ids[name]}["{name}"]')
        edges = sorted((source, name) for name, sources in part.items() for source in sources)
        lines += [f"\t{ids[source]}-->{ids[name]}" for source, name in edges]
    return "\n".join(lines)


def text(needs: Needs) -> str:
    return "\n".join(_drawn(part) for part in components(needs))


def components(needs: Needs) -> list[Needs]:
    """What does not hang together, apart."""
    ways: dict[str, set[str]] = {name: set(sources) for name, sources in needs.items()}
    for name, sources in needs.items():
        for source in sources:
            ways[source].add(name)
    found: list[Needs] = []
    seen: set[str] = set()
    for start in needs:
        if start in seen:
            continue
        part, todo = set(), [start]
        while todo:
            name = todo.pop()
            if name not in part:
                part.add(name)
                todo += ways[name]
        seen |= part
        found.append({name: sources for name, sources in needs.items() if name in part})
    return found


def _drawn(needs: Needs) -> str:
    """Boxes in layers, with lines of stars between them."""
    layers = _layers(needs)
    places: dict[str, tuple[int, int]] = {}  # name → column of its middle, row of its top
    widths = [sum(len(name) + 4 for name in layer) + _GAP * (len(layer) - 1) for layer in layers]
    for at, layer in enumerate(layers):
        column = (max(widths) - widths[at]) // 2
        for name in layer:
            width = len(name) + 4
            places[name] = (column + width // 2, at * (3 + _GAP))
            column += width + _GAP
    canvas = [[" "] * max(widths) for _ in range(len(layers) * (3 + _GAP) - _GAP)]
    for name, sources in needs.items():
        for source in sources:
            (x0, y0), (x1, y1) = places[source], places[name]
            for row in range(y0 + 3, y1):
                part = (row - y0 - 2) / (y1 - y0 - 2)
                canvas[row][round(x0 + (x1 - x0) * part)] = "*"
    for name, (middle, top) in places.items():
        left = middle - (len(name) + 4) // 2
        edge = f"+{'-' * (len(name) + 2)}+"
        for row, line in enumerate((edge, f"| {name} |", edge)):
            canvas[top + row][left : left + len(line)] = line
    return "\n".join("".join(row).rstrip() for row in canvas)


def _layers(needs: Needs) -> list[list[str]]:
    """Each name a layer below the lowest that it needs, beside those that it is drawn to."""
    depth: dict[str, int] = {}
    todo = list(needs)
    while todo:
        name = todo[-1]
        waiting = [source for source in needs[name] if source not in depth]
        if waiting:
            todo += waiting
            continue
        todo.pop()
        depth[name] = max((depth[source] + 1 for source in needs[name]), default=0)
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in needs:
        layers[depth[name]].append(name)
    for above, layer in itertools.pairwise(layers):
        rank = {name: at for at, name in enumerate(above)}

        def middle(name: str, rank: dict[str, int] = rank) -> float:
            there = [rank[source] for source in needs[name] if source in rank]
            return sum(there) / len(there) if there else 0.0

        layer.sort(key=middle)
    return layers
