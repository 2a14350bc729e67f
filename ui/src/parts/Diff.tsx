const tones: Record<string, string> = { "+": "added", "-": "removed", "@": "place" };

/** A unified diff, its lines coloured. */
export function Diff({ text, label }: { text: string; label: string }) {
  const lines = text.split("\n").filter((line) => !/^(---|\+\+\+) /.test(line));
  return (
    <pre className="diff" tabIndex={0} role="region" aria-label={`Difference of ${label}`}>
      {lines.map((line, at) => (
        <div key={at} className={tones[line[0] ?? ""] ?? ""}>
          {line || " "}
        </div>
      ))}
    </pre>
  );
}
