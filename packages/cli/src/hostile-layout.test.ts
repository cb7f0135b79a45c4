/** Commands on layouts that another user may change: what links in them lead to is neither shown, copied nor changed. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import test from "ava";
import { mountTest, unmountLeftover } from "./mount-fixture.ts";
import { type Outcome, TestDirectory } from "./program-fixture.ts";

const SECRET = "root:$6$secret:19000:0:99999:7:::\n".repeat(200);

/** A raw image store:v1 of a file that is as long as a secret outside, which is in a directory of mode 0700. */
async function withSecret(t: ExecutionContext): Promise<TestDirectory> {
  const directory = new TestDirectory();
  for (const name of ["root", "mnt", "vault"]) mkdirSync(directory.path(name), 0o700);
  writeFileSync(directory.path("vault/secret"), SECRET);
  writeFileSync(directory.path("vault/owner"), "");
  writeFileSync(directory.path("root/file"), Buffer.alloc(SECRET.length, "A"));
  writeFileSync(
    directory.path("config"),
    JSON.stringify({ architecture: "amd64", os: "linux", author: "B".repeat(SECRET.length) }),
  );
  const { code, stderr } = await directory.run("build", "--config", "config", "root", "store:v1");
  t.is(code, 0, stderr);
  return directory;
}

/** Digests of the blobs of store:v1 by what they are. */
async function blobsOf(
  directory: TestDirectory,
): Promise<Record<"manifest" | "metadata" | "config" | "chunk", string>> {
  const image = JSON.parse((await directory.run("inspect", "--json", "store:v1")).stdout);
  const file = JSON.parse((await directory.run("inspect", "--json", "store:v1", "/file")).stdout);
  return {
    manifest: image.manifest,
    metadata: image.metadata,
    config: image.config.digest,
    chunk: file.runs[0].blob,
  };
}

function checkOutside(t: ExecutionContext, directory: TestDirectory, outcome: Outcome, what: string): void {
  t.false(`${outcome.stdout}${outcome.stderr}`.includes("secret:19000"), what);
  t.deepEqual(readdirSync(directory.path("vault")).toSorted(), ["owner", "secret"], what);
  t.is(readFileSync(directory.path("vault/secret"), "utf8"), SECRET, what);
  for (const copy of ["out/file", "mnt/file"])
    if (existsSync(directory.path(copy))) t.false(readFileSync(directory.path(copy), "utf8").includes("secret"), what);
  t.false(existsSync(directory.path("made")), what);
}

const links: Record<string, string> = { "a link": "vault/secret", "a dangling link": "made", "a directory": "vault" };

for (const [kind, target] of Object.entries(links))
  test(`blobs that are links are no blobs for any command: ${kind}`, async (t) => {
    using directory = await withSecret(t);
    const blobs = await blobsOf(directory);
    const commands: [argv: string[], failsFor: (keyof typeof blobs)[]][] = [
      [
        ["cat", "store:v1", "/file"],
        ["manifest", "metadata", "chunk"],
      ],
      [
        ["extract", "store:v1", "out"],
        ["manifest", "metadata", "chunk"],
      ],
      [
        ["verify", "store:v1"],
        ["manifest", "metadata", "config", "chunk"],
      ],
      [
        ["verify", "store"],
        ["manifest", "metadata", "config", "chunk"],
      ],
      [
        ["inspect", "store:v1"],
        ["manifest", "metadata", "config"],
      ],
      [
        ["ls", "-l", "store:v1", "/"],
        ["manifest", "metadata"],
      ],
      [
        ["dump", "store:v1"],
        ["manifest", "metadata", "chunk"],
      ],
      [
        ["build", "-b", "v1", "root", "store:v2"],
        ["manifest", "metadata"],
      ],
    ];
    for (const [blob, digest] of Object.entries(blobs)) {
      const path = directory.path("store/blobs/sha256", digest);
      renameSync(path, directory.path("kept"));
      for (const [argv, failsFor] of commands) {
        rmSync(path, { force: true });
        symlinkSync(directory.path(target), path);
        const outcome = await directory.run(...argv);
        const what = `${argv.join(" ")} with the ${blob} as ${kind}`;
        t.is(outcome.code !== 0, (failsFor as string[]).includes(blob), `${what}: ${outcome.stderr}`);
        if (outcome.code !== 0) t.regex(`${outcome.stdout}${outcome.stderr}`, /not a regular file/, what);
        checkOutside(t, directory, outcome, what);
        rmSync(directory.path("out"), { recursive: true, force: true });
      }
      rmSync(path, { force: true });
      renameSync(directory.path("kept"), path);
    }
  });

mountTest("a chunk that is a link is an I/O error in a mount", async (t) => {
  using directory = await withSecret(t);
  try {
    const { chunk } = await blobsOf(directory);
    const path = directory.path("store/blobs/sha256", chunk);
    rmSync(path);
    symlinkSync(directory.path("vault/secret"), path);
    const mounted = await directory.run("mount", "--driver", "fuse", "store:v1", "mnt");
    t.is(mounted.code, 0, mounted.stderr);
    t.throws(() => readFileSync(directory.path("mnt/file")), { code: "EIO" });
  } finally {
    unmountLeftover(directory);
  }
});

test("a build follows no link in a layout, whatever its name", async (t) => {
  for (const name of [".puzzlefs-tmp-x", ".puzzlefs-index.json", "index.json", "oci-layout"])
    for (const [kind, target] of Object.entries(links)) {
      using directory = await withSecret(t);
      const path = directory.path("store", name);
      rmSync(path, { force: true });
      symlinkSync(directory.path(target), path);
      const outcome = await directory.run("build", "root", "store:v2");
      const what = `${name} as ${kind}`;
      t.is(outcome.code, name.startsWith(".") ? 0 : 3, `${what}: ${outcome.stderr}`);
      checkOutside(t, directory, outcome, what);
      for (const command of ["tags", "verify"]) {
        const looked = await directory.run(command, "store");
        checkOutside(t, directory, looked, `${command} with ${what}`);
        if (looked.code !== 0) t.regex(looked.stderr, /not a regular file$/m, `${command} with ${what}`);
      }
    }
});

test("a build does not open devices and fifos in a layout", async (t) => {
  using directory = await withSecret(t);
  for (const name of ["index.json", "oci-layout"]) {
    const path = directory.path("store", name);
    renameSync(path, directory.path("kept"));
    execFileSync("mkfifo", [path]);
    for (const argv of [
      ["build", "root", "store:v2"],
      ["tags", "store"],
      ["extract", "store:v1", join("out", name)],
    ]) {
      const { code, stderr } = await directory.run(...argv);
      t.is(code, 3, argv.join(" "));
      t.regex(stderr, /not a regular file$/m);
    }
    rmSync(path);
    renameSync(directory.path("kept"), path);
  }
});
