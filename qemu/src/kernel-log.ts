/** Finds messages in the kernel log that fail a test. */

/** Reports of faults in the kernel. No test expects one, unless it names it. */
const reports: readonly RegExp[] = [
  /Kernel panic/,
  /\bOops\b/,
  /\bBUG\b/,
  /------------\[ cut here \]/,
  /WARNING: (?:CPU|possible|suspicious|inconsistent|bad unlock|lock held|Nested|at )/,
  /general protection fault/,
  /unable to handle/i,
  /INFO: (?:task|rcu|lockdep|trying to register|possible|inconsistent|suspicious|HARDIRQ)/,
  /rcu: INFO/,
  /blocked for more than/,
  /soft lockup|hard LOCKUP|self-detected stall/,
  /\bK(?:A|M|C)SAN:/,
  /UBSAN:/,
  /kmemleak: \d+ new suspected/,
  /Bad (?:page|rss-counter)|Bad swap/,
  /VFS: (?:Busy inodes|Close: file count)/,
  /Objects remaining|Slab cache still has objects|kmem_cache_destroy/,
  /list_(?:add|del) corruption/,
  /refcount_t:/,
  /usercopy:/,
  /DEBUG_LOCKS_WARN_ON/,
  /Out of memory|oom-kill/,
  /segfault at/,
  /disagrees about version of symbol|Unknown symbol/,
  /EXT4-fs error/,
];

/**
 * Taints of every module built outside the kernel's tree: out-of-tree (12), unsigned (13); and Debian's of permission events of fanotify,
 * auxiliary (16); and that of a KUnit suite, test (18).
 */
const harmlessTaints = (1 << 12) | (1 << 13) | (1 << 16) | (1 << 18);

/** Lines of a log that report a fault, except those that a test expects. */
export function findReports(log: string, expected: readonly RegExp[] = []): string[] {
  return log
    .split("\n")
    .filter((line) => reports.some((report) => report.test(line)) && !expected.some((pattern) => pattern.test(line)));
}

/** Bit numbers set in /proc/sys/kernel/tainted, without the harmless ones. */
export function badTaints(tainted: number): number[] {
  const bad = tainted & ~harmlessTaints;
  return Array.from({ length: 20 }, (_, bit) => bit).filter((bit) => (bad & (1 << bit)) !== 0);
}

/** A kernel that reported a fault, stopped, or did not answer in time. The message ends with its log. */
export class KernelFailure extends Error {
  override readonly name = "KernelFailure";
  readonly #log: string;

  constructor(problem: string, log: string) {
    const lines = log.trimEnd().split("\n");
    const first = lines.findIndex((line) => findReports(line).length > 0);
    const excerpt = first < 0 ? lines.slice(-60) : lines.slice(Math.max(0, first - 10), first + 110);
    super(`${problem}\nkernel log:\n  ${excerpt.join("\n  ")}`);
    this.#log = log;
  }

  /** The whole log; a getter, so that test runners do not print it. */
  get log(): string {
    return this.#log;
  }
}
