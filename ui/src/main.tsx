import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api";
import { loadPage } from "./sections";
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

function show(): void {
  if (!root) return;
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <Shell />
      </QueryClientProvider>
    </StrictMode>,
  );
}

// Its files are on their way with ours; what can't be fetched is told by the page itself.
loadPage(location.pathname).then(show, show);
