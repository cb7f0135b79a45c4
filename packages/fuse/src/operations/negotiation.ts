import { EPROTO } from "@puzzlefs/linux";
import * as abi from "../wire/abi.ts";
import { MAX_READ_BYTES, type Reply } from "../wire/reply.ts";
import type { Request } from "../wire/request.ts";
import { mayHaveAcls, type MountableTree } from "./mountable.ts";

const { InitFlag, InitFlag2 } = abi;

/**
 * The outcome of INIT. Plain data, for another thread or process on the same device.
 */
export interface Negotiated {
  minor: number;
  flags: number;
  flags2: number;
  /** Bytes the kernel will read ahead at most. */
  maxReadahead: number;
}

/** Nothing is written, so the smallest value that the kernel accepts: the request buffer need not hold data. */
const MAX_WRITE = 4096;

/** Requests that the kernel keeps in flight for readahead and the like; beyond 3/4 of it the device counts as congested. */
const MAX_BACKGROUND = 64;
/** The same where reads may wait for content: the others must not wait for them in the kernel. */
const MAX_BACKGROUND_WAITING = 768;

/** Flags that are set if the kernel offers them. */
const WANTED =
  InitFlag.ASYNC_READ |
  InitFlag.EXPORT_SUPPORT |
  InitFlag.DO_READDIRPLUS |
  InitFlag.ASYNC_DIO |
  InitFlag.NO_OPEN_SUPPORT |
  InitFlag.PARALLEL_DIROPS |
  InitFlag.MAX_PAGES |
  InitFlag.CACHE_SYMLINKS |
  InitFlag.NO_OPENDIR_SUPPORT |
  InitFlag.INIT_EXT;
// Left out on purpose. READDIRPLUS_AUTO: attributes come from memory, so sending them along always beats a LOOKUP
// each afterwards. AUTO_INVAL_DATA and EXPLICIT_INVAL_DATA: content never changes under a mount.

/**
 * Answers INIT. Returns the size of the body, or a negated error number for a kernel that is too old. `settled` gets
 * the outcome; it is not called when the kernel's major version is newer than ours, because then the kernel repeats
 * INIT with the version that the reply names.
 */
export function negotiate(
  tree: MountableTree,
  request: Request,
  reply: Reply,
  settled: (outcome: Negotiated) => void,
): number {
  const buffer = reply.buffer;
  const at = abi.OUT_HEADER_SIZE;
  buffer.zero(at, at + abi.INIT_OUT_SIZE);
  buffer.put32(at + abi.initOut.major, abi.KERNEL_MAJOR);
  if (request.initMajor > abi.KERNEL_MAJOR) {
    buffer.put32(at + abi.initOut.minor, abi.NEWEST_MINOR);
    return abi.INIT_OUT_SIZE;
  }
  if (request.initMajor < abi.KERNEL_MAJOR || request.initMinor < abi.OLDEST_MINOR) return -EPROTO;

  // The kernel waits for the requests of an asynchronous direct read without looking at signals, and sends no INTERRUPT for them.
  const unwanted = tree.arrival === undefined ? 0 : InitFlag.ASYNC_DIO;
  const acls = mayHaveAcls(tree) ? InitFlag.POSIX_ACL : 0;
  const outcome: Negotiated = {
    minor: Math.min(request.initMinor, abi.NEWEST_MINOR),
    flags: request.initFlags & (WANTED | acls) & ~unwanted,
    flags2: request.initFlags2 & InitFlag2.ALLOW_IDMAP,
    maxReadahead: request.initMaxReadahead,
  };
  buffer.put32(at + abi.initOut.minor, outcome.minor);
  buffer.put32(at + abi.initOut.max_readahead, outcome.maxReadahead);
  buffer.put32(at + abi.initOut.flags, outcome.flags);
  const background = tree.arrival === undefined ? MAX_BACKGROUND : MAX_BACKGROUND_WAITING;
  buffer.put16(at + abi.initOut.max_background, background);
  buffer.put16(at + abi.initOut.congestion_threshold, (background * 3) / 4);
  buffer.put32(at + abi.initOut.max_write, MAX_WRITE);
  buffer.put32(at + abi.initOut.time_gran, 1);
  buffer.put16(at + abi.initOut.max_pages, MAX_READ_BYTES / 4096);
  buffer.put32(at + abi.initOut.flags2, outcome.flags2);
  settled(outcome);
  return abi.INIT_OUT_SIZE;
}
