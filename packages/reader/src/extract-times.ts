import type { FileStatus } from "@puzzlefs/linux";
import type { Attributes } from "./tree.ts";

/**
 * Which modification times the target's file system keeps. The kernel clamps and rounds what it cannot store, without an
 * error (ext4 with small inodes: 1901 to 2038, whole seconds), so times are read back; but only those outside of the
 * span that has proved to be kept.
 */
export class KeptTimes {
  #earliest = Infinity;
  #latest = -Infinity;
  #keepsNanoseconds = false;

  /** Whether a time is in the span that is known to be kept, so that it need not be read back. */
  isProven({ mtimeSeconds, mtimeNanoseconds }: Attributes): boolean {
    const inside = mtimeSeconds >= this.#earliest && mtimeSeconds <= this.#latest;
    return inside && (mtimeNanoseconds === 0 || this.#keepsNanoseconds);
  }

  /** Whether a time that was set is the one that is stored. */
  isKept(set: Attributes, stored: FileStatus): boolean {
    if (stored.mtimeSeconds !== set.mtimeSeconds) return false;
    this.#earliest = Math.min(this.#earliest, set.mtimeSeconds);
    this.#latest = Math.max(this.#latest, set.mtimeSeconds);
    if (stored.mtimeNanoseconds !== set.mtimeNanoseconds) return false;
    // Some file systems count in steps of 100 ns or of 1 µs.
    if (set.mtimeNanoseconds % 100 !== 0) this.#keepsNanoseconds = true;
    return true;
  }
}
