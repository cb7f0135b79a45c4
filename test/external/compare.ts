/** Shell commands that compare a program's output for the source with its output for an image. */
import { guestPaths, type Outcome } from "./target.ts";

/**
 * Runs `command` with `$tree` for the source and for an image, in that directory, and compares what it prints, errors
 * included.
 */
export function sameOutput(image: string, command: string): string {
  const at = (tree: string, file: string): string => `(tree=${tree}; cd $tree && ${command}) >/tmp/${file} 2>&1`;
  const status = "&& echo 0 >>/tmp/FILE || echo $? >>/tmp/FILE";
  return [
    `${at(guestPaths.source, "expected")} ${status.replaceAll("FILE", "expected")}`,
    `${at(guestPaths.image(image), "found")} ${status.replaceAll("FILE", "found")}`,
    "[ $(wc -l </tmp/expected) -gt 1 ] || { cat /tmp/expected; exit 1; }",
    "diff -a /tmp/expected /tmp/found",
  ].join("\n");
}

/** For commands that print differences: nothing may be printed. */
export function silent({ status, stdout, stderr }: Outcome): string | undefined {
  return status === 0 && stdout === "" && stderr === "" ? undefined : `differences (exit status ${status})`;
}
