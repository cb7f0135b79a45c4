import fs from "node:fs";
import { createRequire, syncBuiltinESMExports } from "node:module";

/**
 * Called before a call that could change something.
 *
 * @param call its name, and the names among its arguments
 * @param half does half of it, where it is a write
 */
export type Watcher = (call: string, half?: () => void) => void;

/** Calls that leave everything as it is: dying there is dying before the next. */
const harmless = /^(stat|fstat|lstat|exists|read|readFile|readdir|realpath|close)Sync$/;
const harmlessNative = /^(statx|getdents64|close)$/;
/** Those of openat(2) and openat2(2) that make nothing. */
const opens = (name: string, values: unknown[]): boolean =>
  (name === "openat" && (Number(values[2]) & fs.constants.O_CREAT) === 0) || name === "syscall";

type Native = ((...values: unknown[]) => unknown) & { async?: (...values: unknown[]) => unknown };

/** Reports the calls of all modules that are imported after this. */
export function watchCalls(before: Watcher): void {
  const report = (name: string, values: unknown[], half?: () => void): void => {
    const names = values.flatMap((value) =>
      value instanceof Uint8Array ? [Buffer.from(value).toString().slice(0, -1)] : [],
    );
    before([name, ...names].join(" "), half);
  };
  const { writeSync } = fs;
  for (const [name, original] of Object.entries<unknown>({ ...fs })) {
    if (!name.endsWith("Sync") || harmless.test(name) || typeof original !== "function") continue;
    const watched = (...values: unknown[]): unknown => {
      const [descriptor, bytes] = values;
      const isWrite = name === "writeSync" && typeof descriptor === "number" && bytes instanceof Uint8Array;
      report(name, [], isWrite ? () => void writeSync(descriptor, bytes, 0, bytes.length >> 1) : undefined);
      return Reflect.apply(original, fs, values);
    };
    Object.defineProperty(fs, name, { value: watched });
  }
  syncBuiltinESMExports();

  // The C library's calls are watched where koffi binds them.
  const require = createRequire(createRequire(import.meta.url).resolve("@puzzlefs/linux"));
  const koffi: { load(library: null): { func(prototype: string): Native } } = require("koffi");
  const load = (): object => {
    const library = koffi.load(null);
    const func = (prototype: string): Native => {
      const native = library.func(prototype);
      const name = /(\w+)\(/.exec(prototype)?.[1] ?? "";
      const watched =
        <T>(call: (...values: unknown[]) => T) =>
        (...values: unknown[]): T => {
          if (!harmlessNative.test(name) && !opens(name, values)) report(name, values);
          return call(...values);
        };
      return Object.assign(watched(native), native.async === undefined ? {} : { async: watched(native.async) });
    };
    return { func };
  };
  const cached = require.cache[require.resolve("koffi")];
  if (cached !== undefined) cached.exports = { ...koffi, load };
}
