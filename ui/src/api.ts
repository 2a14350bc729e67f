/** The typed client of the server: `ask("GET /api/v1/runs/{id}", { path: { id } })`. */
import type { Routes } from "./schema";

type Asked<Route extends keyof Routes> = Omit<Routes[Route], "gives">;

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
    readonly position?: number,
  ) {
    super(message);
  }
}

const tokenKey = "anew.token";

export function token(): string {
  return sessionStorage.getItem(tokenKey) ?? "";
}

export function setToken(value: string): void {
  sessionStorage.setItem(tokenKey, value);
}

export function authorization(): Record<string, string> {
  const held = token();
  return held ? { authorization: `Bearer ${held}` } : {};
}

export async function ask<Route extends keyof Routes>(
  route: Route,
  asked: Asked<Route>,
  signal?: AbortSignal,
): Promise<Routes[Route]["gives"]> {
  const [method = "GET", shape = ""] = route.split(" ");
  const { path, query, body } = asked as { path?: Record<string, string>; query?: Query; body?: unknown };
  const answer = await send(method, address(shape, path, query), body, signal);
  return (await answer.json()) as Routes[Route]["gives"];
}

type Query = Record<string, string | number | string[] | undefined>;

function address(shape: string, path: Record<string, string> = {}, query: Query = {}): string {
  const filled = shape.replace(/\{(\w+)\}/g, (_, name: string) => encodePath(path[name] ?? ""));
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [String(value)]) said.append(name, one);
  }
  const text = said.toString();
  return text ? `${filled}?${text}` : filled;
}

function encodePath(value: string): string {
  return value.split("/").map(encodeURIComponent).join("/");
}

/** A request with our token. Throws an ApiError for what is no success. */
export async function send(method: string, url: string, body?: unknown, signal?: AbortSignal, also?: Record<string, string>): Promise<Response> {
  const headers: Record<string, string> = { ...authorization(), ...also };
  // Without credentials of its own, a browser leaves a 401 to us and shows no box for a password.
  const request: RequestInit = { method, headers, credentials: "omit" };
  if (signal) request.signal = signal;
  if (body !== undefined) {
    headers["content-type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let answer: Response;
  try {
    answer = await fetch(url, request);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "Unreachable", "The server does not answer. Is `anew ui` still running?");
  }
  if (!answer.ok) throw await failure(answer);
  return answer;
}

async function failure(answer: Response): Promise<ApiError> {
  try {
    const { error } = (await answer.json()) as { error: { kind: string; message: string; position?: number } };
    // A query's error repeats the query below its first line; the page underlines it in its place.
    return new ApiError(answer.status, error.kind, error.message.split("\n")[0] ?? "", error.position);
  } catch {
    return new ApiError(answer.status, "Unknown", `The server answered ${answer.status}.`);
  }
}
