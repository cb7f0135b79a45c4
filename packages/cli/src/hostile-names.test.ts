/** Names that others chose, and that no command may write to a terminal or a log as they are. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import { type Outcome, TestDirectory } from "./program-fixture.ts";

/** Misleading characters and a forged line. File names can have all of them but the NUL and the surrogate. */
const inNames = "a\u001b[2J\u009b31m\u0085\r\npuzzlefs: forged\u2028\u2029\u202e\u2066\u200b\ufeff\u00ad\u007fz";
const inJson = `${inNames}\u0000\ud800`;
const misleading = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** A layout of one image, tagged `v1` and by a hostile tag, with hostile names in tree, configuration and annotations. */
async function withHostileLayout(t: ExecutionContext): Promise<TestDirectory> {
  const directory = new TestDirectory();
  mkdirSync(directory.path("root", inNames), { recursive: true });
  writeFileSync(directory.path("root", inNames, inNames), inNames);
  symlinkSync(inNames, directory.path("root/link"));
  const text = { Labels: { [inJson]: inJson }, Env: [inJson], Entrypoint: [inJson], User: inJson, WorkingDir: inJson };
  const config = { architecture: inJson, os: "linux", config: text, rootfs: { type: "layers", diff_ids: [] } };
  writeFileSync(directory.path("config.json"), JSON.stringify(config));
  const { code, stderr } = await directory.run("build", "-c", "--config", "config.json", "root", "store:v1");
  t.is(code, 0, stderr);
  const index = JSON.parse(readFileSync(directory.path("store/index.json"), "utf8"));
  const [entry] = index.manifests;
  const tagged = { ...entry, annotations: { "org.opencontainers.image.ref.name": inJson, [inJson]: inJson } };
  const foreign = { ...tagged, mediaType: inJson, annotations: { "org.opencontainers.image.ref.name": "foreign" } };
  const other = { ...tagged, digest: `sha512:${"a".repeat(128)}` };
  other.annotations = { "org.opencontainers.image.ref.name": `other${inJson}` };
  writeFileSync(
    directory.path("store/index.json"),
    JSON.stringify({ ...index, manifests: [entry, tagged, foreign, other] }),
  );
  return directory;
}

const file = `/${inNames}/${inNames}`;
const commands: [title: string, argv: string[]][] = [
  ["build of a tree that is not there", ["build", inNames, "other:v1"]],
  ["build with a tag", ["build", "root", `other:${inNames}`]],
  ["build with a configuration that is not there", ["build", "--config", inNames, "root", "other:v1"]],
  ["build over a base", ["build", "-b", inNames, "root", "store:v2"]],
  ["build --json", ["build", "--json", "root", "other:v1"]],
  ["mount", ["mount", "--driver", "fuse", "store:v9", inNames]],
  ["mount on a path that does not exist", ["mount", "--driver", "fuse", "store:v1", inNames]],
  ["mount with an option", ["mount", "-o", inNames, "store:v1", "."]],
  ["umount", ["umount", inNames]],
  ["extract", ["extract", "store:v1", "out"]],
  ["extract --json", ["extract", "--json", "store:v1", "out.json"]],
  ["extract into a file", ["extract", "store:v1", `root/${inNames}/${inNames}`]],
  ["extract into a directory", ["extract", "store:v1", `root/${inNames}`]],
  ["tags", ["tags", "store"]],
  ["tags --json", ["tags", "--json", "store"]],
  ["tags of no layout", ["tags", inNames]],
  ["inspect", ["inspect", "store:v1"]],
  ["inspect --json", ["inspect", "--json", "store:v1"]],
  ["inspect of a foreign image", ["inspect", "store:foreign"]],
  ["inspect of a file", ["inspect", "store:v1", file]],
  ["inspect --json of a file", ["inspect", "--json", "store:v1", file]],
  ["ls", ["ls", "store:v1"]],
  ["ls -l", ["ls", "-l", "store:v1"]],
  ["ls -R", ["ls", "-R", "store:v1"]],
  ["ls --json", ["ls", "--json", "-R", "store:v1"]],
  ["ls of a tag that is not there", ["ls", `store:no${inNames}`]],
  ["cat of a path that is not there", ["cat", "store:v1", `/no${inNames}`]],
  ["cat of a directory", ["cat", "store:v1", `/${inNames}`]],
  ["stat", ["stat", "store:v1", file]],
  ["stat of a link", ["stat", "store:v1", "/link"]],
  ["stat --json", ["stat", "--json", "store:v1", file]],
  ["dump", ["dump", "store:v1"]],
  ["dump --directory", ["dump", "--directory", "root"]],
  ["dump --format mtree", ["dump", "--format", "mtree", "store:v1"]],
  ["dump of a directory that is not there", ["dump", "--directory", inNames]],
  ["verify", ["verify", "store"]],
  ["verify --json", ["verify", "--json", "store"]],
  ["canonicalize", ["canonicalize", `store:no${inNames}`]],
  ["commit", ["commit", "store:v1", inNames, "store:v2"]],
  ["enable-fs-verity", ["enable-fs-verity", `${inNames}:v1`, "0".repeat(64)]],
  ["an unknown command", [inNames]],
  ["an unknown option", ["ls", `--${inNames}`]],
  ["an option's value", ["dump", "--format", inNames, "store:v1"]],
];

test.serial("no command writes characters that mislead a terminal or a reader of lines", async (t) => {
  using directory = await withHostileLayout(t);
  for (const [title, argv] of commands) {
    const { stdout, stderr, code } = await directory.run(...argv);
    const shown = Buffer.from(stdout, "latin1").toString("utf8");
    t.notRegex(`${shown}${stderr}`.replaceAll("\n", ""), misleading, title);
    for (const line of `${shown}\n${stderr}`.split("\n")) t.false(line.startsWith("puzzlefs: forged"), title);
    t.not(stdout + stderr, "", title);
    if (argv.includes("--json")) {
      t.true(code === 0 || code === 3, title);
      for (const line of shown.trimEnd().split("\n")) t.notThrows(() => JSON.parse(line), title);
    }
  }
});

test.serial("names can be restored from JSON", async (t) => {
  using directory = await withHostileLayout(t);
  const parse = ({ stdout }: Outcome) => JSON.parse(Buffer.from(stdout, "latin1").toString("utf8"));
  const tags = parse(await directory.run("tags", "--json", "store"));
  t.is(tags[1].tag, inJson);
  t.is(tags[2].mediaType, inJson);
  const { config } = parse(await directory.run("inspect", "--json", "store:v1"));
  t.deepEqual(config.content.config.Labels, { [inJson]: inJson });
  const content = await directory.run("cat", "store:v1", file);
  t.is(createHash("sha256").update(content.stdout, "latin1").digest("hex"), sha256(inNames), "content stays as it is");
});

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
