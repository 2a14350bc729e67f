import { type ComponentType, lazy, useState } from "react";

/** A component in a file of its own, which is fetched when it is first shown, or before by `load`. */
export function lazily<Props extends object>(fetch: () => Promise<{ default: ComponentType<Props> }>) {
  let coming: Promise<{ default: ComponentType<Props> }> | null = null;
  let there: ComponentType<Props> | null = null;
  const load = () => {
    coming ??= fetch().then(
      (file) => {
        there = file.default;
        return file;
      },
      (error: unknown) => {
        coming = null;
        throw error;
      },
    );
    return coming;
  };
  const Later = lazy(load) as unknown as ComponentType<Props>;
  function Lazily(props: Props) {
    // Once React shows a fallback it keeps it for 300 ms: what is there already is shown without one.
    const [Shown] = useState<ComponentType<Props>>(() => there ?? Later);
    return <Shown {...props} />;
  }
  return Object.assign(Lazily, { load });
}
