import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launcher, type Outcome, runProgram } from "./program-fixture.ts";

/** Prints as JSON, in Latin-1, what Node was started with. */
const REPORTER = `
  const { readFileSync } = require("node:fs");
  const read = (name) => readFileSync("/proc/self/" + name, "latin1").split("\\0").slice(0, -1);
  const start = { environment: read("environ"), argv: read("cmdline").slice(1) };
  process.stdout.write(Buffer.from(JSON.stringify(start), "latin1"));
`;

export interface Start {
  /** NAME=VALUE, one character a byte. */
  environment: string[];
  /** After the name of Node. */
  argv: string[];
}

export const latin1 = (text: string): string => Buffer.from(text).toString("latin1");

/** The launcher as it is installed, before a program that reports how it was started. */
export class Installation {
  readonly root = mkdtempSync(join(tmpdir(), "puzzlefs-launcher-"));
  readonly home: string;
  /** Shells that may be /bin/sh, with their names. */
  readonly shells: (readonly [name: string, command: readonly string[]])[] = [["/bin/sh", ["/bin/sh"]]];

  constructor(home = "installed") {
    this.home = this.path(home);
    mkdirSync(join(this.home, "lib"), { recursive: true });
    copyFileSync(launcher, join(this.home, "puzzlefs"));
    symlinkSync(process.execPath, join(this.home, "node"));
    writeFileSync(join(this.home, "lib/package.json"), '{"type":"commonjs"}');
    for (const name of ["puzzlefs", "mount-helper"]) writeFileSync(join(this.home, `lib/${name}.js`), REPORTER);
    chmodSync(this.root, 0o755);
    if (existsSync("/bin/dash")) this.shells.push(["dash", ["/bin/dash"]]);
    if (existsSync("/bin/busybox")) this.shells.push(["busybox", ["/bin/busybox", "sh"]]);
    if (existsSync("/bin/bash")) {
      symlinkSync("/bin/bash", this.path("sh"));
      this.shells.push(["bash as sh", [this.path("sh")]], ["bash --posix", ["/bin/bash", "--posix"]]);
    }
  }

  /** The variables that Node always has in its environment. */
  get always(): string[] {
    return [`NODE_COMPILE_CACHE=${latin1(this.home)}/compile-cache`, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=dumb"];
  }

  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  /** Runs a command with exactly this environment; both have one character a byte. */
  async run(command: readonly string[], environment: readonly string[] = []): Promise<Outcome> {
    const list = this.path("arguments");
    writeFileSync(list, [...environment, ...command].map((word) => `${word}\0`).join(""), "latin1");
    return runProgram("xargs", ["-0", "-a", list, "env", "-i"], this.root);
  }

  /** Runs the launcher by a shell, and returns how Node was started. */
  async start(shell: readonly string[], environment: readonly string[], ...argv: string[]): Promise<Start> {
    const { stdout, stderr } = await this.run([...shell, latin1(join(this.home, "puzzlefs")), ...argv], environment);
    if (!stdout.startsWith("{")) throw new Error(`not started: ${stdout}${stderr}`);
    const start = JSON.parse(stdout) as Start;
    return { ...start, environment: start.environment.sort() };
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}
