import { describe, expect, it } from "vitest";
import { axisOf, brushOf, numberAt, placeOn, rankCorrelation, reach, readBrushes, takes, tellsNothing, writeBrush } from "./axes";
import { itemsAt, shelves, stepsOf } from "./media";
import { bestOf, shownSections, sinks } from "./differences";

describe("an axis", () => {
  it("lies by magnitude where values span hundreds, unless it is turned", () => {
    const rates = axisOf("params.lr", [1e-5, 1e-3, 0.1], false);
    expect([rates.log, placeOn(rates, 1e-3), axisOf("params.lr", [1e-5, 0.1], true).log]).toEqual([true, 0.5, false]);
    expect(axisOf("params.x", [0, 1000], false).log).toBe(false);
    expect(numberAt(rates, placeOn(rates, 0.02) ?? 0)).toBeCloseTo(0.02);
  });
  it("has the values themselves beside it where they are few", () => {
    expect(axisOf("params.seed", [0, 1, 2, 1], false).ticks.map((tick) => tick.label)).toEqual(["0", "1", "2"]);
    expect(axisOf("m", [0, 0.31, 0.32, 1], false).ticks.map((tick) => tick.label)).toEqual(["0", "0.2", "0.4", "0.6", "0.8", "1"]);
  });
  it("takes anything but numbers for texts, in their order, and leaves out what is not there", () => {
    const mixed = axisOf("params.width", ["10", 9, null, true], false);
    expect([mixed.kind, mixed.categories]).toEqual(["category", ["9", "10", "true"]]);
    expect([placeOn(mixed, null), placeOn(mixed, "9")]).toEqual([null, 0.5 / 3]);
    expect([tellsNothing(axisOf("n", [..."abcdefgh"], false), 8), tellsNothing(mixed, 4)]).toEqual([true, false]);
  });
  it("of one value or none has a place all the same", () => {
    expect(placeOn(axisOf("x", [7, 7], false), 7)).toBe(0.5);
    expect(axisOf("x", [], false).categories).toEqual([]);
  });
});

describe("a brush", () => {
  const rates = axisOf("params.lr", [1e-5, 1e-3, 0.1], false);
  it("takes the ends whole, and what lies between", () => {
    const brush = brushOf(rates, 1, 0.5);
    expect(brush).toEqual({ column: "params.lr", low: 0.001, high: 0.1 });
    expect(brush && [takes(brush, 0.1), takes(brush, 1e-5), takes(brush, null), reach(rates, brush)]).toEqual([true, false, false, [0.5, 1]]);
    expect(brushOf(rates, 0.5, 0.501)).toBeNull();
  });
  it("takes texts by the middle of their place", () => {
    const kinds = axisOf("params.kind", ["a", "b", "c", "d"], false);
    const brush = brushOf(kinds, 0.3, 0.7);
    expect(brush).toEqual({ column: "params.kind", texts: ["b", "c"] });
    expect(brush && reach(kinds, brush)).toEqual([0.25, 0.75]);
  });
  it("stands in the address, and what is none does no harm", () => {
    const brushes = [{ column: "a,b", texts: ["x|y"] }, { column: "m", low: 0, high: 1e-9 }];
    expect(readBrushes([...brushes.map(writeBrush), "{", "[1,2,3]", '["m","0",1]', "null"])).toEqual(brushes);
  });
});

it("two lists rise together by their ranks", () => {
  expect(rankCorrelation([[1, 1], [2, 10], [3, 100]])).toBeCloseTo(1);
  expect(rankCorrelation([[1, 5], [1, 4], [2, 3], [2, 2]])).toBeLessThan(-0.8);
  expect(rankCorrelation([[1, 5], [2, 5], [3, 5]])).toBeNull();
});

describe("the best value", () => {
  it("is the least of a loss and the greatest of the rest, unless that is turned", () => {
    expect([sinks("val/loss", []), sinks("val/accuracy", []), sinks("val/accuracy", ["val/accuracy"])]).toEqual([true, false, true]);
    expect(bestOf([0.2, 0.1, "NaN", null], true)).toEqual([1]);
    expect(bestOf([0.2, 0.1, 0.2], false)).toEqual([0, 2]);
  });
  it("is not told where nothing is better", () => {
    expect([bestOf([1, 1], true), bestOf([1, null], true)]).toEqual([[], []]);
  });
});

it("rows that are the same are shown only when asked for, metrics by one of their statistics", () => {
  const rows = [{ name: "lr", equal: false, values: [1, 2] }, { name: "seed", equal: true, values: [0] }];
  const sections = [{ name: "metrics", rows: [{ name: "loss", equal: false, values: [3, 4] }] }, { name: "least", rows: [{ name: "loss", equal: false, values: [1, 2] }] }, { name: "config", rows }];
  expect(shownSections(sections, "least", false, "")).toEqual([{ name: "metrics", rows: sections[1]?.rows }, { name: "config", rows: rows.slice(0, 1) }]);
  expect(shownSections(sections, "metrics", true, "SEED")).toEqual([{ name: "config", rows: rows.slice(1) }]);
});

it("media stand side by side as they were last at a step", () => {
  const item = (run: string, key: string, step?: number) => ({ run, key, type: "image/png", digest: `${run}${key}${step}`, ...(step !== undefined && { step }) });
  const items = [item("a", "x", 0), item("a", "x", 9), item("a", "x", 9), item("b", "x", 4), item("b", "plot.png")];
  const [x, plot] = shelves(items);
  expect([x?.name, plot?.name, stepsOf(items)]).toEqual(["x", "plot.png", [0, 4, 9]]);
  expect(x && [itemsAt(x, "a", 8), itemsAt(x, "a", 9), itemsAt(x, "b", 3)].map((one) => one.length)).toEqual([1, 2, 0]);
  expect(plot && itemsAt(plot, "b", 0).length).toBe(1);
});
