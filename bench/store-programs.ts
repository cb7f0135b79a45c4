/** Commands that the storage benchmarks run, and what these used. */
import { spawnSync, type SpawnSyncOptions } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

export type Command = readonly [program: string, ...args: string[]];

export interface CommandOptions extends Pick<SpawnSyncOptions, "cwd"> {
  /** Added to the environment. */
  env?: Readonly<Record<string, string>>;
}

/** What a command used until it ended. */
export interface Usage {
  /** Of wall clock. */
  seconds: number;
  /** The same, and then until all that was written is on the disk. */
  flushed: number;
  /** Processor time of user and system, seconds. */
  processor: number;
  /** The most memory that one process of it had, RSS, bytes. */
  memory: number;
}

const OUTPUT_LIMIT = 1 << 28;

/** Runs a command that must succeed. Returns what it wrote to stdout. */
export function run([program, ...args]: Command, { cwd, env }: CommandOptions = {}): string {
  const result = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: OUTPUT_LIMIT,
    encoding: "latin1",
  });
  if (result.status === 0) return result.stdout;
  const reason = result.error?.message ?? `${result.signal ?? result.status}: ${result.stderr.slice(-2000)}`;
  throw new Error(`${program} ${args.join(" ")}: ${reason}`);
}

/** Whether a program is installed: a name, or an absolute path. */
export function isInstalled(program: string): boolean {
  if (program.startsWith("/")) return existsSync(program);
  return (process.env["PATH"] ?? "").split(delimiter).some((directory) => existsSync(join(directory, program)));
}

/**
 * Runs a command under time(1), which asks the kernel what it used.
 *
 * @param written where it writes: a path on that file system
 */
export function measured(command: Command, written: string, options: CommandOptions = {}): Usage {
  const directory = mkdtempSync(join(tmpdir(), "puzzlefs-bench-"));
  const report = join(directory, "time");
  try {
    // What an earlier command wrote is not written back at the cost of this one.
    run(["sync", "--file-system", written]);
    const start = performance.now();
    run(["time", "--quiet", "--format=%U %S %M", `--output=${report}`, ...command], options);
    const seconds = (performance.now() - start) / 1000;
    run(["sync", "--file-system", written]);
    const flushed = (performance.now() - start) / 1000;
    const [user = NaN, system = NaN, kibi = NaN] = readFileSync(report, "utf8").trim().split(" ").map(Number);
    return { seconds, flushed, processor: user + system, memory: kibi * 1024 };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Bytes of everything below a directory or of a file: lengths of files, and blocks of the file system that they occupy. */
export interface Size {
  apparent: number;
  allocated: number;
}

/** Hard links count once, as du(1) does it. */
export function sizeOf(path: string): Size {
  const bytes = (...options: string[]): number => Number(run(["du", "-s", "-B1", ...options, path]).split("\t")[0]);
  return { apparent: bytes("--apparent-size"), allocated: bytes() };
}

/**
 * Throws unless two trees have the same names, content, modes, owners, links and extended attributes; rsync compares them.
 *
 * @param without options of rsync that exclude what is not compared
 */
export function compareTrees(source: string, copy: string, without: readonly string[] = []): void {
  const compare: Command = ["rsync", "-rlpgoDHAXnic", "--delete", ...without, `${source}/`, `${copy}/`];
  const differences = run(compare);
  if (differences === "") return;
  const lines = differences.trimEnd().split("\n");
  throw new Error(`${copy} differs from ${source} in ${lines.length} entries:\n${lines.slice(0, 10).join("\n")}`);
}
