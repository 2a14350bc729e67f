import { loader, None, parse, type Spec, View } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile, type TopLevelSpec } from "vega-lite";
import { drawWhenAsked, type Look } from "./frame";

/** Data lies in the description or nowhere: no address in it is asked for. */
async function refuse(): Promise<never> {
  throw new Error("it names data, a picture or a link elsewhere, which is not asked for");
}

const closed = { ...loader(), load: refuse, http: refuse, file: refuse, sanitize: refuse };

/** The page's colours as a config, which a description's own stands above; one with a ground of its own needs none. */
function fitted(spec: Record<string, unknown>, { dark, surface, text, muted, line }: Look): object {
  const own = spec.config as Record<string, unknown> | undefined;
  if (spec.background !== undefined || own?.background !== undefined) return {};
  if (!dark) return {};
  const guide = { labelColor: muted, titleColor: text };
  const axis = { ...guide, domainColor: muted, tickColor: muted, gridColor: line };
  return { background: surface, axis, legend: guide, header: guide, title: { color: text, subtitleColor: muted }, view: { stroke: line }, text: { color: text, fill: text }, rule: { color: muted, stroke: muted } };
}

drawWhenAsked(async (spec, place, look) => {
  if (spec.width !== "container") Object.assign(place.style, { width: "fit-content", margin: "0 auto" });
  const lite = !/\/vega\/v\d/.test(String(spec.$schema));
  const whole = lite ? compile(spec as unknown as TopLevelSpec, { config: fitted(spec, look) }).spec : (spec as Spec);
  // As a tree, which the interpreter walks: nothing of a description becomes code.
  const runtime = parse(whole, lite ? {} : fitted(spec, look), { ast: true } as never);
  const view = new View(runtime, { expr: expressionInterpreter, loader: closed, renderer: "svg", container: place, logLevel: None, hover: true } as never);
  // Data that cannot be had is only logged by the library: said here.
  let missing = "";
  view.logger({ level: () => 0, error: (...said: unknown[]) => void (missing ||= String(said.at(-1))), warn: () => 0, info: () => 0, debug: () => 0 } as never);
  await view.runAsync();
  return { svg: () => view.toSVG(), left: missing ? [missing] : [] };
});
