/** Where suites run: Debian's userland with images mounted, in a virtual machine or on this one. */

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** Ways in which the images of the material are stored; each is mounted at `/images/NAME`. */
export const imageNames = ["raw", "zstd"] as const;
export type ImageName = (typeof imageNames)[number];

/**
 * A Debian root directory, with the same paths in all targets:
 *
 *     /material/source  the tree that the images raw and zstd are made of
 *     /material/store   the layout with the images
 *     /images/NAME      where they are mounted
 *     /suites/NAME      sources of a suite, read-only
 */
export interface Target {
  /** For reports: "kernel 6.12", "fuse". */
  readonly name: string;
  /** Whether the kernel driver mounts the images; otherwise the FUSE daemon does. */
  readonly driver: boolean;
  /** Runs a shell command in the root directory. @param timeout ms @param show gets stdout as it comes */
  run(command: string, timeout?: number, show?: (text: string) => void): Promise<Outcome>;
  /** Unmounts the images and removes the target. Throws if that finds a fault. */
  close(): Promise<void>;
}

/** Makes a target with the images mounted. A suite that needs its sources there names their directories, by name. */
export type OpenTarget = (suites: ReadonlyMap<string, string>) => Promise<Target>;

export const guestPaths = {
  source: "/material/source",
  store: "/material/store",
  image: (name: string) => `/images/${name}`,
  /** Leads to a user namespace that moves owners by `idShift`; in virtual machines only. */
  userNamespace: "/run/user-namespace",
};

export const idShift = 100_000;

/** A word of the shell. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The environment of programs in the root directory. */
export const environment =
  "/usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
