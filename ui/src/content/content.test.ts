import { describe, expect, it } from "vitest";
import { changesOf } from "../pages/run/Against";
import { changesBetween } from "../pages/data/rows";
import { cutByFile } from "../pages/run/Code";
import { itemsAt, mediaOf, stepsOf } from "../pages/run/media";
import type { Code, Document } from "../schema";
import { tokensOf } from "./highlight";
import { curveOf, distributionOf, kindOf, matrixOf, parseCsv, specOf, tableOf } from "./kinds";
import { cellsOf } from "./Notebook";
import { filtered, sorted } from "./RowsTable";
import { languageOf } from "./source";
import { rowsOf, wordsOf } from "./specs";
import { tamed } from "./tamed";
import { ticks } from "./ticks";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("what a content is", () => {
  it("its first bytes say, whatever its name does", () => {
    const png = Uint8Array.from("\x89PNG\r\n\x1a\n...", (letter) => letter.charCodeAt(0));
    expect(kindOf({ path: "a.txt" }, png)).toEqual({ kind: "image", mime: "image/png" });
    expect(kindOf({ path: "a.png" }, bytes("<script>")).kind).toBe("text");
    expect(kindOf({ path: "a", type: "image/svg+xml" }, bytes("<svg/>")).kind).toBe("vector");
    expect(kindOf({ path: "a.csv" }, bytes("BM,OG\n")).kind).toBe("table");
    expect(kindOf({ path: "a.html" }, new Uint8Array([0, 1, 2])).kind).toBe("binary");
  });
  it("is text, too, where its last character was cut", () => {
    expect(kindOf({ path: "a" }, bytes("ä".repeat(3000)).subarray(0, 4095)).kind).toBe("text");
  });
});

describe("source", () => {
  it("keeps every letter in its line, whatever is coloured", () => {
    const text = 'def f(x):\n    """A\r\n    doc."""\n\n    return x + 1  # <b>\n';
    const lines = tokensOf(text, "python");
    expect(lines.map((line) => line.map((token) => token.text).join(""))).toEqual(text.split(/\r\n|\n/));
    expect(lines[0]?.[0]).toEqual({ text: "def", tone: "keyword" });
    expect([lines[1], lines[2]].map((line) => line?.at(-1)?.tone)).toEqual(["string", "string"]);
    expect(lines[4]?.at(-1)).toEqual({ text: "# <b>", tone: "comment" });
  });
  it("has a language by its name, or by the program that its first line names", () => {
    const asked = [["a/b.PY", ""], ["pyproject.toml", ""], ["run", "#!/usr/bin/env python3\n"], ["run", "#!/bin/sh"], ["py", "x"], ["a.rs", ""]] as const;
    expect(asked.map(([path, text]) => languageOf(path, text))).toEqual(["python", "ini", "python", "bash", null, null]);
  });
  it("of a notebook is cells with what came of them", () => {
    const outputs = [{ output_type: "stream", name: "stderr", text: ["a\n", "b"] }, { output_type: "display_data", data: { "image/png": "iV\nBO", "text/plain": "x" } }, 7];
    const found = cellsOf({ cells: [{ cell_type: "code", execution_count: 3, source: ["x = 1\n", "x"], outputs }, { cell_type: "markdown", source: "# t" }, null] });
    expect(found?.cells.map(({ kind, count, source }) => [kind, count, source])).toEqual([["code", 3, "x = 1\nx"], ["markdown", null, "# t"]]);
    expect(found?.cells[0]?.outputs.map(({ kind, text }) => [kind, text])).toEqual([["error", "a\nb"], ["image", "iVBO"]]);
    expect([cellsOf([]), cellsOf({ cells: 1 }), found?.language]).toEqual([null, null, "python"]);
  });
});

describe("comma-separated values", () => {
  it("are read with quotes, line breaks and empty cells", () => {
    const { columns, rows } = parseCsv('a,"b ""c"""\r\n1,"x,\ny"\n,007\n', false);
    expect([columns, rows]).toEqual([["a", 'b "c"'], [[1, "x,\ny"], ["", "007"]]]);
  });
  it("may be separated otherwise, and end in the midst of a line", () => {
    expect(parseCsv("a\tb\n1\t2\n3\t4", true).rows).toEqual([[1, 2]]);
    expect(parseCsv("a;b\n-1.5e3;x", false).rows).toEqual([[-1500, "x"]]);
  });
  it("end, however broken", () => {
    for (const text of ['"', '"a', '"a"b,"', ",,,\n", "\r\r", '"'.repeat(999), "a,"]) expect(parseCsv(text, false).columns.length).toBeGreaterThan(0);
  });
});

describe("what JSON holds", () => {
  it("is a table in three forms", () => {
    const table = { columns: ["a", "b"], rows: [[1, null]] };
    expect([tableOf({ columns: ["a", "b"], rows: [[1]] }), tableOf({ columns: ["a", "b"], data: [[1, null]] }), tableOf([{ a: 1, b: null }])]).toEqual([table, table, table]);
    expect([tableOf({ columns: 1 }), tableOf([]), tableOf([1]), tableOf(null), tableOf({ columns: [], rows: [1] })]).toEqual([null, null, null, null, null]);
  });
  it("is a distribution only where the edges fit", () => {
    expect(distributionOf({ counts: [1, 2], edges: [0, 1, 2], not_finite: 3 })?.notFinite).toBe(3);
    expect([distributionOf({ counts: [1, 2], edges: [0, 1] }), distributionOf({ counts: ["1"], edges: [0, 1] })]).toEqual([null, null]);
  });
  it("is a confusion matrix where it is called one and is square", () => {
    const labelled = { columns: ["", "a", "b"], rows: [["a", 1, 2], ["b", 3, 4]] };
    expect(matrixOf("val/Confusion", labelled)).toEqual({ labels: ["a", "b"], counts: [[1, 2], [3, 4]] });
    expect(matrixOf("confusion", { confusion_matrix: [[1, 0], [0, 1]] })?.labels).toEqual(["0", "1"]);
    expect([matrixOf("weights", [[1, 0], [0, 1]]), matrixOf("confusion", [[1, 0], [0]]), matrixOf("confusion", [])]).toEqual([null, null, null]);
  });
  it("is a curve by the names of its columns, a line for each class", () => {
    const curve = curveOf({ columns: ["class", "fpr", "tpr"], rows: [["a", 0, 0], ["b", 0, 0.5], ["a", 1, 1], ["a", "x", 1]] });
    expect(curve?.lines).toEqual([{ name: "a", points: [[0, 0], [1, 1]] }, { name: "b", points: [[0, 0.5]] }]);
    expect(curveOf({ columns: ["x", "y"], rows: [] })).toBeNull();
  });
  it("is a description for Plotly: said in words, and its data as rows", () => {
    const packed = { bdata: btoa(String.fromCharCode(...new Uint8Array(new Float64Array([1, 2]).buffer))), dtype: "f8" };
    const spec = { data: [{ type: "scatter", name: "up", x: packed, y: [3, 4] }, { type: "bar", y: [1] }, 7], layout: { title: { text: "T" }, xaxis: { title: "t" } } };
    expect([specOf(spec), wordsOf(spec)]).toEqual(["Plotly", "T; scatter up, bar; t"]);
    expect(rowsOf(spec)).toEqual({ columns: ["trace", "x", "y"], rows: [["up", 1, 3], ["up", 2, 4], ["bar 2", null, 1]] });
    expect(rowsOf({ data: [{ y: { bdata: "?", dtype: "f8" } }], layout: {} }).rows).toEqual([]);
  });
  it("is a description for Vega, layers and all", () => {
    const values = [{ a: 1, b: "x" }, { a: 2, b: "y" }];
    const layered = { $schema: "vega-lite", data: { values }, layer: [{ mark: "bar", encoding: { x: { field: "b" }, y: { field: "a", title: "A" } } }, { mark: { type: "rule" } }] };
    expect([specOf(layered), wordsOf(layered)]).toEqual(["Vega", "bar, rule; A over b"]);
    expect(rowsOf(layered)).toEqual({ columns: ["a", "b"], rows: [[1, "x"], [2, "y"]] });
    expect(wordsOf({ $schema: "vega" })).toBe("a drawing");
    expect(rowsOf({ $schema: "vega", data: [{ name: "t", values: [1, 2] }] }).rows).toEqual([[1], [2]]);
  });
});

describe("two tables", () => {
  const old = { columns: ["id", "x", "gone"], rows: [[1, "a", 0], [2, "b", 0], [3, "c", 0]] };
  it("are compared row by row where a column names them", () => {
    const fresh = { columns: ["new", "x", "id"], rows: [[9, "c", 3], [9, "B", 2], [9, "d", 4]] };
    expect(changesBetween(old, fresh)).toEqual({
      added: ["new"], removed: ["gone"], key: "id", rows: { added: 1, removed: 1, changed: 1, same: 1 }, changes: [["x", 1]],
    });
  });
  it("are compared as wholes where none does", () => {
    const [one, other] = [["a", "a", "b"], ["a", "b", "b", "c"]].map((values) => ({ columns: ["x"], rows: values.map((value) => [value]) }));
    expect(one && other && changesBetween(one, other).rows).toEqual({ added: 2, removed: 1, changed: 0, same: 2 });
  });
});

it("rows are sorted with numbers before texts and what is missing last, either way", () => {
  const rows = [["b"], [null], [10], ["a"], [9]];
  expect(sorted(rows, { at: 0, down: false }).flat()).toEqual([9, 10, "a", "b", null]);
  expect(sorted(rows, { at: 0, down: true }).flat()).toEqual([10, 9, "b", "a", null]);
  expect(filtered(rows, "A")).toEqual([["a"]]);
});

it("ticks are round and within", () => {
  expect(ticks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(ticks(-3, 181, 4)).toEqual([0, 50, 100, 150]);
  expect([ticks(2, 2, 4), ticks(0, Infinity, 4)]).toEqual([[2], [0]]);
});

describe("media", () => {
  const run = {
    media: [
      { key: "m", digest: "1", step: 0 },
      { key: "m", digest: "2", step: 10 },
      { key: "m", digest: "3", step: 10 },
      { key: "late", digest: "4", step: 20 },
    ],
    outputs: [
      { path: "images/a#b%step%5%timestamp%17%x-1.png", digest: "5" },
      { path: "images/a#b%step%5%timestamp%17%x-1.webp", digest: "6" },
      { path: "plot.svg", digest: "7" },
      { path: "lost.png", digest: "8", stored: false },
      { path: "numbers.csv", digest: "9" },
    ],
  } as unknown as Document;
  it("are gathered by name, MLflow's and pictures among the outputs, too", () => {
    expect(mediaOf(run).map(({ name, items }) => [name, items.length])).toEqual([["m", 3], ["late", 1], ["a/b", 1], ["plot.svg", 1]]);
    expect(stepsOf(mediaOf(run))).toEqual([0, 5, 10, 20]);
  });
  it("stand at a step as they were last logged", () => {
    const [m, late] = mediaOf(run);
    expect([4, 15].map((step) => m && itemsAt(m, step).map(({ digest }) => digest))).toEqual([["1"], ["2", "3"]]);
    expect(late && itemsAt(late, 5)[0]?.digest).toBe("4");
  });
});

it("the code of two runs differs by path", () => {
  const code = (files: Record<string, string>) => ({ files: Object.entries(files).map(([path, digest]) => ({ path, digest, used: true })) }) as Code;
  expect(changesOf(code({ a: "1", b: "2", c: "3" }), code({ a: "1", b: "9", d: "4" }))).toEqual([
    { path: "b", here: "2", there: "9" },
    { path: "c", here: "3" },
    { path: "d", there: "4" },
  ]);
});

it("git's difference is cut by file", () => {
  const diff = "diff --git a/x y.py b/x y.py\nindex 1..2\n--- a/x y.py\n+++ b/x y.py\n@@ -1 +1 @@\n-a\n+diff --git b\ndiff --git a/p b/p\nold mode 1\n";
  expect(cutByFile(diff)).toEqual([
    { path: "x y.py", text: "@@ -1 +1 @@\n-a\n+diff --git b" },
    { path: "p", text: "old mode 1" },
  ]);
});

it("of a page nothing is left that runs or asks, and its words are", () => {
  const page = tamed(`<SCRIPT src=x>a</script><iframe\tsrc="y"><img src="http://z" onerror='1'><img src="data:image/png,1"><p style="color:red">style = on</p><frames>`);
  expect(page).not.toMatch(/<script|<iframe| src="http| onerror| style="/i);
  for (const kept of ['src="data:image/png,1"', ">style = on</p>", "<frames>", "</x-script hidden>"]) expect(page).toContain(kept);
});
