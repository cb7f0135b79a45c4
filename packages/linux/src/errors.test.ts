import { openSync, readFileSync, renameSync } from "node:fs";
import { spawnSync } from "node:child_process";
import test from "ava";
import { INTERNAL_ERROR, messageOf, reasonOf } from "./errors.ts";
import { SystemError } from "./library.ts";

function thrown(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

test("a failed system call is reported in the same words, whether Node or this package made it", (t) => {
  t.is(new SystemError(13, "openat", "/x").message, "cannot open /x: permission denied");
  t.is(new SystemError(28, "write").message, "cannot write: no space left on device");
  t.is(new SystemError(5, "fsync").message, "cannot write to the disk: input/output error");
  t.is(new SystemError(24, "socketpair").message, "socketpair failed: too many open files");
  t.is(new SystemError(117, "statx", "/x").message, "cannot look at /x: structure needs cleaning");
  const cases: [unknown, string][] = [
    [thrown(() => openSync("/none/it's", "r")), "cannot open /none/it's: no such file or directory"],
    [thrown(() => readFileSync("/")), "cannot read: is a directory"],
    [thrown(() => renameSync("/none/a", "/none/b")), "cannot rename /none/a: no such file or directory"],
    [spawnSync("/none/program").error, "cannot run /none/program: no such file or directory"],
  ];
  for (const [error, message] of cases) {
    t.true(messageOf(error).startsWith(message), messageOf(error));
    t.notRegex(messageOf(error), /\bE[A-Z]{3,}\b/);
  }
  t.is(reasonOf(cases[0]?.[0]), "no such file or directory");
});

test("text before and after that of a system error stays", (t) => {
  const error = thrown(() => openSync("/none/x", "r")) as Error;
  error.message = `making a list: ${error.message} (3 of 4 done)`;
  t.is(messageOf(error), "making a list: cannot open /none/x: no such file or directory (3 of 4 done)");
});

test("errors of V8, Node and libraries are faults of the program, except lack of memory", (t) => {
  const faults = [
    thrown(() => (undefined as unknown as { x: unknown }).x),
    thrown(() => new Uint8Array(-1)),
    thrown(() => JSON.parse("{")),
    thrown(() => readFileSync("a\0b")),
    thrown(() => Buffer.alloc(-1)),
    thrown(() => "x".repeat(-1)),
  ];
  for (const fault of faults) t.true(messageOf(fault).startsWith(`${INTERNAL_ERROR}: `), messageOf(fault));
  for (const text of ["Array buffer allocation failed", "WebAssembly.Memory(): could not allocate memory"])
    t.regex(messageOf(new RangeError(text)), /^not enough memory: /);
  class OwnError extends RangeError {}
  t.is(messageOf(new OwnError("meant as it is")), "meant as it is");
  t.is(messageOf(new Error("plain")), "plain");
  t.is(messageOf("text"), "text");
});

test("a missing part of the program is named", async (t) => {
  const missing = "puzzlefs-has-no-such-package";
  const error: unknown = await import(missing).catch((caught: unknown) => caught);
  t.is(messageOf(error), `a part of the program is missing or cannot be loaded: ${missing}; install it again`);
});
