/**
 * A process that writes into a layout and kills itself at a given call.
 *
 *     node crash-fixture.ts <layout> <tag prefix> <commits> <kill at> [convert]
 *     node crash-fixture.ts <layout> gc 0 <kill at>
 *
 * Every call of the layout's code that could change something is counted. Before call number `kill at` (0: never) the process kills
 * itself with SIGKILL; a write is then half done. At the end it prints the calls, one a line. With `convert` the images are
 * there, and get another form, which needs none of their blobs.
 */
import fs from "node:fs";
import { createRequire, syncBuiltinESMExports } from "node:module";
import type { Layout } from "./image-layout.ts";

const [directory, prefix, commits, killAt, convert] = process.argv.slice(2);
const calls: string[] = [];
/** Off while modules load. */
let armed = false;

/** Records a call with the names among its arguments; kills the process instead if it is call number `kill at`. */
function step(name: string, values: unknown[] = []): void {
  if (!armed) return;
  const names = values.flatMap((value) =>
    value instanceof Uint8Array ? [Buffer.from(value).toString().slice(0, -1)] : [],
  );
  calls.push([name, ...names].join(" "));
  if (calls.length === Number(killAt)) process.kill(process.pid, "SIGKILL");
}

/** Calls that leave everything as it is: dying there is dying before the next. */
const harmless = /^(stat|fstat|lstat|exists|read|readFile|readdir|realpath|close)Sync$/;
const harmlessNative = /^(statx|getdents64|close)$/;
/** Those of openat(2) and openat2(2) that make nothing. */
const opens = (name: string, values: unknown[]): boolean =>
  (name === "openat" && (Number(values[2]) & fs.constants.O_CREAT) === 0) || name === "syscall";
const { writeSync } = fs;
for (const [name, original] of Object.entries<unknown>({ ...fs })) {
  if (!name.endsWith("Sync") || harmless.test(name) || typeof original !== "function") continue;
  const watched = (...values: unknown[]): unknown => {
    const [descriptor, bytes] = values;
    if (armed && name === "writeSync" && calls.length + 1 === Number(killAt))
      if (typeof descriptor === "number" && bytes instanceof Uint8Array)
        writeSync(descriptor, bytes, 0, bytes.length >> 1);
    step(name);
    return Reflect.apply(original, fs, values);
  };
  Object.defineProperty(fs, name, { value: watched });
}
syncBuiltinESMExports();

// The C library's calls are watched where koffi binds them.
const require = createRequire(createRequire(import.meta.url).resolve("@puzzlefs/linux"));
const koffi: { load(library: null): { func(prototype: string): (...values: unknown[]) => unknown } } = require("koffi");
const load = (): object => {
  const library = koffi.load(null);
  const func = (prototype: string) => {
    const native = library.func(prototype);
    const name = /(\w+)\(/.exec(prototype)?.[1] ?? "";
    return (...values: unknown[]): unknown => {
      if (!harmlessNative.test(name) && !opens(name, values)) step(name, values);
      return native(...values);
    };
  };
  return { func };
};
const cached = require.cache[require.resolve("koffi")];
if (cached !== undefined) cached.exports = { ...koffi, load };

const { collectGarbage } = await import("./collect-garbage.ts");
const { Layout: Opened } = await import("./image-layout.ts");
const { assembleManifest, referencedBlobs } = await import("./manifest.ts");
const { Transaction } = await import("./transaction.ts");

/** Commits an image of three blobs, one of which all images share. */
function commitImage(layout: Layout, tag: string): void {
  const transaction = Transaction.begin(layout);
  const metadata = Buffer.from(`metadata of ${tag}`);
  const blobs = [metadata, `chunk of ${tag}`, "shared chunk"].map((blob) => transaction.writeBlob(Buffer.from(blob)));
  const [rootfs, ...chunks] = blobs.map(({ digest, temporary }) => {
    const size = transaction.directory.fileSize(temporary) ?? 0;
    return { digest, size, compressed: false, verity: "0".repeat(64) };
  });
  transaction.commit({ tag, manifest: assembleManifest(rootfs, chunks), blobs });
}

/** Gives an image another form: its entry names a manifest of other blobs, and its blobs are needed no more. */
function convertImage(layout: Layout, tag: string): void {
  const transaction = Transaction.begin(layout);
  const { digest: replaces, bytes } = layout.manifest(tag);
  const obsolete = [replaces, ...referencedBlobs(bytes, tag).flatMap(({ digest }) => digest ?? [])];
  const blob = transaction.writeBlob(Buffer.from(`all of ${tag}`));
  const { length: size } = Buffer.from(`all of ${tag}`);
  const manifest = assembleManifest({ digest: blob.digest, size, verity: "0".repeat(64) }, []);
  transaction.commit({ tag, manifest, blobs: [blob], replaces });
  collectGarbage(layout, { grace: 0, only: new Set(obsolete) });
}

armed = true;
const layout = Opened.create(directory);
if (prefix === "gc") collectGarbage(layout, { grace: 0 });
const work = convert === undefined ? commitImage : convertImage;
for (let i = 0; i < Number(commits); i++) work(layout, `${prefix}${i}`);
console.log(calls.join("\n"));
