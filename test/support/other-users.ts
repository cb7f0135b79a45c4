import { spawnSync } from "node:child_process";
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { puzzlefs } from "./programs.ts";
import type { Scratch } from "./scratch.ts";

/** Programs run by an ordinary user, for whom root's home is closed: the checkout and Node may be in it. */

/** Words before a command, to run it as the user nobody. Root only. */
export const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
/** The user nobody, become root of a user namespace. */
export const namespaceRoot = [...nobody, "unshare", "-rm"];

const program = resolve(dirname(puzzlefs), "../../..");

/** Whether user namespaces can be made here by ordinary users. */
export function hasUserNamespaces(): boolean {
  return spawnSync(namespaceRoot[0] as string, [...namespaceRoot.slice(1), "true"]).status === 0;
}

/**
 * The program and arguments that run a shell script as `user`, with `puzzlefs`, `$node` and `$checkout` in it. The checkout and Node are bound
 * read-only to where every user can reach them, in a mount namespace of this command's own; so is a /dev/fuse for
 * all users, as udev makes it, if that is missing.
 */
export function checkoutForOthers(scratch: Scratch, user: readonly string[], script: string): [string, string[]] {
  const directory = scratch.directory("bound");
  const [bound, modules, node] = ["program", "modules", "node"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [bound, modules]) mkdirSync(path);
  writeFileSync(node, "");
  const scriptPath = join(directory, "script");
  const names = `node=${node} checkout=${bound}`;
  const shellFunction = `puzzlefs() { ${node} ${bound}/build/lib/puzzlefs.js "$@"; }`;
  writeFileSync(scriptPath, `set -eu\ncd /\n${names}\n${shellFunction}\n${script}\n`);
  const device = join(directory, "fuse");
  const setUp = [
    `mknod -m 0666 "${device}" c 10 229`,
    `mount --bind "${device}" /dev/fuse`,
    `mount --bind -o ro "${program}" "${bound}"`,
    `mount --bind -o ro "${realpathSync(process.execPath)}" "${node}"`,
    `exec "$@"`,
  ].join(" && ");
  return ["unshare", ["-m", "sh", "-c", setUp, "sh", ...user, "sh", scriptPath]];
}
