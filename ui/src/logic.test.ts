import { describe, expect, it } from "vitest";
import { held, moveTo, panelOf, sectionsOf, usualExtent } from "./charts/layout";
import { groupsOf, isClock, makeLines, meanLines, means, nearest, smooth, yRange } from "./charts/lines";
import { chartDefaults } from "./charts/settings";
import { svgOf } from "./charts/svg";
import { colourOf, colours, dashesFor, hash } from "./colour";
import { ago, bytes, command, label, number, span } from "./format";
import { joined, nothing } from "./pages/run/printed";
import { chosenColumns } from "./pages/runs/data";
import { pieces } from "./parts/ansi";
import { hintFor, take, tokens } from "./parts/query";
import { toCsv } from "./save";
import { readView, writeView } from "./url";

describe("smoothing", () => {
  it("leaves a constant alone from its first point on, and gaps as they are", () => {
    expect(smooth([0, 1, 2, 3], [4, 4, null, 4], 0.5)).toEqual([4, 4, null, 4]);
  });
  it("weighs by distance: after a long gap what came before counts for less", () => {
    const near = smooth([0, 1, 2, 3], [0, 0, 0, 10], 0.8).at(-1) ?? 0;
    const far = smooth([0, 1, 2, 30], [0, 0, 0, 10], 0.8).at(-1) ?? 0;
    expect(far).toBeGreaterThan(near);
  });
});

describe("the range of y", () => {
  const line = { id: "a", name: "a", colour: 0, dash: [], xs: Array.from({ length: 100 }, (_, x) => x) };
  const ys = line.xs.map((x) => (x === 50 ? 1000 : 1));
  it("holds every spike of what was logged, smoothed or not", () => {
    expect(yRange([{ ...line, ys: smooth(line.xs, ys, 0.9), raw: ys }], [0, 99], false, false)[1]).toBeGreaterThan(1000);
  });
  it("leaves spikes out where it is told to", () => {
    expect(yRange([{ ...line, ys }], [0, 99], true, false)[1]).toBeLessThan(10);
  });
  it("looks at what is zoomed into alone, and for logarithms at what has one", () => {
    expect(yRange([{ ...line, ys }], [0, 20], false, false)[1]).toBeLessThan(10);
    expect(yRange([{ ...line, ys: line.xs.map((x) => x - 1) }], [0, 99], false, true)[0]).toBeGreaterThan(0);
  });
});

it("a group is the mean of its members between their least and greatest", () => {
  const run = (id: string, y: number) => ({ id, name: id, colour: 0, dash: [], xs: [0, 10], ys: [y, y] });
  const runs = ["a", "b"].map((id) => ({ id, name: id, colour: 0, dash: [], created: 0, group: "g" }));
  const [line] = means([run("a", 1), run("b", 3)], runs);
  expect([line?.ys[5], line?.low?.[5], line?.high?.[5]]).toEqual([2, 1, 3]);
});

it("the nearest point is found on either side", () => {
  expect([-1, 0, 4, 6, 99].map((x) => nearest([0, 5, 10], x))).toEqual([0, 0, 1, 1, 2]);
});

describe("colours", () => {
  it("spread over the palette, and stay with their run unless another is chosen", () => {
    const seen = Array.from({ length: 600 }, (_, at) => colourOf(`run${at}`));
    expect(new Set(seen).size).toBe(colours);
    expect(Math.max(...Array.from({ length: colours }, (_, one) => seen.filter((other) => other === one).length))).toBeLessThan(100);
    expect(colourOf("a", "3")).toBe(2);
    expect(colourOf("a", "no")).toBe(hash("a") % colours);
  });
  it("that meet are told apart by dashes", () => {
    expect(dashesFor([1, 2, 1])).toEqual([[], [], [6, 4]]);
  });
});

describe("the address", () => {
  const defaults = { q: "", sort: "-created", col: [] as string[] };
  it("says what differs from the defaults, and reads back as it was", () => {
    const view = { q: "a = 'b & c'", sort: "-created", col: ["metrics.`a,b`", "x"] };
    const search = writeView("", defaults, view);
    expect(search).not.toContain("sort");
    expect(readView(search, defaults)).toEqual(view);
    expect(writeView(search, defaults, defaults)).toBe("");
  });
});

describe("the query", () => {
  it("is cut without losing a letter", () => {
    const query = "metrics.`val acc` >= 0.9 and (name like 'a''%' or not params.lr in (1e-3, 2))";
    expect(tokens(query).map((token) => token.text).join("")).toBe(query);
    expect(tokens("a > 1 b", 6).at(-1)).toEqual({ kind: "wrong", text: "b" });
    expect(tokens("a >", 4).at(-1)?.kind).toBe("wrong");
  });
  it("asks for what can stand at the caret", () => {
    const kinds = ["", "par", "params.lr ", "params.lr > ", "params.lr > 1 ", "params.lr > 1 and ", "status in (", "status in ('a', "];
    expect(kinds.map((text) => hintFor(text, text.length).kind)).toEqual(["name", "name", "operator", "value", "joint", "name", "value", "value"]);
    expect(take("x par", hintFor("x par", 5), "params.lr")[0]).toBe("x params.lr ");
  });
});

it("numbers, spans and sizes read as people write them", () => {
  expect([0.94721, 1e-7, 12, 1234567, 0, 123456.7, Number.NaN].map((value) => number(value))).toEqual(["0.9472", "1.00e-7", "12", "1,234,567", "0", "123457", "NaN"]);
  expect([0.2, 5, 61, 7860, 90061].map(span)).toEqual(["200 ms", "5.0 s", "1 min 1 s", "2 h 11 min", "1 d 1 h"]);
  expect([2, 30, 200, 8000, 1e6].map(ago)).toEqual(["now", "30 s", "3 min", "2 h", "11 d"]);
  expect([0, 999, 1500, 5e9].map(bytes)).toEqual(["0 B", "999 B", "1.5 kB", "5.0 GB"]);
  expect(command(["a.py", "--x", "it's"])).toBe(`a.py --x 'it'"'"'s'`);
  expect(label("metrics.`val acc`")).toBe("val acc");
});

it("a terminal's colours are kept, and its other sequences are not", () => {
  expect(pieces("\x1b[32mok\x1b[0m \x1b[2Kx\x1b]0;title\x07")).toEqual([
    { text: "ok", classes: "ansi-green" },
    { text: " ", classes: "" },
    { text: "x", classes: "" },
  ]);
});

it("a text that a spreadsheet would run is led by an apostrophe", () => {
  expect(toCsv([["=1+1", -2, "a,b", '"']])).toBe(`'=1+1,-2,"a,b",""""\r\n`);
});

it("what comes to a console goes on where its stream left off", () => {
  const piece = (stream: string, text: string) => ({ stream, text, time: 1 });
  const first = joined(nothing, { pieces: [piece("stdout", "one\n1%\r5"), piece("stderr", "oh\r\n")], after: "a", more: false });
  const second = joined(first, { pieces: [piece("stdout", "0%\nend")], after: "b", more: false });
  expect(second.lines.map(({ stream, text }) => `${stream} ${text}`)).toEqual(["stdout one", "stdout 50%", "stderr oh", "stdout end"]);
  expect(joined(second, { pieces: [], after: "b", more: false })).toBe(second);
});

it("a metric can run along the axis: others lie where it was at their steps", () => {
  const series = (metric: string, steps: number[], values: number[]) => ({ run: "a", metric, steps, values, total: steps.length });
  const run = { id: "a", name: "a", colour: 0, dash: [], created: 0 };
  const clock = series("epoch", [0, 10, 20], [0, 1, 2]);
  const [line] = makeLines([series("loss", [0, 5, 25], [3, 2, 1])], [run], "metric:epoch", 0, [clock]);
  expect(line?.xs).toEqual([0, 0.5, 2]);
  expect(makeLines([series("loss", [0], [3])], [run], "metric:epoch", 0, [])).toEqual([]);
  expect(["epoch", "train/epoch", "epochs", "global_step", "step_time", "epoch_loss"].map(isClock)).toEqual([true, true, true, true, false, false]);
});

it("columns are chosen by themselves as there is room for them, some metrics and some settings", () => {
  const column = (space: string, label: string) => ({ name: `${space === "config" ? "params" : space}.${label}`, label, space, runs: 9, varies: true, number: true });
  const columns = [...["a", "b", "c", "epoch"].map((name) => column("metrics", name)), ...["p", "q"].map((name) => column("config", name))];
  expect(chosenColumns([], columns, 60 * 3)).toEqual(["metrics.a", "params.p", "created"]);
  expect(chosenColumns([], columns)).toEqual(["metrics.a", "metrics.b", "metrics.c", "params.p", "params.q", "duration", "created"]);
  expect(chosenColumns(["x"], columns, 0)).toEqual(["x"]);
});

it("a chart as SVG says what it shows, and what a run is called is text", () => {
  const line = { id: "a", name: "<script>&\0", colour: 1, dash: [6, 4], xs: [1, 2, 3], ys: [1, null, 100], raw: [1, 2, 100], low: [0.5, 1, 50], high: [2, 3, 200] };
  const svg = svgOf({ lines: [line], x: [1, 3], y: [0.1, 1000], axis: "metric:epoch", log: true, focus: null }, "loss > 1", (name) => `c${name.slice(2)}`);
  expect(svg).toContain("&lt;script&gt;&amp;</text>");
  for (const part of ["loss &gt; 1", ">epoch<", 'stroke="crun1"', 'stroke-dasharray="6 4"', ">1000<", ">100<"]) expect(svg).toContain(part);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});

describe("charts", () => {
  const view = { ...chartDefaults, order: ["val/b", "val/a"], off: ["x"] };
  it("stand by prefix, in the order that is said, clocks and the machine's last", () => {
    const metrics = ["epoch", "loss", "system/cpu", "val/a", "val/b", "val/c", "x"];
    expect(sectionsOf(metrics, view)).toEqual([["metrics", ["loss", "epoch"]], ["val", ["val/b", "val/a", "val/c"]], ["system", ["system/cpu"]]]);
    expect(sectionsOf(["epoch", "val/a"], { ...view, metric: "E" })).toEqual([["metrics", ["epoch"]]]);
  });
  it("are moved within their section, and the order of the others stays", () => {
    const said: Partial<typeof chartDefaults>[] = [];
    const panel = panelOf("val/c", ["val/b", "val/a", "val/c"], { ...view, order: ["loss", "val/b", "val/a"] }, (changes) => said.push(changes));
    panel.put("val/c", panel.before ?? "");
    panel.put("other", "val/c");
    panel.hide();
    expect(said).toEqual([{ order: ["loss", "val/b", "val/c", "val/a"] }, { off: ["x", "val/c"] }]);
    expect([moveTo(["a", "b", "c"], "a", "c"), moveTo(["a", "b", "c"], "c", "a")]).toEqual([["b", "c", "a"], ["c", "a", "b"]]);
  });
});

describe("a chart's size", () => {
  it("is kept by name, and what is no size is none", () => {
    const said: Partial<typeof chartDefaults>[] = [];
    const view = { ...chartDefaults, panel: ["8x320 a b", "4x200 a", "x b"] };
    const panel = panelOf("a", ["a"], view, (changes) => said.push(changes));
    expect([panel.extent, panelOf("a b", [], view, () => 0).extent, panelOf("b", [], view, () => 0).extent]).toEqual([{ span: 4, height: 200 }, { span: 8, height: 320 }, null]);
    panel.resize({ span: 6, height: 100 });
    panel.resize(null);
    expect(said).toEqual([{ panel: ["8x320 a b", "x b", "6x100 a"] }, { panel: ["8x320 a b", "x b"] }]);
  });
  it("fills the row, and stays within what can be drawn", () => {
    expect([usualExtent("m", 900, 9).span, usualExtent("m", 900, 2).span, usualExtent("m", 350, 9).span]).toEqual([4, 6, 12]);
    expect([held({ span: 40, height: 9 }, 900), held({ span: 1, height: 314 }, 900), held({ span: 1, height: 5000 }, 100)]).toEqual([
      { span: 12, height: 100 }, { span: 3, height: 310 }, { span: 12, height: 1200 },
    ]);
  });
});

it("a group whose mean the server gave says how many runs it is of", () => {
  const runs = ["a", "b", "c"].map((id) => ({ id, name: id, colour: 0, dash: [], created: 0, group: id === "c" ? "h" : "g" }));
  const groups = groupsOf(runs);
  const mean = { xs: [0, 1], mean: [1, 2], low: [0, 0], high: [2, 4] };
  const lines = meanLines([mean, { xs: [], mean: [], low: [], high: [] }], groups, 0);
  expect(lines.map(({ name, ys, high }) => [name, ys, high])).toEqual([["g (2)", [1, 2], [2, 4]]]);
});
