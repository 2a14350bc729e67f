/** The heads of a table's columns; `unseen` is that of a last one which needs no word for those who see it. */
export function Heads({ names, unseen }: { names: string[]; unseen?: string }) {
  return (
    <thead>
      <tr>
        {names.map((name) => (
          <th key={name} scope="col">
            {name}
          </th>
        ))}
        {unseen && (
          <th scope="col">
            <span className="unseen">{unseen}</span>
          </th>
        )}
      </tr>
    </thead>
  );
}
