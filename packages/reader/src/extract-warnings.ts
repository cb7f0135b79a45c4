import { readFileSync } from "node:fs";
import { escapeBytes } from "./escape.ts";
import { pathOf } from "./walk.ts";
import type { Visit } from "./walk.ts";

/** Something that could not be restored, with how often and where first. */
export interface ExtractWarning {
  what: string;
  count: number;
  /** Escaped path inside the image. */
  first: string;
}

/** What the kernel answers to someone who may not, or to a file system that cannot. */
const notPermitted = new Set(["EPERM", "EACCES", "EINVAL"]);
const notSupported = new Set(["ENOTSUP", "EOPNOTSUPP"]);

/** Collects what an ordinary user cannot have (owners, devices, trusted attributes); for root those are errors. */
export class ExtractWarnings {
  readonly #privileged: boolean;
  readonly #warnings = new Map<string, ExtractWarning>();

  constructor(privileged = isPrivileged()) {
    this.#privileged = privileged;
  }

  get list(): ExtractWarning[] {
    return [...this.#warnings.values()];
  }

  add(what: string, visit: Visit): void {
    const known = this.#warnings.get(what);
    if (known !== undefined) known.count += 1;
    else this.#warnings.set(what, { what, count: 1, first: escapeBytes(pathOf(visit)) });
  }

  /** Whether the call succeeded; a refusal that is no surprise becomes a warning, anything else is thrown. */
  tolerate(what: string, visit: Visit, call: () => void): boolean {
    try {
      call();
      return true;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "";
      if (!notSupported.has(code) && (this.#privileged || !notPermitted.has(code))) throw error;
      this.add(what, visit);
      return false;
    }
  }
}

/** Root over all ids: inside a user namespace root may neither make devices nor give files to unmapped ids. */
function isPrivileged(): boolean {
  if (process.geteuid?.() !== 0) return false;
  try {
    return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "latin1"));
  } catch {
    return true;
  }
}
