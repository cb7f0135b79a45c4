import { Kind } from "./generated/snapshots_pb.js";
import type { Members } from "./filter.ts";

export { Kind };

export type Labels = Readonly<Record<string, string>>;

/** A snapshot as it is recorded. */
export interface Snapshot {
  /** Never given to another one. */
  readonly id: number;
  /** containerd's name of it: "key" until it is committed. */
  readonly name: string;
  /** The parent's name, "" without one. */
  readonly parent: string;
  readonly parentId: number | undefined;
  readonly kind: Kind;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly updated: number;
  readonly labels: Labels;
  /** Hex sha256 of the canonical manifest, if this committed snapshot is an image of PuzzleFS. */
  readonly image: string | undefined;
  /** The image below this snapshot, if its chain of parents begins with one. */
  readonly base: string | undefined;
  /** Of a committed one that is no image: bytes and inodes that it takes. */
  readonly size: number;
  readonly inodes: number;
}

/** Disk space. */
export interface Usage {
  bytes: number;
  inodes: number;
}

const KIND_NAMES: Readonly<Record<number, string>> = {
  [Kind.VIEW]: "view",
  [Kind.ACTIVE]: "active",
  [Kind.COMMITTED]: "committed",
};

/** The members of a snapshot that filters name. */
export function membersOf({ name, parent, kind, labels }: Snapshot): Members {
  return ([first, ...rest]) => {
    if (first === "labels" && rest.length > 0) {
      const key = rest.join(".");
      return Object.hasOwn(labels, key) ? labels[key] : undefined;
    }
    if (rest.length > 0) return undefined;
    return { name, parent, kind: KIND_NAMES[kind] }[first];
  };
}
