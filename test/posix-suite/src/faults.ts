/**
 * The result of system calls whose n-th allocation fails, for every n: an error for that, or the same result as without
 * failures; and afterwards everything works. Needs a kernel with fault injection; see fault-injection(1) of its sources.
 */
import { errorName } from "./calls.ts";
import type { Memory } from "./environment.ts";
import { O_RDONLY, O_WRONLY, O_CREAT, type System, SystemFailure } from "./system.ts";

export interface FaultSettings {
  /** An OCI layout, and the digest of a manifest in it. */
  store: string;
  manifest: string;
  /** Where the image is mounted; nothing is there yet. */
  at: string;
  /** More mount options. */
  more: string;
  /** Names of the scenarios to run; all if empty. */
  only: string[];
}

/** A sequence of calls that is run again and again. */
interface Scenario {
  name: string;
  /** Whether the image is mounted before. */
  mounted: boolean;
  /** Returns the calls' results as text. */
  run: () => string;
}

/** Errors that a failed allocation, a failed copy to or from user space, or a failed read may return. */
const permitted = ["ENOMEM", "EIO", "EFAULT", "ENOBUFS"];
const O_RDWR = 2;
const MADV_POPULATE_READ = 22;
/** More allocations than any scenario makes: ends a loop that would not end. */
const most = 20000;

export class AllocationFailures {
  private readonly system: System;
  private readonly settings: FaultSettings;
  private readonly print: (line: string) => void;
  private readonly control: number;
  private readonly opened: number[] = [];
  /** How often the image is mounted, one over the other. */
  private mounts = 0;
  private problems = 0;
  private injected = 0;

  constructor(system: System, settings: FaultSettings, print: (line: string) => void) {
    this.system = system;
    this.settings = settings;
    this.print = print;
    this.control = system.open("/proc/thread-self/fail-nth", O_RDWR);
  }

  /** Runs every scenario; returns the number of problems, which are printed. */
  run(): number {
    const { only } = this.settings;
    for (const scenario of this.scenarios()) {
      if (only.length === 0 || only.includes(scenario.name)) this.failEachAllocation(scenario);
    }
    this.print(`${this.injected} failures injected, ${this.problems} problems`);
    return this.problems;
  }

  private failEachAllocation(scenario: Scenario): void {
    const expected = this.runOnce(scenario, 0).result;
    const before = this.injected;
    const outcomes = new Map<string, number>();
    for (let n = 1; ; n++) {
      const { result, fired } = this.runOnce(scenario, n, expected);
      if (result !== expected && !permitted.includes(result))
        this.problem(scenario, n, `${result} instead of ${expected}`);
      if (!fired) break;
      this.injected++;
      const outcome = result === expected ? "as without" : result;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (n > most) {
        this.problem(scenario, n, "the allocations do not end");
        break;
      }
    }
    const counts = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`);
    this.print(`${scenario.name}: ${this.injected - before} failures: ${counts.join(", ")}`);
  }

  private problem(scenario: Scenario, n: number, what: string): void {
    this.problems++;
    this.print(`PROBLEM ${scenario.name}, failure ${n}: ${what}`);
  }

  /** Runs a scenario on a cold cache while its n-th allocation fails; n = 0: none. Then again without a failure. */
  private runOnce(scenario: Scenario, n: number, expected?: string): { result: string; fired: boolean } {
    if (scenario.mounted) this.mount();
    this.write("/proc/sys/vm/drop_caches", "1");
    if (n > 0) this.arm(n);
    const result = this.attempt(scenario.run);
    const fired = n > 0 && this.disarm();
    this.cleanUp(scenario);
    if (expected !== undefined) {
      const again = this.attempt(scenario.run);
      this.cleanUp(scenario);
      if (again !== expected) this.problem(scenario, n, `afterwards ${again} instead of ${expected}`);
    }
    while (this.mounts > 0) this.unmount();
    return { result, fired };
  }

  private attempt(run: () => string): string {
    try {
      return run();
    } catch (error) {
      if (error instanceof SystemFailure) return error.code;
      throw error;
    }
  }

  private arm(n: number): void {
    const text = `${n}`;
    this.system.call("pwrite64", "fail-nth", this.control, text, text.length, 0);
  }

  /** Returns whether the failure was injected. These calls copy too, and may be the ones that fail. */
  private disarm(): boolean {
    const memory = this.system.environment.memory(32);
    const length = this.system.raw("pread64", this.control, memory, 32, 0);
    const left = length > 0 ? this.system.environment.bytes(memory, 0, 1) : "";
    let stopped = -1;
    while (stopped < 0) stopped = this.system.raw("pwrite64", this.control, "0", 1, 0);
    return left === "0";
  }

  private write(path: string, text: string): void {
    const descriptor = this.system.open(path, O_WRONLY);
    this.system.call("pwrite64", path, descriptor, text, text.length, 0);
    this.system.close(descriptor);
  }

  private open(path: string, flags = O_RDONLY): number {
    const descriptor = this.system.open(path, flags);
    this.opened.push(descriptor);
    return descriptor;
  }

  /** Closes and unmounts what a scenario left open; a failure may have kept it from doing so. */
  private cleanUp({ mounted }: Scenario): void {
    for (const descriptor of this.opened) this.system.close(descriptor);
    this.opened.length = 0;
    while (this.mounts > (mounted ? 1 : 0)) this.unmount();
  }

  private mount(): void {
    const { store, manifest, at, more } = this.settings;
    const options = `oci_root_dir=${store},image_manifest=${manifest}${more}`;
    this.system.call("mount", at, "none", at, "puzzlefs", 0, options);
    this.mounts++;
  }

  private unmount(): void {
    this.system.call("umount2", this.settings.at, this.settings.at, 0);
    this.mounts--;
  }

  private scenarios(): Scenario[] {
    const { system } = this;
    const { at } = this.settings;
    const mounted = (name: string, run: () => string): Scenario => ({ name, mounted: true, run });
    // A mount makes handles that later mounts of the same image must know.
    this.mount();
    const file = system.handle(`${at}/a/b/c/file`);
    const directory = system.handle(`${at}/a/b/c`);
    this.unmount();
    const mount = (): string => {
      this.mount();
      return "mounted";
    };
    const byHandle = (handle: Memory): number => {
      const descriptor = system.openByHandle(this.open(at), handle);
      this.opened.push(descriptor);
      return descriptor;
    };
    return [
      { name: "mount", mounted: false, run: mount },
      mounted("second mount", mount),
      mounted("look up", () => {
        const { size, nlink, mode } = system.status(`${at}/a/b/c/file`);
        return `${size} ${nlink} ${mode}`;
      }),
      mounted("look up nothing", () => {
        const result = this.attempt(() => `${system.status(`${at}/a/nothing`).size}`);
        return result === "ENOENT" ? "absent" : result;
      }),
      mounted("list", () => this.names(this.open(`${at}/many`))),
      mounted("read one chunk", () => system.sha256(this.open(`${at}/small`))),
      mounted("read many chunks", () => system.sha256(this.open(`${at}/large`))),
      mounted("read here and there", () => {
        const descriptor = this.open(`${at}/large`);
        const pieces = [200000, 5, 125001, 80000].map((offset) => this.piece(descriptor, offset, 5000));
        return pieces.map((piece) => `${piece.length}:${piece.charCodeAt(4999)}`).join(" ");
      }),
      mounted("map", () => this.mapped(`${at}/large`)),
      mounted("send to a file", () => {
        const from = this.open(`${at}/large`);
        const to = this.open("/tmp/sent", O_WRONLY | O_CREAT);
        let sent = 0;
        for (let count = 1; count > 0; sent += count) {
          count = system.call("sendfile", "sendfile", to, from, undefined, 262144);
        }
        return `${sent} ${system.sha256(this.open("/tmp/sent"))}`;
      }),
      mounted("attributes", () => {
        const names = system.xattrNames(`${at}/attributes`);
        const lengths = names.map((name) => `${name}=${system.xattr(`${at}/attributes`, name).length}`);
        return lengths.join(" ");
      }),
      mounted("symbolic link", () => `${system.readlink(`${at}/link`)} ${system.status(`${at}/link`, true).size}`),
      mounted("handle of a file", () => system.sha256(byHandle(file))),
      mounted("handle of a directory", () => this.names(byHandle(directory))),
      mounted("statfs", () => {
        const { blocks, files } = system.statfs(at);
        return `${blocks} ${files}`;
      }),
    ];
  }

  /** A read may be short: it ends before a page that cannot be read. */
  private piece(descriptor: number, offset: number, length: number): string {
    let piece = "";
    while (piece.length < length) {
      const more = this.system.pread(descriptor, offset + piece.length, length - piece.length);
      if (more.length === 0) break;
      piece += more;
    }
    return piece;
  }

  private names(directory: number): string {
    const names: string[] = [];
    for (;;) {
      const more = this.system.entries(directory, 1024);
      if (more.length === 0) break;
      for (const { name } of more) names.push(name);
    }
    return `${names.length} ${names.join(" ")}`;
  }

  /** Faults a whole file in by one call, which returns an error for a page that cannot be read, instead of a signal. */
  private mapped(path: string): string {
    const { system } = this;
    const { size } = system.status(path);
    const descriptor = this.open(path);
    const address = system.map(descriptor, size);
    try {
      const result = system.raw("madvise", address, size, MADV_POPULATE_READ);
      return result < 0 ? errorName(-result) : system.sha256(descriptor);
    } finally {
      system.unmap(address, size);
    }
  }
}
