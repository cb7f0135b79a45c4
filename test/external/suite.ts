/** A test suite of another project. */
import type { Material } from "./material.ts";
import type { Target } from "./target.ts";
import type { Report } from "./report.ts";

/** A directory that targets have at `/suites/NAME`. */
export interface Need {
  name: string;
  /** Below the directory NAME of external sources; an absolute path is one of ours. */
  directory: string;
  /** Files that must exist, built by its authors' instructions. */
  files: readonly string[];
}

export interface Preparation {
  /** Root directory with Debian's userland. */
  debian: string;
  material: Material;
  /** Where external sources are. */
  sources: string;
}

export interface Run {
  target: Target;
  report: Report;
  material: Material;
  sources: string;
}

export interface Suite {
  name: string;
  needs: readonly Need[];
  /** Whether it makes sense with the kernel driver only. */
  driverOnly: boolean;
  /** Makes what it needs in addition to the usual material. */
  prepare?: (preparation: Preparation) => void;
  run(run: Run): Promise<void>;
}
