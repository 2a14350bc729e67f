import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { build, defineConfig, type Plugin } from "vite";

const target = join(import.meta.dirname, "../src/anew/server/static");
const worthPacking = 1024;

/** The libraries that draw what others describe: each one script, for a frame that can load no modules. */
async function drawings(): Promise<void> {
  for (const library of ["plotly", "vega"]) {
    const output = { format: "iife", entryFileNames: `assets/drawing-${library}-[hash].js` } as const;
    const input = join(import.meta.dirname, `src/drawing/${library}.ts`);
    await build({ configFile: false, logLevel: "warn", build: { outDir: target, emptyOutDir: false, chunkSizeWarningLimit: 2000, rolldownOptions: { input, output } } });
  }
}

/** Beside each file its compressed forms, so that the server only has to choose. Of the drawings' only one is kept. */
function packed(): Plugin {
  return {
    name: "packed",
    apply: "build",
    async closeBundle() {
      await drawings();
      const folder = join(target, "assets");
      for (const name of readdirSync(folder)) {
        const content = readFileSync(join(folder, name));
        if (content.length < worthPacking) continue;
        writeFileSync(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }));
        if (name.startsWith("drawing-")) {
          rmSync(join(folder, name));
          continue;
        }
        const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(content, quality));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), packed()],
  build: {
    outDir: target,
    emptyOutDir: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: "manifest.json",
    rolldownOptions: {
      output: {
        // What pages share comes in a few files: a browser fetches six at a time, and each has its round trip.
        codeSplitting: {
          groups: [
            { name: "shared", test: /node_modules\/(react|scheduler|@tanstack)|src\/(parts\/|(?!main)\w+\.tsx?$)/, priority: 2 },
            { name: "charts", test: /node_modules\/uplot|src\/charts\//, priority: 1 },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      "/api": { target: process.env.ANEW_SERVER ?? "http://127.0.0.1:5000", changeOrigin: true },
    },
  },
});
