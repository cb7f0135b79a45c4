/** Tests of set-up: its downloads, their directories, and temporary files. */
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import test from "ava";
import { attempt, missing, root } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

const scratch = new Scratch();
test.after.always(() => scratch.remove());

/** A copy of the checkout, as far as set-up goes: its links lead to the cache of the test. */
const checkout = scratch.directory("checkout");
const setup = join(checkout, "setup/setup.sh");
cpSync(join(root, "setup"), join(checkout, "setup"), { recursive: true });

/** As `npm pack`: an archive of one file, whatever is asked for. */
const FALSE_NPM = `#!/bin/sh
echo "$@" >>"$PUZZLEFS_CACHE/asked"
mkdir package && echo '{}' >package/package.json && tar -czf package.tgz package && rm -r package
`;

(missing("dpkg-query").length > 0 ? test.skip : test)("set-up takes no archive that has another sha512", (t) => {
  const cache = scratch.directory("cache");
  const programs = scratch.directory("programs");
  writeFileSync(join(programs, "npm"), FALSE_NPM, { mode: 0o755 });
  const env = { ...process.env, PUZZLEFS_CACHE: cache, PATH: `${programs}${delimiter}${process.env["PATH"]}` };
  const { status, stderr } = attempt("sh", [setup, "run"], { env });
  t.is(status, 1);
  t.regex(stderr, /^setup: node-linux-\w+@[\d.]+ has digest sha512-\S+, recorded is sha512-\S+$/m);
  t.regex(readFileSync(join(cache, "asked"), "utf8"), /^pack --ignore-scripts node-linux-\w+@[\d.]+\n$/);
  t.deepEqual(globSync("node-*/**/package.json", { cwd: cache }), []);
});

test("root directories of Debian are closed to other users, those of an earlier set-up too", (t) => {
  const cache = scratch.directory("cache");
  mkdirSync(join(cache, "debian-bookworm/usr"), { recursive: true });
  mkdirSync(join(cache, "trixie-toolchain-1/usr"), { recursive: true });
  mkdirSync(join(cache, "kernels/7"), { recursive: true });
  symlinkSync("../../trixie-toolchain-1", join(cache, "kernels/7/toolchain"));
  chmodSync(cache, 0o755);
  const env = { ...process.env, PUZZLEFS_CACHE: cache };
  for (const time of ["first", "second"]) {
    t.is(attempt("sh", [setup, "nothing"], { env }).status, 2, time);
    t.is(statSync(join(cache, "trees")).mode & 0o777, 0o700);
    t.is(statSync(cache).mode & 0o777, 0o755, "other users run the Node in it");
    for (const name of ["debian-bookworm", "trixie-toolchain-1"]) {
      t.true(existsSync(join(cache, "trees", name, "usr")), name);
      t.false(existsSync(join(cache, name)), name);
    }
    t.is(readlinkSync(join(cache, "kernels/7/toolchain")), "../../trees/trixie-toolchain-1");
    t.true(existsSync(join(cache, "kernels/7/toolchain/usr")));
  }
});

test("set-up asks for signatures, and for nothing that it does not check", (t) => {
  for (const file of globSync("setup/*.sh", { cwd: root })) {
    const text = readFileSync(join(root, file), "utf8");
    t.notRegex(
      text,
      /--no-check-gpg|trusted=yes|allow-?unauthenticated|\bnpm (install|ci|exec) -|\bcurl\b|\bwget\b/i,
      file,
    );
    for (const line of text.match(/^.*\bdebootstrap --.*$/gm) ?? []) t.regex(line, /--force-check-gpg/, file);
  }
  const lock = readFileSync(join(root, "pnpm-lock.yaml"), "utf8");
  const resolutions = lock.match(/^ +resolution: .*$/gm) ?? [];
  t.true(resolutions.length > 100);
  t.deepEqual(
    resolutions.filter((line) => !/\{integrity: sha512-[\w+/]{86}==\}/.test(line)),
    [],
  );
});

test("temporary files have no fixed names in directories that all users may write to", (t) => {
  const files = globSync(["packages/*/src/**/*.ts", "{test,bench,demo,qemu}/**/*.ts", "setup/*.sh"], {
    cwd: root,
    exclude: (name) => name === "node_modules",
  });
  t.true(files.length > 200);
  const fixed = files.filter((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return /(?<!mkdtempSync\()join\(tmpdir\(\)/.test(text) || /["'`](?:\/var)?\/tmp\/puzzlefs/.test(text);
  });
  t.deepEqual(fixed.sort(), []);
});
