import Plotly from "plotly.js-cartesian-dist-min";
import { drawWhenAsked, type Look } from "./frame";

// What this edition of the library draws. The others (maps, three dimensions, flows) would double its size.
const kinds = ["bar", "box", "contour", "heatmap", "histogram", "histogram2d", "histogram2dcontour", "image", "pie", "scatter", "scatterternary", "violin"];
const usualHeight = 420;

type Part = Record<string, unknown>;

function parts(value: unknown): Part[] {
  return Array.isArray(value) ? value.filter((one): one is Part => typeof one === "object" && one !== null) : [];
}

function record(value: unknown): Part {
  return typeof value === "object" && value !== null ? (value as Part) : {};
}

/** A layout's template with the page's colours, which the layout's own stand above. */
function fitted(layout: Part, { dark, surface, text, muted, line }: Look): Part {
  if (!dark) return layout;
  if (layout.paper_bgcolor !== undefined || layout.plot_bgcolor !== undefined) return { paper_bgcolor: "#fff", ...layout };
  const template = record(layout.template);
  const base = record(template.layout);
  const axis = (name: string) => ({ ...record(base[name]), gridcolor: line, linecolor: muted, zerolinecolor: muted, tickcolor: muted });
  const clear = { paper_bgcolor: surface, plot_bgcolor: surface, font: { ...record(base.font), color: text } };
  return { ...layout, template: { ...template, layout: { ...base, ...clear, xaxis: axis("xaxis"), yaxis: axis("yaxis") } } };
}

drawWhenAsked(async (spec, place, look) => {
  const layout = fitted(record(spec.layout), look);
  const kindOf = (trace: Part) => String(trace.type ?? "scatter").replace(/gl$/, "");
  const traces = parts(spec.data).map((trace): Part => ({ ...trace, type: kindOf(trace) }));
  const drawn = traces.filter((trace) => kinds.includes(String(trace.type)));
  const left = [...new Set(traces.filter((trace) => !drawn.includes(trace)).map((trace) => String(trace.type)))];
  if (traces.length && !drawn.length) throw new Error(`this page cannot draw ${left.join(", ").slice(0, 100)}`);
  // A picture from elsewhere would be refused anyhow, and complained of.
  const images = parts(layout.images).filter((image) => /^data:image\//.test(String(image.source)));
  const height = Number(layout.height) || usualHeight;
  place.style.height = `${height}px`;
  await Plotly.newPlot(place, drawn, { ...layout, images, height }, { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["toImage"] });
  const svg = async () => decodeURIComponent((await Plotly.toImage(place, { format: "svg", width: place.clientWidth, height })).replace(/^data:image\/svg\+xml,/, ""));
  return { svg, left };
});
