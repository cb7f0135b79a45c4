import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { eventually, PATIENCE } from "@puzzlefs/testing";
import { attempt, cache, debianRoot, isRoot, missing, type Outcome, puzzlefs, root, run } from "../support/programs.ts";
import { signalTo } from "../support/processes.ts";
import type { Scratch } from "../support/scratch.ts";

/** A machine with Debian 13, the programs of docs/recipes.md and what `make install PREFIX=/usr` puts there. */

const system = join(cache, "trees/recipes/root");
const enter = join(import.meta.dirname, "enter.sh");
/** Debian's directories, as they are in the layer below. */
const merged = ["bin", "lib", "sbin"];
/** For a recipe, and for all that a machine serves. */
const patienceMilliseconds = 3 * PATIENCE;

/** Why there can be no machine here, in words; empty if there can. */
export function obstacle(): string {
  if (!isRoot) return "needs root";
  const lacks = missing("unshare", "nsenter", "/dev/fuse", "/sys/fs/cgroup", puzzlefs, system, debianRoot);
  if (lacks.length > 0) return `needs ${lacks.join(", ")}`;
  const { status, stderr } = attempt("unshare", ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "true"]);
  return status === 0 ? "" : `needs namespaces: ${stderr.trim()}`;
}

/** The program as it is installed, a layer of machines. */
export function installedLayer(scratch: Scratch): string {
  const layer = scratch.directory("installed");
  for (const name of merged) {
    mkdirSync(join(layer, "usr", name), { recursive: true });
    symlinkSync(join("usr", name), join(layer, name));
  }
  const env = { ...process.env, DESTDIR: layer, PREFIX: "/usr" };
  run(process.execPath, [join(root, "packaging/install.ts")], { env });
  return layer;
}

/** Removes what podman leaves behind on machines; groups that are used cannot be removed. */
export function removeCgroups(): void {
  attempt("sh", ["-c", "cd /sys/fs/cgroup && rmdir */libpod_parent/* */libpod_parent"]);
}

/** Begins to run a command on a new machine, in /srv, which has nothing in it but `rootfs`, a Debian root. */
function boot(state: string, installed: string, command: readonly string[], output: "pipe" | "ignore"): ChildProcess {
  mkdirSync(state);
  const argv = [state, debianRoot, installed, system, "--", ...command];
  return spawn(enter, argv, {
    stdio: ["ignore", output, output],
    timeout: patienceMilliseconds,
    killSignal: "SIGKILL",
  });
}

/** Runs a script of bash to its end on a machine of its own. */
export async function runOnMachine(state: string, installed: string, script: string): Promise<Outcome> {
  const machine = boot(state, installed, ["bash", "-c", script], "pipe");
  const outcome = { status: null, signal: null, stdout: "", stderr: "" };
  machine.stdout?.setEncoding("utf8").on("data", (text: string) => (outcome.stdout += text));
  machine.stderr?.setEncoding("utf8").on("data", (text: string) => (outcome.stderr += text));
  const [status, signal] = (await once(machine, "close")) as [number | null, NodeJS.Signals | null];
  return { ...outcome, status, signal };
}

/** A machine that serves something, on a network that others can enter. */
export class ServingMachine {
  /** The directory that is /srv there. */
  readonly srv: string;
  readonly #unshare: ChildProcess;

  constructor(state: string, installed: string, command: readonly string[]) {
    // Its output is not read while the tests wait for programs that it serves.
    this.#unshare = boot(state, installed, command, "ignore");
    this.srv = join(state, "srv");
  }

  /** Waits until something listens at a port of TCP there. */
  async listens(port: number): Promise<void> {
    const answers = (): boolean =>
      this.#init() !== undefined && this.onNetwork("bash", "-c", `: < /dev/tcp/localhost/${port}`).status === 0;
    await eventually(() => this.#unshare.exitCode !== null || answers());
    if (this.#unshare.exitCode !== null || !answers()) throw new Error(`nothing listens at port ${port}`);
  }

  /** Runs a program of the machine there, in /srv. */
  inside(program: string, ...args: string[]): Outcome {
    return this.#enter(["--mount", "--pid", "--root", "--", "env", "-C", "/srv", program, ...args]);
  }

  /** Runs a program of ours on the machine's network. */
  onNetwork(program: string, ...args: string[]): Outcome {
    return this.#enter(["--", program, ...args]);
  }

  /** The path by which a file of the machine is reached from here, also one on a file system that only it has mounted. */
  path(name: string): string {
    return join(`/proc/${this.#init()}/root`, name);
  }

  /** Ends all its processes; unshare(1) sees to what is left of them. */
  stop(): void {
    const init = this.#init();
    if (init !== undefined) signalTo(Number(init), "SIGKILL");
  }

  #enter(argv: readonly string[]): Outcome {
    const init = this.#init();
    if (init === undefined) throw new Error("the machine has ended");
    return attempt("nsenter", ["--target", init, "--net", ...argv]);
  }

  /** Process 1 of the machine. */
  #init(): string | undefined {
    const { pid } = this.#unshare;
    if (pid === undefined || this.#unshare.exitCode !== null) return undefined;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ")[0] || undefined;
  }
}
