/**
 * `make demo`: a Debian root becomes an image, is upgraded, becomes a second image in the same layout, is mounted and
 * compared. It runs the program from the command line and shows every command.
 *
 *     node demo/demo.ts CACHE        CACHE/trees/debian-bookworm is the root, from `make setup`
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { formatBytes, formatCount, formatSeconds, formatShare } from "../packages/cli/src/terminal/quantities.ts";
import { style } from "../packages/cli/src/terminal/style.ts";
import { formatTable } from "../packages/cli/src/terminal/table.ts";
import { upgrade } from "./upgrade.ts";

const program = resolve(import.meta.dirname, "../packages/cli/bin/puzzlefs");
const cache = resolve(process.argv[2] ?? ".");
const rootName = "trees/debian-bookworm";

/** The output of `puzzlefs build --json`. */
interface Built {
  files: number;
  bytes: number;
  chunks: number;
  newBlobs: number;
  newBytes: number;
  savedBytes: number;
  metadataBytes: number;
  manifestBytes: number;
  seconds: number;
}

class Demo {
  readonly #directory = mkdtempSync(join(cache, "demo-"));
  #mounted = false;

  async run(): Promise<void> {
    step("A Debian root becomes an image");
    const v1 = await this.#build(`../${rootName}`, "v1");

    step("Its copy is upgraded");
    this.#command("cp", "-a", `../${rootName}`, "upgraded");
    for (const change of upgrade(join(this.#directory, "upgraded"))) console.log(`  ${change}`);

    step("The upgraded root becomes an image in the same layout: only what is new is stored");
    const v2 = await this.#build("upgraded", "v2");
    console.log(
      `\n${indent(
        table([
          ["v1", v1],
          ["v2", v2],
        ]),
      )}`,
    );

    step("The image is mounted without unpacking");
    mkdirSync(join(this.#directory, "mnt"));
    this.#puzzlefs("mount", "store:v2", "mnt");
    this.#mounted = true;
    this.#command("ls", "-C", "mnt");
    this.#command("ls", "-l", "mnt/usr/bin/passwd", "mnt/usr/bin/application", "mnt/opt/application/application");
    this.#command("cat", "mnt/etc/hostname");

    step("Mount and source are compared: every name, attribute and byte");
    compare(...(await Promise.all([this.#dump("upgraded"), this.#dump("mnt")])));

    step("It is unmounted, and every blob checked");
    this.#puzzlefs("umount", "mnt");
    this.#mounted = false;
    this.#puzzlefs("verify", "store");
  }

  /** The layout stays for `make demo-kernel`. */
  keep(): void {
    rmSync(join(cache, "demo-store"), { recursive: true, force: true });
    renameSync(join(this.#directory, "store"), join(cache, "demo-store"));
  }

  close(): void {
    if (this.#mounted) spawnSync(program, ["umount", "--lazy", join(this.#directory, "mnt")]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #build(root: string, tag: string): Promise<Built> {
    const text = await this.#output(["build", "-c", "--mtime", "keep", "--json", root, `store:${tag}`]);
    const built: Built = JSON.parse(text);
    console.log(
      `  ${formatCount(built.files)} files with ${formatBytes(built.bytes)} in ${formatSeconds(built.seconds)}`,
    );
    return built;
  }

  #dump(directory: string): Promise<string> {
    return this.#output(["dump", "--directory", directory]);
  }

  /** Runs puzzlefs, its output shown. */
  #puzzlefs(...argv: string[]): void {
    show(["puzzlefs", ...argv]);
    this.#wait(program, argv);
  }

  #command(name: string, ...argv: string[]): void {
    show([name, ...argv]);
    this.#wait(name, argv);
  }

  #wait(name: string, argv: string[]): void {
    const { status, signal, stdout } = spawnSync(name, argv, {
      cwd: this.#directory,
      stdio: ["ignore", "pipe", "inherit"],
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C.UTF-8" },
    });
    if (status !== 0) throw new Error(`${name} ${argv.join(" ")} failed: ${signal ?? `exit code ${status}`}`);
    if (stdout !== "") console.log(indent(stdout.trimEnd()));
  }

  /** Runs puzzlefs concurrently and returns its output; a terminal shows its progress bar. */
  async #output(argv: string[]): Promise<string> {
    show(["puzzlefs", ...argv]);
    const child = spawn(program, argv, { cwd: this.#directory, stdio: ["ignore", "pipe", "inherit"] });
    const code = new Promise<number | null>((done) => child.on("close", done));
    let text = "";
    for await (const part of child.stdout.setEncoding("utf8")) text += part;
    if ((await code) !== 0) throw new Error(`puzzlefs ${argv.join(" ")} failed: exit code ${await code}`);
    return text;
  }
}

function table(rows: readonly (readonly [tag: string, built: Built])[]): string {
  const heading = ["image", "files", "content", "chunks", "new blobs", "new bytes", "metadata", "saved", "time"];
  const cells = rows.map(([tag, built]) => [
    tag,
    formatCount(built.files),
    formatBytes(built.bytes),
    formatCount(built.chunks),
    formatCount(built.newBlobs),
    formatBytes(built.newBytes),
    formatBytes(built.metadataBytes + built.manifestBytes),
    formatShare(built.savedBytes, built.bytes),
    formatSeconds(built.seconds),
  ]);
  return formatTable(
    [heading, ...cells],
    heading.map((_, column) => (column === 0 ? "left" : "right")),
  );
}

/** Compares two dumps, which have one line for each name. */
function compare(source: string, mount: string): void {
  const lines = source.trimEnd().split("\n");
  if (source !== mount) {
    const mounted = new Set(mount.split("\n"));
    throw new Error(`source and mount differ, first at: ${lines.find((line) => !mounted.has(line)) ?? "the end"}`);
  }
  console.log(`  ${style("green", "equal")}: ${formatCount(lines.length)} lines each`);
}

function step(title: string): void {
  console.log(`\n${style("bold", title)}`);
}

function show(words: readonly string[]): void {
  console.log(style("cyan", `  $ ${words.join(" ")}`));
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}

if (!existsSync(join(cache, rootName))) {
  console.error(`demo: ${join(cache, rootName)} is missing: 'make setup' as root makes it (debootstrap)`);
  process.exit(1);
}
const start = performance.now();
const demo = new Demo();
process.on("SIGINT", () => {
  demo.close();
  process.exit(1);
});
try {
  await demo.run();
  demo.keep();
  console.log(`\nDone in ${formatSeconds((performance.now() - start) / 1000)}.`);
  console.log(
    "Next: 'make demo-kernel' mounts the image by the kernel driver, in a virtual machine; 'packages/cli/bin/puzzlefs --help'\n" +
      "for your own trees, 'make test' for all tests, 'make help' for the rest.",
  );
} catch (error) {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  demo.close();
}
