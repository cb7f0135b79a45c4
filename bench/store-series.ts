/**
 * Ten versions of a Debian root, made of two that set-up has: bookworm's, in which packages are replaced by trixie's, some in
 * each version. So content changes as it does between releases, and the same two roots give the same ten trees, without a network.
 * They are for measuring only: nothing is configured, and the packages that trixie's need in addition are missing.
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { copyTree } from "./store-work.ts";

/** The packages that each version after the first has from trixie; the last one has all that are left. */
const STEPS: readonly (readonly string[])[] = [
  ["liblzma5", "libpcre2-8-0"],
  ["apt", "debconf", "adduser"],
  ["libcom-err2", "libsystemd0", "libudev1", "sysvinit-utils", "libxxhash0"],
  ["libc6", "libc-bin"],
  [
    "libgcc-s1",
    "libstdc++6",
    "libgmp10",
    "libzstd1",
    "liblz4-1",
    "libp11-kit0",
    "libidn2-0",
    "libgcrypt20",
    "libgpg-error0",
  ],
  ["coreutils", "bash", "dash", "grep", "sed", "tar", "gzip", "findutils", "diffutils"],
  [
    "util-linux",
    "mount",
    "bsdutils",
    "libblkid1",
    "libmount1",
    "libuuid1",
    "libsmartcols1",
    "passwd",
    "login",
    "libpam0g",
  ],
  ["dpkg", "perl-base"],
];
const VERSIONS = STEPS.length + 2;

/** What an image for containers leaves out, and what trixie's root was installed without. */
const LEFT_OUT = [
  ...["doc", "man", "info", "locale", "lintian"].map((name) => `usr/share/${name}/*`),
  "var/lib/apt/lists/*",
  "var/cache/apt/*",
  "var/cache/ldconfig/aux-cache",
  "var/log/*",
  // Programs that are compared refuse devices.
  "dev/*",
];
/** Its time zones were left out. */
const KEPT = new Set(["tzdata", "base-files"]);

/** A root directory of Debian. */
export class DebianRoot {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Names of its packages. */
  packages(): string[] {
    return [...this.stanzas().keys()];
  }

  /** The records of dpkg, by package. */
  stanzas(): Map<string, string> {
    const text = readFileSync(join(this.path, "var/lib/dpkg/status"), "latin1").trimEnd();
    return new Map(text.split("\n\n").map((stanza) => [/^Package: (.*)$/m.exec(stanza)?.[1] ?? "", stanza]));
  }

  /** Files of dpkg about a package, relative. */
  records(name: string): string[] {
    const all = globSync([`var/lib/dpkg/info/${name}.*`, `var/lib/dpkg/info/${name}:*`], { cwd: this.path });
    return all.sort();
  }

  /** Paths, relative, of what a package has there but for directories. */
  files(name: string): string[] {
    const list = this.records(name).find((path) => path.endsWith(".list"));
    if (list === undefined) return [];
    const lines = readFileSync(join(this.path, list), "utf8").split("\n");
    return lines.map((line) => line.slice(1)).filter((path) => path !== "" && this.#hasFile(path));
  }

  /** The same path without links on the way; throws for one that leaves the root. */
  resolve(path: string): string {
    const parent = realpathSync(join(this.path, dirname(path)));
    if (parent !== this.path && !parent.startsWith(`${this.path}/`))
      throw new Error(`${path} leads out of ${this.path}`);
    return join(parent.slice(this.path.length + 1), basename(path));
  }

  #hasFile(path: string): boolean {
    // /bin, /lib and so on are links, which lists have as directories.
    if (!path.includes("/")) return false;
    const entry = lstatSync(join(this.path, path), { throwIfNoEntry: false });
    return entry?.isDirectory() === false;
  }
}

/** Replaces packages of `root` by those of `other`. */
function replacePackages(root: DebianRoot, other: DebianRoot, names: readonly string[]): void {
  const stanzas = root.stanzas();
  const newer = other.stanzas();
  const copied: string[] = [];
  for (const name of names) {
    const stanza = newer.get(name);
    if (stanza === undefined) throw new Error(`${other.path} has no package ${name}`);
    for (const path of [...root.files(name), ...root.records(name)]) rmSync(join(root.path, root.resolve(path)));
    copied.push(...other.files(name), ...other.records(name));
    stanzas.set(name, stanza);
  }
  // By tar, which keeps everything, and hard links among them.
  const list = copied.map((path) => `${other.resolve(path)}\0`).join("");
  const options = ["--null", "--no-recursion", "--verbatim-files-from", "--files-from=-"];
  const archive = execFileSync("tar", ["-C", other.path, ...options, "-cf", "-"], { input: list, maxBuffer: 1 << 30 });
  execFileSync("tar", ["-C", root.path, "-xpf", "-", "--keep-directory-symlink"], { input: archive });
  writeFileSync(join(root.path, "var/lib/dpkg/status"), `${[...stanzas.values()].join("\n\n")}\n`, "latin1");
}

/** The packages that both roots have in different versions, in byte order. */
export function changedPackages(root: DebianRoot, other: DebianRoot): string[] {
  const newer = other.stanzas();
  const versionOf = (stanza: string | undefined): string | undefined => /^Version: (.*)$/m.exec(stanza ?? "")?.[1];
  return [...root.stanzas()]
    .filter(([name, stanza]) => !KEPT.has(name) && newer.has(name) && versionOf(stanza) !== versionOf(newer.get(name)))
    .map(([name]) => name)
    .sort();
}

/**
 * Makes the series, unless it is complete. Returns the paths of its trees, oldest first.
 *
 * @param older bookworm's root
 * @param newer trixie's
 * @param directory where the trees go
 */
export function makeSeries(older: string, newer: string, directory: string): string[] {
  const paths = Array.from({ length: VERSIONS }, (_, index) => join(directory, `v${index + 1}`));
  if (paths.every((path) => existsSync(path))) return paths;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const trixie = new DebianRoot(realpathSync(newer));
  const changed = changedPackages(new DebianRoot(realpathSync(older)), trixie);
  const left = changed.filter((name) => !STEPS.flat().includes(name));
  for (const [index, path] of paths.entries()) {
    copyTree(index === 0 ? older : paths[index - 1], `${path}.new`);
    const root = new DebianRoot(realpathSync(`${path}.new`));
    if (index === 0)
      for (const entry of globSync(LEFT_OUT, { cwd: root.path })) rmSync(join(root.path, entry), { recursive: true });
    else
      replacePackages(
        root,
        trixie,
        (STEPS[index - 1] ?? left).filter((name) => changed.includes(name)),
      );
    renameSync(`${path}.new`, path);
  }
  return paths;
}

/** The trees v1, v2 and so on of a directory that was given. */
export function givenSeries(directory: string): string[] {
  const paths: string[] = [];
  for (let path = join(directory, "v1"); existsSync(path); path = join(directory, `v${paths.length + 1}`))
    paths.push(path);
  if (paths.length === 0) throw new Error(`${directory} has no v1: a series is v1, v2 and so on`);
  return paths;
}
