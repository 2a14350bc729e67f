/** Contents of runs: their first part, and the whole of them where it is asked for. */
import { useQuery } from "@tanstack/react-query";
import { ApiError, send } from "../api";

export interface Part {
  bytes: Uint8Array<ArrayBuffer>;
  /** Of the whole content. */
  size: number;
}

export const shownBytes = 512 * 1024;
/** Pictures are of no use in part: so much of them is fetched unasked. */
export const wholeBytes = 8 * 1024 * 1024;
/** Tells what a content is. */
export const headBytes = 64 * 1024;

export function contentAddress(run: string, digest: string): string {
  return `/api/v1/runs/${encodeURIComponent(run)}/contents/${encodeURIComponent(digest)}`;
}

export async function fetchPart(address: string, most: number, signal?: AbortSignal): Promise<Part> {
  let answer: Response;
  try {
    answer = await send("GET", address, undefined, signal, { range: `bytes=0-${most - 1}` });
  } catch (error) {
    // Of nothing there is no first part.
    if (error instanceof ApiError && error.status === 416) return { bytes: new Uint8Array(0), size: 0 };
    throw error;
  }
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const whole = /\/(\d+)$/.exec(answer.headers.get("content-range") ?? "");
  return { bytes, size: whole ? Number(whole[1]) : bytes.length };
}

/** The first `most` bytes of a content; it never changes. */
export function usePart(run: string, digest: string, most: number) {
  return useQuery({
    queryKey: ["content", run, digest, most],
    queryFn: ({ signal }) => fetchPart(contentAddress(run, digest), most, signal),
    staleTime: Infinity,
    gcTime: 60_000,
    structuralSharing: false,
    retry: false,
  });
}
