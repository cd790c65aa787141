/** The first thing that runs: takes over a key from the address, sets the theme, draws the page. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { adoptKeyFromAddress } from "./session";
import { installable } from "./shell/install";
import { applyTheme, storedTheme } from "./shell/theme";
import { Boundary } from "./ui/boundary";
import "./styles.css";

adoptKeyFromAddress(window.location, window.history);
applyTheme(storedTheme());
if (import.meta.env.PROD) void installable();

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <Boundary>
      <App />
    </Boundary>
  </StrictMode>,
);
