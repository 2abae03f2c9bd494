// Bundles the pages' scripts and styles into dist/, each named by a hash of its content, and writes
// dist/manifest.json, which maps the logical names that templates use ("call.js") to those names.
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const DIST = "dist";
const ENTRIES = {
  base: "src/shared/base.css",
  home: "src/public/main.ts",
  "home-style": "src/public/home.css",
  "booking-style": "src/public/booking.css",
  remote: "src/remote/main.ts",
  "remote-style": "src/remote/remote.css",
  call: "src/call/main.tsx",
  frames: "src/e2ee/worker.ts",
  papers: "src/talk/papers/render.ts",
  "pdf-worker": "node_modules/pdfjs-dist/legacy/build/pdf.worker.mjs",
  "call-style": "src/shared/call.css",
  practice: "src/practice/main.tsx",
  booth: "src/booth/main.tsx",
  "booth-style": "src/booth/booth.css",
  live: "src/live/main.tsx",
  "live-style": "src/live/live.css",
  cameras: "src/cameras/main.tsx",
  "cameras-style": "src/cameras/cameras.css",
  staff: "src/console/main.tsx",
  "staff-style": "src/console/staff.css",
  "people-style": "src/people/people.css",
  "today-style": "src/console/today.css",
};

const { outputFiles } = await build({
  entryPoints: ENTRIES,
  bundle: true,
  minify: true,
  format: "esm",
  charset: "utf8",
  // What phones of the last years run; WebRTC with transceivers needs no less.
  target: ["es2020", "safari15", "chrome100", "firefox100"],
  jsx: "automatic",
  jsxImportSource: "preact",
  outdir: DIST,
  write: false,
  logLevel: "warning",
});

const files = outputFiles.map(({ path, contents }) => [basename(path).replace("-style.css", ".css"), contents]);
files.push(["icon.svg", await readFile("src/shared/icon.svg")]);

await mkdir(DIST, { recursive: true });
for (const old of await readdir(DIST)) if (old !== ".gitkeep") await rm(join(DIST, old), { recursive: true });
const manifest = {};
for (const [name, contents] of files) {
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 12);
  const hashed = name.replace(/\.(\w+)$/, `-${hash}.$1`);
  manifest[name] = hashed;
  await writeFile(join(DIST, hashed), contents);
  console.log(`${name.padEnd(10)} ${String(gzipSync(contents).length).padStart(6)} bytes compressed`);
}
// What a PDF may need beside the program: tables for letters that aren't in the file, and decoders of pictures. They are
// fetched one by one when a file asks for them; the version in the folder's name stands for a hash.
const PDFJS = "node_modules/pdfjs-dist";
const { version } = JSON.parse(await readFile(join(PDFJS, "package.json"), "utf8"));
for (const part of ["cmaps", "standard_fonts", "iccs"]) await cp(join(PDFJS, part), join(DIST, `pdf-${version}`, part), { recursive: true });
// Without WebAssembly, which the pages' content security policy doesn't allow.
for (const decoder of ["jbig2", "openjpeg"]) {
  const name = `${decoder}_nowasm_fallback.js`;
  await cp(join(PDFJS, "wasm", name), join(DIST, `pdf-${version}`, "wasm", name));
}
for (const license of ["LICENSE_JBIG2", "LICENSE_OPENJPEG", "LICENSE_PDFJS_JBIG2", "LICENSE_PDFJS_OPENJPEG"]) {
  await cp(join(PDFJS, "wasm", license), join(DIST, `pdf-${version}`, "wasm", license));
}
manifest["pdf/"] = `pdf-${version}/`;
await writeFile(join(DIST, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
