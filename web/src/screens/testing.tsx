/** For tests only: a screen's surroundings, with calls that the test answers. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import type { ReactNode } from "react";
import { createApi, type Role } from "../api/client";
import { SessionContext } from "../app";

export interface Asked {
  method: string;
  path: string;
  body: unknown;
  headers: Record<string, string>;
}

type Reply = [status: number, body: unknown];

/** Shows `screen` to somebody of `role`; returns what was asked of the desk so far, which grows. */
export function show(screen: ReactNode, reply: (asked: Asked) => Reply, role: Role = "admin"): Asked[] {
  const asked: Asked[] = [];
  const fetcher = async (url: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const one: Asked = {
      method: init?.method ?? "GET",
      path: String(url).replace("/api/v1", ""),
      body: typeof init?.body === "string" ? JSON.parse(init.body) : undefined,
      headers: init?.headers as Record<string, string>,
    };
    asked.push(one);
    const [status, body] = reply(one);
    return new Response(JSON.stringify(body), { status });
  };
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={queries}>
      <SessionContext value={{ api: createApi("k", fetcher), identifier: "test", role, signOut: () => {} }}>
        {screen}
      </SessionContext>
    </QueryClientProvider>,
  );
  return asked;
}
