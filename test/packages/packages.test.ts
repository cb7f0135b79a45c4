import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test from "ava";

const root = resolve(import.meta.dirname, "../..");
/** Those whose examples depend on each other, in that order; the others come after. */
const FIRST = ["builder", "reader", "mount"];

function run(cwd: string, program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? ""}\n${stdout}${stderr}`);
  return stdout;
}

/** The TypeScript of a document. */
function examples(markdown: string): string[] {
  return [...markdown.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text as string);
}

const project = mkdtempSync(join(tmpdir(), "puzzlefs-packages-"));
const staged = join(project, "npm");
/** Those that are published have a README. */
const names = readdirSync(join(root, "packages")).filter((name) =>
  existsSync(join(root, "packages", name, "README.md")),
);

test.before("the packages are packed, and installed into an empty project", (t) => {
  t.timeout(300_000);
  run(root, process.execPath, ["packaging/npm.ts", staged]);
  const packed = names.map((name) => {
    run(join(staged, name), "npm", ["pack", "--ignore-scripts", "--pack-destination", project]);
    return [`@puzzlefs/${name}`, `file:${project}/puzzlefs-${name}-${version()}.tgz`];
  });
  const manifest = {
    name: "an-example",
    private: true,
    type: "module",
    dependencies: Object.fromEntries(packed) as Record<string, string>,
  };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
  // Nothing of them is in a registry, and what they need is where set-up has put it.
  const overrides = packed.map(([name, file]) => `  "${name}": "${file}"\n`).join("");
  const settings = `overrides:\n${overrides}allowBuilds:\n  zstd-napi: true\n  koffi: false\n`;
  writeFileSync(join(project, "pnpm-workspace.yaml"), settings);
  run(project, join(root, "setup/setup.sh"), ["pnpm", "install", "--prefer-offline"]);
  mkdirSync(join(project, "rootfs"));
  writeFileSync(join(project, "rootfs/hello.txt"), "hello\n");
  mkdirSync(join(project, "mnt"));
});

test.after.always("nothing is left", () => rmSync(project, { recursive: true, force: true }));

const version = (): string =>
  (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;

test("the files of each package are those that publint and are-the-types-wrong expect", (t) => {
  t.timeout(300_000);
  const modules = join(root, "packaging/node_modules");
  for (const name of names) {
    const directory = join(staged, name);
    t.notThrows(
      () => run(directory, process.execPath, [join(modules, "publint/src/cli.js"), "--strict", "--pack", "npm", "."]),
      name,
    );
    const types = join(modules, "@arethetypeswrong/cli/dist/index.js");
    t.notThrows(() => run(directory, process.execPath, [types, "--pack", ".", "--profile", "esm-only"]), name);
  }
});

test.serial("the examples of each README are typed right, and run", (t) => {
  t.timeout(300_000);
  const later = names.filter((name) => !FIRST.includes(name));
  for (const name of [...FIRST, ...later]) {
    const found = examples(readFileSync(join(staged, name, "README.md"), "utf8"));
    t.true(found.length > 0, `${name} has an example`);
    for (const [index, text] of found.entries()) {
      const file = `${name}-${index}.ts`;
      writeFileSync(join(project, file), text);
      t.notThrows(() => run(project, process.execPath, [file]), `${file}:\n${text}`);
    }
  }
  const settings = {
    compilerOptions: {
      target: "esnext",
      module: "nodenext",
      strict: true,
      noEmit: true,
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")],
    },
    include: ["*.ts"],
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(settings));
  t.notThrows(() => run(project, process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."]));
});
