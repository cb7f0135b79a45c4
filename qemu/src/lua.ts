/** Programs in TypeScript as one Lua file each, by typescript-to-lua. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import ts from "typescript";
import * as tstl from "typescript-to-lua";
import type { GuestFiles } from "./initramfs.ts";
import { projectRoot } from "./kernels.ts";

const built = join(projectRoot, "build/qemu");

/** A program's sources: its own file, and those that it imports, directly or not. */
function sourcesOf(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const { fileName } of ts.preProcessFile(readFileSync(file, "utf8")).importedFiles) {
    if (fileName.startsWith(".")) sourcesOf(join(dirname(file), fileName), found);
  }
  return found;
}

function isCurrent(target: string, entry: string): boolean {
  if (!existsSync(target)) return false;
  const { mtimeMs } = statSync(target);
  return [...sourcesOf(entry)].every((file) => statSync(file).mtimeMs <= mtimeMs);
}

/**
 * All programs of test/posix-suite/src/lua, for the guest's root directory: `lua /dump.lua …`. Each is
 * compiled if one of its sources has changed, which takes some seconds.
 *
 * @throws Error with the diagnostics of typescript-to-lua
 */
export function luaPrograms(): GuestFiles {
  const directory = join(projectRoot, "test/posix-suite/src/lua");
  const programs = readdirSync(directory).filter((name) => name.endsWith(".ts") && name !== "environment.ts");
  const files = programs.map((name) => {
    const target = join(built, `${basename(name, ".ts")}.lua`);
    const entry = join(directory, name);
    if (!isCurrent(target, entry)) compile(entry, target);
    return [`/${basename(target)}`, readFileSync(target)] as const;
  });
  return Object.fromEntries(files);
}

function compile(entry: string, target: string): void {
  // Several processes may do this at once.
  const temporary = `${target}.${process.pid}`;
  mkdirSync(built, { recursive: true });
  const { diagnostics } = tstl.transpileFiles(
    [entry],
    {
      luaTarget: tstl.LuaTarget.Lua54,
      luaLibImport: tstl.LuaLibImportKind.RequireMinimal,
      luaBundle: temporary,
      luaBundleEntry: entry,
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      lib: ["lib.es2023.d.ts"],
      types: [],
      strict: true,
      rewriteRelativeImportExtensions: true,
    },
    (_, content) => writeFileSync(temporary, content),
  );
  if (diagnostics.length > 0) {
    rmSync(temporary, { force: true });
    const texts = diagnostics.map(({ messageText, file }) => {
      const text = typeof messageText === "string" ? messageText : messageText.messageText;
      return `${file?.fileName ?? entry}: ${text}`;
    });
    throw new Error(texts.join("\n"));
  }
  renameSync(temporary, target);
}
