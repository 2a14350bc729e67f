import { useMutation } from "@tanstack/react-query";
import { send } from "../api";
import { save } from "../save";
import { Icon } from "./Icon";

/** Saves what stands at an address. Asked for with our token, which a plain link would not send. */
export function SaveButton({ address, name }: { address: string; name: string }) {
  const { mutate, isPending, error } = useMutation({
    mutationFn: async () => save(name, await (await send("GET", address)).blob()),
  });
  return (
    <button type="button" className={`quiet ${error ? "bad" : ""}`} disabled={isPending} onClick={() => mutate()} aria-label={`Save ${name}`} title={error ? error.message : `Save ${name}`}>
      <Icon name="save" />
    </button>
  );
}
