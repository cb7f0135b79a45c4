/** The cases that are measured on every mount. */
export interface Case {
  name: string;
  /** A shell command, run in the mount's root; `large` is a path below it. */
  command: (large: string) => string;
  /** Done once more without emptying caches. */
  warm: boolean;
}

export const program = "/kernel-guest.lua";

const positions = 4000;
const access = (mode: string) => (large: string) => `lua ${program} ${mode} ${large}`;
const randomly = (mode: string) => (large: string) => `lua ${program} ${mode} ${large} ${positions}`;

export const cases: readonly Case[] = [
  { name: "find", command: () => "find . >/dev/null", warm: true },
  { name: "ls -lR", command: () => "ls -lR . >/dev/null", warm: true },
  { name: "read all", command: () => "find . -type f -print0 | xargs -0 cat >/dev/null", warm: true },
  { name: "large file", command: access("sequential"), warm: true },
  { name: "random 4 KiB", command: randomly("random"), warm: true },
  { name: "mmap", command: access("mapped"), warm: true },
  { name: "mmap random", command: randomly("mapped-random"), warm: true },
];
