/** Debian's userland on this machine, the images mounted by the FUSE daemon. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { attempt, puzzlefs, run } from "../support/programs.ts";
import { chrootArguments } from "./debian.ts";
import type { Material } from "./material.ts";
import { guestPaths, imageNames, type OpenTarget, type Outcome, type Target } from "./target.ts";

const minute = 60_000;

export function hosts(debian: string, material: Material): OpenTarget {
  return async (suites) => {
    const binds = new Map([
      ["/dev", "/dev"],
      [material.directory, "/material"],
    ]);
    for (const [name, path] of suites) binds.set(path, `/suites/${name}`);
    const mounted: string[] = [];
    for (const name of imageNames) {
      const at = join(material.directory, "..", `mount-${name}`);
      mkdirSync(at, { recursive: true });
      run(puzzlefs, ["mount", `${material.store}:${name}`, at]);
      mounted.push(at);
      binds.set(at, guestPaths.image(name));
    }
    return new Host(debian, binds, mounted);
  };
}

class Host implements Target {
  readonly name = "fuse";
  readonly driver = false;
  readonly #root: string;
  readonly #binds: ReadonlyMap<string, string>;
  readonly #mounted: readonly string[];

  constructor(root: string, binds: ReadonlyMap<string, string>, mounted: readonly string[]) {
    this.#root = root;
    this.#binds = binds;
    this.#mounted = mounted;
  }

  async run(command: string, timeout = 5 * minute, show?: (text: string) => void): Promise<Outcome> {
    const child = spawn("unshare", chrootArguments(this.#root, this.#binds, command), {
      stdio: ["ignore", "pipe", "pipe"],
      timeout,
    });
    const text = { stdout: "", stderr: "" };
    child.stdout.setEncoding("latin1").on("data", (data: string) => {
      text.stdout += data;
      show?.(data);
    });
    child.stderr.setEncoding("latin1").on("data", (data: string) => (text.stderr += data));
    const status = await new Promise<number>((done, failed) => {
      child.on("error", failed);
      child.on("close", (code) => done(code ?? 128));
    });
    return { status, ...text };
  }

  async close(): Promise<void> {
    for (const at of this.#mounted) {
      const { status, stderr } = attempt(puzzlefs, ["umount", at]);
      if (status === 0) continue;
      spawnSync("umount", ["-l", at]);
      throw new Error(`puzzlefs umount ${at}: ${stderr}`);
    }
  }
}
