/** Programs in TypeScript as one Lua file each, by typescript-to-lua. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import ts from "typescript";
import * as tstl from "typescript-to-lua";
import type { GuestFiles } from "./initramfs.ts";
import { projectRoot } from "./kernels.ts";

const sources = join(projectRoot, "test/posix-suite/src");
const built = join(projectRoot, "build/qemu");

function newest(directory: string): number {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...files.map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs));
}

/**
 * All programs of test/posix-suite/src/lua, for the guest's root directory: `lua /dump.lua …`. Compiled when their sources
 * have changed, which takes some seconds.
 *
 * @throws Error with the diagnostics of typescript-to-lua
 */
export function luaPrograms(): GuestFiles {
  const directory = join(sources, "lua");
  const programs = readdirSync(directory).filter((name) => name.endsWith(".ts") && name !== "environment.ts");
  const changed = newest(sources);
  const files = programs.map((name) => {
    const target = join(built, `${basename(name, ".ts")}.lua`);
    if (!existsSync(target) || statSync(target).mtimeMs < changed) compile(join(directory, name), target);
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
