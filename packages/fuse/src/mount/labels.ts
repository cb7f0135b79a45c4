import { existsSync } from "node:fs";
import type { FileSystemContext } from "@puzzlefs/linux";

/** Sets options of SELinux. They are ignored if the kernel runs without it, as by mount(8). */
export function setLabels(context: FileSystemContext, labels: readonly (readonly [string, string])[]): void {
  if (labels.length === 0 || !existsSync("/sys/fs/selinux/enforce")) return;
  for (const [name, value] of labels) context.set(name, value);
}
