/** The guests' Lua interpreter with system calls, compiled when its sources have changed. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import type { GuestFiles } from "./initramfs.ts";
import { projectRoot } from "./kernels.ts";

const sources = ["lua.c", "sha256.c", "sha256.h"].map((name) => join(projectRoot, "qemu/guest", name));

/** The interpreter, for the guest's /bin. */
export function luaProgram(): GuestFiles {
  const directory = join(projectRoot, "build/qemu");
  const program = join(directory, "lua");
  const made = existsSync(program) ? statSync(program).mtimeMs : 0;
  if (sources.some((source) => statSync(source).mtimeMs > made)) {
    mkdirSync(directory, { recursive: true });
    const compiled = sources.filter((source) => source.endsWith(".c"));
    const flags = ["-O2", "-Wall", "-Wextra", "-static", "-I/usr/include/lua5.4"];
    // Several processes may do this at once.
    const temporary = `${program}.${process.pid}`;
    execFileSync("gcc", [...flags, "-o", temporary, ...compiled, "-llua5.4", "-lm", "-ldl"], { stdio: "pipe" });
    renameSync(temporary, program);
  }
  return { "/bin/lua": readFileSync(program) };
}
