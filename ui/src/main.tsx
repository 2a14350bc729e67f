import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api";
import { Shell } from "./shell";
import { applyTheme } from "./theme";
import "./theme.css";
import "./parts/parts.css";
import "./shell.css";

applyTheme();

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // What is live is told by the server; the rest is asked for again when its page is opened again.
      staleTime: 15_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) => failures < 2 && error instanceof ApiError && (error.status === 0 || error.status > 500),
    },
  },
});

const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <Shell />
      </QueryClientProvider>
    </StrictMode>,
  );
