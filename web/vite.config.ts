import tailwind from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The address of a running control plane (or of dev/fixture.mjs) while developing.
const api = process.env.CHIMERA_API ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), tailwind()],
  build: {
    outDir: "../src/chimera/control/static",
    emptyOutDir: true,
    // The page is served under `default-src 'self'`: no data: URLs, nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    host: "127.0.0.1",
    port: 5173,
    proxy: {
      "/api": { target: api, ws: true },
      "/health": { target: api },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
    testTimeout: 30_000, // a busy machine is slow, not wrong
    hookTimeout: 60_000,
  },
});
