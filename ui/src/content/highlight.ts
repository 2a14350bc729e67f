/** Source text cut into the parts that its language colours; a file of its own, fetched when there is source to show. */
import bash from "highlight.js/lib/languages/bash";
import ini from "highlight.js/lib/languages/ini";
import json from "highlight.js/lib/languages/json";
import markdown from "highlight.js/lib/languages/markdown";
import python from "highlight.js/lib/languages/python";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";
import type { Language, Token } from "./source";

const light = createLowlight({ bash, ini, json, markdown, python, yaml } satisfies Record<Language, unknown>);
type Node = ReturnType<typeof light.highlight>["children"][number];

/** Line by line: together they are the text, letter for letter. */
export function tokensOf(text: string, language: Language): Token[][] {
  const lines: Token[][] = [[]];
  const walk = (node: Node, tone: string) => {
    if (node.type === "text") {
      node.value.split(/\r\n|\n|\r/).forEach((piece, at) => {
        if (at) lines.push([]);
        if (piece) lines.at(-1)?.push({ text: piece, tone });
      });
    } else if (node.type === "element") {
      const [name] = (node.properties.className as string[] | undefined) ?? [];
      for (const child of node.children) walk(child as Node, name?.replace(/^hljs-/, "") ?? tone);
    }
  };
  for (const node of light.highlight(language, text).children) walk(node, "");
  return lines;
}
