/** A daemon under measurement: from its start to the end of its mount. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds. */
const patience = 60_000;
const settling = 20;

export class FuseMount {
  readonly mountpoint: string;
  readonly #daemon: ChildProcess;

  private constructor(daemon: ChildProcess, mountpoint: string) {
    this.#daemon = daemon;
    this.mountpoint = mountpoint;
  }

  /** Returns when it appears among the mounts; the first use of it waits until it is served. */
  static start([program = "", ...argv]: string[], mountpoint: string): FuseMount {
    const daemon = spawn(program, argv, { stdio: "ignore" });
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (const end = Date.now() + patience; !isMounted(mountpoint); Atomics.wait(pause, 0, 0, 1)) {
      if (Date.now() > end) throw new Error(`${program} ${argv.join(" ")}: nothing is mounted`);
    }
    return new FuseMount(daemon, mountpoint);
  }

  /** Resolves when it is served, and the daemon has nothing more to do. */
  async ready(): Promise<void> {
    readdirSync(this.mountpoint);
    for (let before = -1; before !== this.busy; await sleep(settling)) before = this.busy;
  }

  /** Seconds that processors worked for the program and its children so far. */
  get busy(): number {
    let nanoseconds = 0;
    for (const pid of this.#processes()) {
      for (const task of readdirSync(`/proc/${pid}/task`))
        nanoseconds += Number.parseInt(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1"), 10);
    }
    return nanoseconds / 1e9;
  }

  /** Bytes of memory of the serving process: ours is a child of the program, others' the program itself. */
  get memory(): number {
    const resident = this.#processes().map((pid) => {
      const status = readFileSync(`/proc/${pid}/status`, "latin1");
      return Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    });
    return Math.max(...resident);
  }

  /** The program and its children. */
  #processes(): number[] {
    const { pid = 0 } = this.#daemon;
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "latin1").split(" ").filter(Boolean).map(Number),
    );
    return [pid, ...children];
  }

  /** Resolves when the daemon has ended. */
  async end(): Promise<void> {
    const ended = this.#daemon.exitCode === null ? once(this.#daemon, "exit") : undefined;
    const { status, stderr } = spawnSync("umount", [this.mountpoint]);
    if (status !== 0) throw new Error(`umount ${this.mountpoint}: ${stderr.toString()}`);
    await ended;
  }
}

function isMounted(mountpoint: string): boolean {
  return readFileSync("/proc/self/mounts", "latin1").includes(` ${mountpoint} `);
}
