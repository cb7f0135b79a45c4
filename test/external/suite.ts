/** What a suite is. */
import type { Material } from "./material.ts";
import type { Place } from "./place.ts";
import type { Report } from "./report.ts";

/** A directory that places show at `/suites/NAME`. */
export interface Need {
  name: string;
  /** Below the directory NAME of external sources; an absolute path is one of ours. */
  directory: string;
  /** What must be there, built as its authors say. */
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
  place: Place;
  report: Report;
  material: Material;
  sources: string;
}

export interface Suite {
  name: string;
  needs: readonly Need[];
  /** Whether it makes sense with the kernel driver only. */
  driverOnly: boolean;
  /** Makes what it wants besides the usual material. */
  prepare?: (preparation: Preparation) => void;
  run(run: Run): Promise<void>;
}
