/** Which language a source file is in, and its text in the colours of that language. */
import { type ReactNode, useEffect, useState } from "react";

export type Language = "bash" | "ini" | "json" | "markdown" | "python" | "yaml";

export interface Token {
  text: string;
  /** What the language calls it: keyword, string, comment …; empty for the rest. */
  tone: string;
}

const endings: Record<string, Language> = {
  py: "python", pyi: "python", pyx: "python", yaml: "yaml", yml: "yaml", json: "json", jsonl: "json", ipynb: "json", sh: "bash", bash: "bash",
  zsh: "bash", toml: "ini", cfg: "ini", ini: "ini", lock: "ini", md: "markdown",
};
const mostLetters = 400_000; // more would hold the page up

/** By the ending of its name, or by its first line where that names a program. */
export function languageOf(path: string, text: string): Language | null {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  const known = name.includes(".") ? endings[name.slice(name.lastIndexOf(".") + 1)] : undefined;
  const program = /^#!.*?\b(python|bash|sh)[\d.]*\b/.exec(text)?.[1];
  return known ?? (program === "python" ? "python" : program ? "bash" : null);
}

/** The lines of a text in parts; null where there is no language for it, and until the colours are there. */
export function useTokens(text: string, language: Language | null): Token[][] | null {
  const [found, setFound] = useState<{ text: string; lines: Token[][] } | null>(null);
  useEffect(() => {
    if (!language || !text || text.length > mostLetters) return;
    let wanted = true;
    // Without colours it can be read as well.
    import("./highlight").then(
      ({ tokensOf }) => wanted && setFound({ text, lines: tokensOf(text, language) }),
      () => undefined,
    );
    return () => {
      wanted = false;
    };
  }, [text, language]);
  return found?.text === text ? found.lines : null;
}

export function toned(tokens: Token[]): ReactNode {
  return tokens.map(({ text, tone }, at) =>
    tone ? (
      <span key={at} className={`tok-${tone}`}>
        {text}
      </span>
    ) : (
      text
    ),
  );
}
